#include "platform/base/ids.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>
#include <cstring>

#include "absl/strings/escaping.h"
#include "platform/base/status.h"

namespace compagnon {

std::string RandomBytes(size_t size) {
  std::string bytes(size, '\0');
  if (size > 0 && RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(size)) != 1) {
    Die("the operating system gives no random bytes");
  }
  return bytes;
}

int64_t RandomPositiveInt64() {
  for (;;) {
    uint64_t bits = 0;
    const std::string bytes = RandomBytes(sizeof bits);
    std::memcpy(&bits, bytes.data(), sizeof bits);
    bits &= 0x7fffffffffffffffULL;
    if (bits != 0) return static_cast<int64_t>(bits);
  }
}

std::string NewUuidV7(absl::Time now) {
  std::string b = RandomBytes(16);
  const uint64_t ms = static_cast<uint64_t>(absl::ToUnixMillis(now));
  for (int i = 0; i < 6; ++i) b[i] = static_cast<char>(ms >> (8 * (5 - i)));
  b[6] = static_cast<char>((b[6] & 0x0f) | 0x70);
  b[8] = static_cast<char>((b[8] & 0x3f) | 0x80);
  std::string hex = HexEncode(b);
  for (size_t at : {8u, 13u, 18u, 23u}) hex.insert(at, "-");
  return hex;
}

std::string HexEncode(std::string_view bytes) {
  return absl::BytesToHexString(absl::string_view(bytes.data(), bytes.size()));
}

bool HexDecode(std::string_view hex, std::string* bytes) {
  if (hex.size() % 2 != 0) return false;
  std::string out(hex.size() / 2, '\0');
  auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  for (size_t i = 0; i < out.size(); ++i) {
    const int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<char>(high << 4 | low);
  }
  *bytes = std::move(out);
  return true;
}

std::string Base64UrlEncode(std::string_view bytes) {
  std::string text = absl::WebSafeBase64Escape(absl::string_view(bytes.data(), bytes.size()));
  while (!text.empty() && text.back() == '=') text.pop_back();
  return text;
}

bool Base64UrlDecode(std::string_view text, std::string* bytes) {
  // Abseil forgives white space and padding; a token must have one spelling only.
  for (char c : text) {
    const bool allowed =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (!allowed) return false;
  }
  std::string decoded;
  if (!absl::WebSafeBase64Unescape(absl::string_view(text.data(), text.size()), &decoded)) return false;
  if (Base64UrlEncode(decoded) != text) return false;
  *bytes = std::move(decoded);
  return true;
}

std::string Sha256(std::string_view bytes) {
  std::string out(32, '\0');
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(out.data()), &size, EVP_sha256(),
                 nullptr) != 1) {
    Die("SHA-256 is not available");
  }
  return out;
}

std::string HmacSha256(std::string_view key, std::string_view bytes) {
  std::string out(32, '\0');
  unsigned int size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(bytes.data()),
           bytes.size(), reinterpret_cast<unsigned char*>(out.data()), &size) == nullptr) {
    Die("HMAC-SHA-256 is not available");
  }
  return out;
}

}  // namespace compagnon
