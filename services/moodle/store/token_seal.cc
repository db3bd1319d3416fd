#include "moodle/store/token_seal.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "absl/strings/str_cat.h"
#include "platform/base/ids.h"

namespace compagnon::moodle {
namespace {

constexpr char kVersion = 1;
constexpr int kNonce = 12;
constexpr int kTag = 16;

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* Bytes(std::string_view s) { return reinterpret_cast<const unsigned char*>(s.data()); }
unsigned char* Bytes(std::string& s) { return reinterpret_cast<unsigned char*>(s.data()); }

// Makes a key at `path`, unless another process does so first. The key gets its name when it is whole: of processes
// that start at once one names its own, and all read that one. A copy left by a crash is named by nobody.
absl::Status MakeKey(const std::string& path) {
  const std::string draft = absl::StrCat(path, ".", HexEncode(RandomBytes(8)));
  const int fd = open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return absl::FailedPreconditionError(absl::StrCat(path, ": cannot be made"));
  const std::string line = absl::StrCat(HexEncode(RandomBytes(32)), "\n");
  const bool written = write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()) && fsync(fd) == 0;
  close(fd);
  const bool named = written && (link(draft.c_str(), path.c_str()) == 0 || errno == EEXIST);
  unlink(draft.c_str());
  if (!written) return absl::ResourceExhaustedError(absl::StrCat(path, ": cannot be written"));
  if (!named) return absl::FailedPreconditionError(absl::StrCat(path, ": cannot be made"));
  return absl::OkStatus();
}

}  // namespace

TokenSeal::TokenSeal(std::string key) : key_(std::move(key)) {
  if (key_.size() != 32) Die("the key that seals tokens is not 32 bytes");
}

absl::StatusOr<TokenSeal> TokenSeal::Open(const Config& config) {
  const std::string& key_file = config.moodle.key_file;
  const std::string path = key_file.empty() ? absl::StrCat(config.data_dir, "/moodle.key") : key_file;
  if (key_file.empty()) {
    if (config.store.backend == "postgresql") {
      return absl::InvalidArgumentError(
          "moodle.key_file is missing: on PostgreSQL every process of moodle opens the same tokens with the same key");
    }
    mkdir(config.data_dir.c_str(), 0700);
    if (access(path.c_str(), F_OK) != 0) RETURN_IF_ERROR(MakeKey(path));
  }
  ASSIGN_OR_RETURN(const std::string hex, ReadSecretFile(path));
  std::string key;
  if (!HexDecode(hex, &key) || key.size() != 32)
    return absl::FailedPreconditionError(absl::StrCat(path, ": 64 hexadecimal digits are expected"));
  return TokenSeal(std::move(key));
}

std::string TokenSeal::Seal(std::string_view site, std::string_view token) const {
  std::string out(1 + kNonce + token.size() + kTag, '\0');
  out[0] = kVersion;
  out.replace(1, kNonce, RandomBytes(kNonce));
  const Context context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int n = 0;
  const bool ok = EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, Bytes(std::string_view(key_)),
                                     Bytes(std::string_view(out)) + 1) == 1 &&
                  EVP_EncryptUpdate(context.get(), nullptr, &n, Bytes(site), static_cast<int>(site.size())) == 1 &&
                  EVP_EncryptUpdate(context.get(), Bytes(out) + 1 + kNonce, &n, Bytes(token),
                                    static_cast<int>(token.size())) == 1 &&
                  EVP_EncryptFinal_ex(context.get(), Bytes(out) + 1 + kNonce + n, &n) == 1 &&
                  EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTag, Bytes(out) + out.size() - kTag) == 1;
  if (!ok) Die("AES-256-GCM is not available");
  return out;
}

absl::StatusOr<std::string> TokenSeal::Unseal(std::string_view site, std::string_view sealed) const {
  const absl::Status lost = absl::DataLossError("a site's token does not open with this key");
  if (sealed.size() < 1 + kNonce + kTag || sealed[0] != kVersion) return lost;
  const std::string_view cipher = sealed.substr(1 + kNonce, sealed.size() - 1 - kNonce - kTag);
  std::string tag(sealed.substr(sealed.size() - kTag));
  std::string out(cipher.size() + 1, '\0');
  const Context context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int n = 0, last = 0;
  const bool ok =
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, Bytes(std::string_view(key_)), Bytes(sealed) + 1) ==
          1 &&
      EVP_DecryptUpdate(context.get(), nullptr, &n, Bytes(site), static_cast<int>(site.size())) == 1 &&
      EVP_DecryptUpdate(context.get(), Bytes(out), &n, Bytes(cipher), static_cast<int>(cipher.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTag, Bytes(tag)) == 1 &&
      EVP_DecryptFinal_ex(context.get(), Bytes(out) + n, &last) == 1;
  if (!ok) return lost;
  out.resize(static_cast<size_t>(n + last));
  return out;
}

}  // namespace compagnon::moodle
