#include "platform/base/ids.h"

#include <catch2/catch.hpp>
#include <set>

namespace compagnon {
namespace {

TEST_CASE("a UUIDv7 made later sorts later and says version 7 and variant 2") {
  const absl::Time now = absl::FromUnixMillis(1'780'000'000'123);
  const std::string a = NewUuidV7(now), b = NewUuidV7(now + absl::Milliseconds(1));
  CHECK(a < b);
  CHECK(a.size() == 36);
  CHECK(a[14] == '7');
  CHECK(std::string("89ab").find(a[19]) != std::string::npos);
  CHECK(a.substr(0, 8) == b.substr(0, 8));
}

TEST_CASE("SHA-256 and HMAC-SHA-256 give the published vectors") {
  // FIPS 180-4 example "abc"; RFC 4231 test case 2.
  CHECK(HexEncode(Sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(HexEncode(HmacSha256("Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("base64url and hexadecimal give back any bytes and refuse every foreign character") {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  for (size_t size : {0u, 1u, 2u, 3u, 255u, 256u}) {
    const std::string part = bytes.substr(0, size);
    std::string back;
    REQUIRE(Base64UrlDecode(Base64UrlEncode(part), &back));
    CHECK(back == part);
    REQUIRE(HexDecode(HexEncode(part), &back));
    CHECK(back == part);
  }
  std::string ignored;
  for (const char* wrong : {"a", "ab=", "a b", "ab+", "ab/", "QR"}) CHECK_FALSE(Base64UrlDecode(wrong, &ignored));
  for (const char* wrong : {"a", "0g", "0x"}) CHECK_FALSE(HexDecode(wrong, &ignored));
}

TEST_CASE("pseudonyms are positive and do not repeat") {
  std::set<int64_t> seen;
  for (int i = 0; i < 10'000; ++i) {
    const int64_t one = RandomPositiveInt64();
    REQUIRE(one > 0);
    REQUIRE(seen.insert(one).second);
  }
}

}  // namespace
}  // namespace compagnon
