#include "edge/sign_in.h"

#include <catch2/catch.hpp>

#include "edge/profiles.h"
#include "edge/same_origin.h"
#include "edge/sessions.h"
#include "memory_keys.h"
#include "platform/base/ids.h"

namespace compagnon::edge {
namespace {

const SignInGrant kGrant{"p-1", "coordinator", {"sites/sn1"}};

struct World {
  TestClock clock;
  MemoryKeys keys{clock};
  Sessions sessions{keys, clock, {}};
};

std::string TokenOf(const std::string& link) { return link.substr(link.rfind('/') + 1); }

}  // namespace

TEST_CASE("a link signs in once and never again") {
  World world;
  const auto link = CreateSignInLink(world.keys, "https://compagnon.example.org/", kGrant);
  REQUIRE(link.ok());
  CHECK(link->starts_with("https://compagnon.example.org/sign-in/"));
  const std::string token = TokenOf(*link);
  CHECK(token.size() == 43);
  // Looking does not use it up: mail scanners look.
  for (int i = 0; i < 3; ++i) CHECK((*PeekSignInLink(world.keys, token))->person == "p-1");
  const auto taken = TakeSignInLink(world.keys, token);
  REQUIRE((taken.ok() && taken->has_value()));
  CHECK((*taken)->scopes == kGrant.scopes);
  CHECK((*taken)->profile == "coordinator");
  CHECK_FALSE(TakeSignInLink(world.keys, token)->has_value());
  CHECK_FALSE(PeekSignInLink(world.keys, token)->has_value());
}

TEST_CASE("a link older than fifteen minutes is worth nothing") {
  World world;
  const std::string token = TokenOf(*CreateSignInLink(world.keys, "https://x", kGrant));
  world.clock.now += absl::Minutes(15);
  CHECK_FALSE(TakeSignInLink(world.keys, token)->has_value());
}

TEST_CASE("the keys hold neither the token nor the cookie") {
  World world;
  const std::string token = TokenOf(*CreateSignInLink(world.keys, "https://x", kGrant));
  const std::string cookie = *world.sessions.Start(kGrant);
  std::string token_bytes, cookie_bytes;
  REQUIRE(Base64UrlDecode(token, &token_bytes));
  REQUIRE(Base64UrlDecode(cookie, &cookie_bytes));
  REQUIRE(cookie_bytes.size() == 32);
  for (const auto& [key, entry] : world.keys.values) {
    for (const std::string& secret :
         {token, cookie, token_bytes, cookie_bytes, HexEncode(token_bytes), HexEncode(cookie_bytes)}) {
      CHECK(key.find(secret) == std::string::npos);
      CHECK(entry.value.find(secret) == std::string::npos);
    }
  }
}

TEST_CASE("tokens that are none ask the keys nothing") {
  World world;
  world.keys.down = true;
  for (const char* token :
       {"", "short", "../../x", "!!!!", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}) {
    const auto taken = TakeSignInLink(world.keys, token);
    REQUIRE(taken.ok());
    CHECK_FALSE(taken->has_value());
  }
}

TEST_CASE("a grant names a known profile and real scopes") {
  CHECK(CheckGrant(kGrant).ok());
  CHECK(CheckGrant({"p", "reader", {"*"}}).ok());
  CHECK(CheckGrant({"p", "reader", {"sites/sn1/courses/4/cohorts/A"}}).ok());
  CHECK_FALSE(CheckGrant({"", "reader", {"*"}}).ok());
  CHECK_FALSE(CheckGrant({"name@example.org", "reader", {"*"}}).ok());
  CHECK_FALSE(CheckGrant({std::string(65, 'p'), "reader", {"*"}}).ok());
  CHECK_FALSE(CheckGrant({"p", "admin", {"*"}}).ok());
  CHECK_FALSE(CheckGrant({"p", "reader", {}}).ok());
  for (const char* scope : {"", "sn1", "sites/", "sites//x", "sites/sn1/", "sites/a b"})
    CHECK_FALSE(CheckGrant({"p", "reader", {scope}}).ok());
}

TEST_CASE("a session is found by its cookie until it has been idle for half an hour") {
  World world;
  const std::string cookie = *world.sessions.Start(kGrant);
  REQUIRE(world.sessions.Find(cookie)->has_value());
  CHECK((*world.sessions.Find(cookie))->person == "p-1");
  // Reading now and then keeps it.
  for (int i = 0; i < 4; ++i) {
    world.clock.now += absl::Minutes(25);
    REQUIRE(world.sessions.Find(cookie)->has_value());
  }
  world.clock.now += absl::Minutes(31);
  CHECK_FALSE(world.sessions.Find(cookie)->has_value());
}

TEST_CASE("a session ends after eight hours however busy") {
  World world;
  const std::string cookie = *world.sessions.Start(kGrant);
  for (int i = 0; i < 31; ++i) {
    world.clock.now += absl::Minutes(15);
    REQUIRE(world.sessions.Find(cookie)->has_value());
  }
  world.clock.now += absl::Minutes(15);
  CHECK_FALSE(world.sessions.Find(cookie)->has_value());
}

TEST_CASE("reading pages writes to the keys once a minute at most") {
  World world;
  const std::string cookie = *world.sessions.Start(kGrant);
  (void)world.sessions.Find(cookie);
  const int before = world.keys.writes;
  for (int i = 0; i < 50; ++i) {
    world.clock.now += absl::Seconds(1);
    REQUIRE(world.sessions.Find(cookie)->has_value());
  }
  CHECK(world.keys.writes == before);
}

TEST_CASE("a new sign-in of the same person ends the session before") {
  World world;
  const std::string first = *world.sessions.Start(kGrant);
  const std::string other = *world.sessions.Start({"p-2", "reader", {"*"}});
  const std::string second = *world.sessions.Start(kGrant);
  CHECK(first != second);
  CHECK_FALSE(world.sessions.Find(first)->has_value());
  CHECK(world.sessions.Find(second)->has_value());
  CHECK(world.sessions.Find(other)->has_value());
}

TEST_CASE("a session signed out is gone") {
  World world;
  const std::string cookie = *world.sessions.Start(kGrant);
  REQUIRE(world.sessions.End(**world.sessions.Find(cookie)).ok());
  CHECK_FALSE(world.sessions.Find(cookie)->has_value());
}

TEST_CASE("keys that are down are an error and never a missing session") {
  World world;
  const std::string cookie = *world.sessions.Start(kGrant);
  world.keys.down = true;
  CHECK(absl::IsUnavailable(world.sessions.Find(cookie).status()));
}

TEST_CASE("a broken record is no session") {
  World world;
  const std::string cookie = *world.sessions.Start(kGrant);
  for (auto& [key, entry] : world.keys.values) {
    if (key.starts_with("edge:session:")) entry.value = "{\"person\":";
  }
  CHECK_FALSE(world.sessions.Find(cookie).ok());
}

TEST_CASE("the cookie keeps to its host and away from scripts") {
  World world;
  const std::string cookie = world.sessions.SetCookie("abc");
  CHECK(cookie == "__Host-compagnon=abc; Path=/; HttpOnly; SameSite=Lax; Secure");
  CHECK(world.sessions.ClearCookie().ends_with("; Max-Age=0"));
  const Sessions loopback(world.keys, world.clock, {.secure = false});
  CHECK(loopback.SetCookie("abc") == "compagnon-loopback=abc; Path=/; HttpOnly; SameSite=Lax");
}

TEST_CASE("a form token is good for its session alone and never twice the same") {
  World world;
  const Session mine = **world.sessions.Find(*world.sessions.Start(kGrant));
  const Session theirs = **world.sessions.Find(*world.sessions.Start({"p-2", "reader", {"*"}}));
  const std::string token = MakeCsrfToken(mine);
  CHECK(token != MakeCsrfToken(mine));
  CHECK(CsrfTokenIsValid(mine, token));
  CHECK_FALSE(CsrfTokenIsValid(theirs, token));
  std::string changed = token;
  changed[0] = changed[0] == 'A' ? 'B' : 'A';
  CHECK_FALSE(CsrfTokenIsValid(mine, changed));
  CHECK_FALSE(CsrfTokenIsValid(mine, ""));
  CHECK_FALSE(CsrfTokenIsValid(mine, token.substr(0, 20)));
}

TEST_CASE("a public address is https or loopback") {
  CHECK(PublicAddress::Parse("https://compagnon.example.org")->authority == "compagnon.example.org");
  CHECK(PublicAddress::Parse("http://127.0.0.1:8400/")->loopback);
  CHECK_FALSE(PublicAddress::Parse("http://compagnon.example.org").ok());
  CHECK_FALSE(PublicAddress::Parse("http://127.0.0.1.example.org").ok());
  for (const char* url : {"", "compagnon.example.org", "ftp://x", "https://", "https://x/y", "https://u@x"})
    CHECK_FALSE(PublicAddress::Parse(url).ok());
}

TEST_CASE("a foreign name that resolves here is not served") {
  const auto loopback = *PublicAddress::Parse("http://127.0.0.1:8400");
  for (const char* host : {"127.0.0.1:8400", "localhost:9", "[::1]:8400", "127.0.0.1"}) CHECK(loopback.Serves(host));
  for (const char* host :
       {"", "evil.example.org", "127.0.0.1.evil.example.org:8400", "localhost.evil.example.org", "unix:x"})
    CHECK_FALSE(loopback.Serves(host));
  const auto site = *PublicAddress::Parse("https://compagnon.example.org");
  CHECK(site.Serves("Compagnon.example.org"));
  CHECK_FALSE(site.Serves("localhost"));
}

TEST_CASE("only a page of ours may post") {
  const auto address = *PublicAddress::Parse("https://compagnon.example.org");
  const auto allowed = [&](const char* fetch_site, const char* origin) {
    Request request;
    request.headers.Add("Host", "compagnon.example.org");
    if (*fetch_site) request.headers.Add("Sec-Fetch-Site", fetch_site);
    if (*origin) request.headers.Add("Origin", origin);
    return IsSameOrigin(address, request);
  };
  CHECK(allowed("same-origin", ""));
  CHECK(allowed("", "https://compagnon.example.org"));
  CHECK_FALSE(allowed("cross-site", "https://compagnon.example.org"));
  CHECK_FALSE(allowed("same-site", ""));
  CHECK_FALSE(allowed("none", ""));
  CHECK_FALSE(allowed("", "https://evil.example.org"));
  CHECK_FALSE(allowed("", "http://compagnon.example.org"));
  CHECK_FALSE(allowed("", "null"));
  CHECK_FALSE(allowed("", ""));
}

}  // namespace compagnon::edge
