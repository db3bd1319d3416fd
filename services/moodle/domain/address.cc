#include "moodle/domain/address.h"

#include <cstdint>

namespace compagnon::moodle {
namespace {

bool IsPublicV4(std::string_view b) {
  const auto at = [&](int i) { return static_cast<uint8_t>(b[i]); };
  const uint8_t a = at(0), c = at(1), d = at(2);
  if (a == 0 || a == 10 || a == 127 || a >= 224) return false;
  if (a == 100 && (c & 0xC0) == 64) return false;
  if (a == 169 && c == 254) return false;
  if (a == 172 && (c & 0xF0) == 16) return false;
  if (a == 192 && c == 168) return false;
  if (a == 192 && c == 0 && (d == 0 || d == 2)) return false;
  if (a == 198 && (c & 0xFE) == 18) return false;
  if (a == 198 && c == 51 && d == 100) return false;
  if (a == 203 && c == 0 && d == 113) return false;
  return true;
}

}  // namespace

bool IsPublicAddress(std::string_view bytes) {
  if (bytes.size() == 4) return IsPublicV4(bytes);
  if (bytes.size() != 16) return false;
  const auto at = [&](int i) { return static_cast<uint8_t>(bytes[i]); };
  // Only 2000::/3 is global unicast; what embeds an IPv4 address outside it (::ffff:0:0/96, 64:ff9b::/96) counts as
  // that address.
  static constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  static constexpr std::string_view kNat64("\0\x64\xff\x9b\0\0\0\0\0\0\0\0", 12);
  if (bytes.substr(0, 12) == kMapped || bytes.substr(0, 12) == kNat64) return IsPublicV4(bytes.substr(12));
  if ((at(0) & 0xE0) != 0x20) return false;
  if (at(0) == 0x20 && at(1) == 0x02) return IsPublicV4(bytes.substr(2, 4));           // 6to4
  if (at(0) == 0x20 && at(1) == 0x01 && at(2) == 0x00 && at(3) == 0x00) return false;  // Teredo
  if (at(0) == 0x20 && at(1) == 0x01 && at(2) == 0x0d && at(3) == 0xb8) return false;  // documentation
  return true;
}

}  // namespace compagnon::moodle
