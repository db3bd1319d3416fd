#ifndef COMPAGNON_MOODLE_STORE_TOKEN_SEAL_H_
#define COMPAGNON_MOODLE_STORE_TOKEN_SEAL_H_

#include <string>
#include <string_view>

#include "platform/base/config.h"
#include "platform/base/status.h"

namespace compagnon::moodle {

// Seals web-service tokens with AES-256-GCM (NIST SP 800-38D): version byte, 12-byte random nonce, ciphertext, 16-byte
// tag. The site's code is authenticated with it, so that a sealed token moved to another site's row does not open.
// Thread-safe.
class TokenSeal {
 public:
  // With the key of moodle.key_file: 64 hexadecimal digits, mode 0600. None named: <data_dir>/moodle.key, made at first
  // use; on PostgreSQL, which other machines may share, InvalidArgument.
  static absl::StatusOr<TokenSeal> Open(const Config& config);
  explicit TokenSeal(std::string key);  // 32 bytes

  std::string Seal(std::string_view site, std::string_view token) const;
  // DataLoss when the key is not the one it was sealed with, or the bytes were changed.
  absl::StatusOr<std::string> Unseal(std::string_view site, std::string_view sealed) const;

 private:
  std::string key_;
};

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_STORE_TOKEN_SEAL_H_
