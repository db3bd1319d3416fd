#ifndef COMPAGNON_PLATFORM_BASE_IDS_H_
#define COMPAGNON_PLATFORM_BASE_IDS_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace compagnon {

// UUIDv7 (RFC 9562), lower case, ordered by `now` to the millisecond. Random bits come from the operating system.
std::string NewUuidV7(absl::Time now);

// `size` bytes from the operating system's generator. Stops the process if there are none: nothing safe can follow.
std::string RandomBytes(size_t size);

// A positive 63-bit random number, never 0: a pseudonym.
int64_t RandomPositiveInt64();

// Lower-case hexadecimal and RFC 4648 base64url without padding. Decoders return false on any foreign character.
std::string HexEncode(std::string_view bytes);
bool HexDecode(std::string_view hex, std::string* bytes);
std::string Base64UrlEncode(std::string_view bytes);
bool Base64UrlDecode(std::string_view text, std::string* bytes);

// SHA-256 and HMAC-SHA-256, 32 bytes.
std::string Sha256(std::string_view bytes);
std::string HmacSha256(std::string_view key, std::string_view bytes);

}  // namespace compagnon

#endif  // COMPAGNON_PLATFORM_BASE_IDS_H_
