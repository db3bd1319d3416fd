#include "platform/rpc/principal.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "compagnon/access/v1/rights.pb.h"

namespace compagnon::rpc {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'790'000'000);

Caller Coordinator() {
  Caller caller;
  caller.person = "p-17";
  caller.session = "s-1";
  caller.permissions = {"analytics.figures.read"};
  caller.scopes = {"sites/sn1"};
  return caller;
}

std::string ReasonFor(const Verifier& verifier, const std::string& token, absl::Time now = kNow) {
  const auto caller = verifier.Verify(token, now);
  if (caller.ok()) return "accepted";
  CHECK(caller.status().code() == absl::StatusCode::kUnauthenticated);
  return ReasonOf(caller.status());
}

TEST_CASE("a scope covers itself and what lies below it and never its neighbour") {
  CHECK(ScopeCovers("*", "sites/sn1"));
  CHECK(ScopeCovers("sites/sn1", "sites/sn1"));
  CHECK(ScopeCovers("sites/sn1", "sites/sn1/courses/4"));
  CHECK_FALSE(ScopeCovers("sites/sn1", "sites/sn10"));
  CHECK_FALSE(ScopeCovers("sites/sn1/courses/4", "sites/sn1"));
  CHECK_FALSE(ScopeCovers("", "sites/sn1"));
  CHECK_FALSE(ScopeCovers("sites/sn1", ""));
}

TEST_CASE("a person's token gives back the person with rights and scopes") {
  const SigningKey edge = SigningKey::Generate();
  const Verifier verifier("analytics", {{"edge", edge.PublicPem()}});
  const auto caller = verifier.Verify(SignPerson(edge, "analytics", Coordinator(), kNow), kNow);
  REQUIRE(caller.ok());
  CHECK(caller->person == "p-17");
  CHECK(caller->session == "s-1");
  CHECK(caller->module.empty());
  CHECK(caller->permissions == std::vector<std::string>{"analytics.figures.read"});
  CHECK(caller->scopes == std::vector<std::string>{"sites/sn1"});
}

TEST_CASE("a service token names the module that signed it") {
  const SigningKey moodle = SigningKey::Generate();
  const Verifier verifier("analytics", {{"moodle", moodle.PublicPem()}});
  const auto caller = verifier.Verify(SignService(moodle, "moodle", "analytics", kNow), kNow);
  REQUIRE(caller.ok());
  CHECK(caller->module == "moodle");
  CHECK(caller->person.empty());
}

TEST_CASE("a token lives sixty seconds with five of skew on either side") {
  const SigningKey edge = SigningKey::Generate();
  const Verifier verifier("analytics", {{"edge", edge.PublicPem()}});
  const std::string token = SignPerson(edge, "analytics", Coordinator(), kNow);
  CHECK(ReasonFor(verifier, token, kNow + absl::Seconds(64)) == "accepted");
  CHECK(ReasonFor(verifier, token, kNow + absl::Seconds(65)) == "token_expired");
  CHECK(ReasonFor(verifier, token, kNow - absl::Seconds(5)) == "accepted");
  CHECK(ReasonFor(verifier, token, kNow - absl::Seconds(6)) == "token_from_the_future");
}

TEST_CASE("a token made for one module is refused by another") {
  const SigningKey edge = SigningKey::Generate();
  const Verifier verifier("moodle", {{"edge", edge.PublicPem()}});
  CHECK(ReasonFor(verifier, SignPerson(edge, "analytics", Coordinator(), kNow)) == "token_audience_wrong");
}

TEST_CASE("a token of an unknown issuer or of another key is refused") {
  const SigningKey edge = SigningKey::Generate(), other = SigningKey::Generate();
  const Verifier verifier("analytics", {{"edge", edge.PublicPem()}});
  CHECK(ReasonFor(verifier, SignService(other, "moodle", "analytics", kNow)) == "token_issuer_unknown");
  CHECK(ReasonFor(verifier, SignPerson(other, "analytics", Coordinator(), kNow)) == "token_signature_wrong");
}

TEST_CASE("one flipped bit anywhere in a token is refused") {
  const SigningKey edge = SigningKey::Generate();
  const Verifier verifier("analytics", {{"edge", edge.PublicPem()}});
  const std::string token = SignPerson(edge, "analytics", Coordinator(), kNow);
  for (size_t at = 0; at < token.size(); ++at) {
    std::string garbled = token;
    garbled[at] = static_cast<char>(garbled[at] ^ 0x04);
    CHECK_FALSE(verifier.Verify(garbled, kNow).ok());
  }
  CHECK(ReasonFor(verifier, "") == "token_missing");
  CHECK(ReasonFor(verifier, "no protobuf at all") == "token_malformed");
  CHECK(ReasonFor(verifier, std::string(100'000, 'x')) == "token_too_long");
  CHECK(ReasonFor(verifier, token + token) == "token_malformed");
  CHECK(ReasonFor(verifier, token + std::string("\x1a\x01x")) == "token_malformed");
}

// Signs any principal, as a module that went astray would.
std::string Sign(const SigningKey& key, const access::v1::Principal& principal) {
  access::v1::PrincipalToken token;
  token.set_principal(principal.SerializeAsString());
  token.set_signature(key.Sign(token.principal()));
  return token.SerializeAsString();
}

TEST_CASE("only the edge speaks for persons") {
  const SigningKey moodle = SigningKey::Generate();
  const Verifier verifier("analytics", {{"moodle", moodle.PublicPem()}});
  access::v1::Principal principal;
  principal.set_issuer("moodle");
  principal.set_audience("analytics");
  principal.set_person("p-17");
  principal.set_issued_at_us(absl::ToUnixMicros(kNow));
  principal.set_expires_at_us(absl::ToUnixMicros(kNow) + 60'000'000);
  CHECK(ReasonFor(verifier, Sign(moodle, principal)) == "token_issuer_wrong");
  principal.clear_person();
  CHECK(ReasonFor(verifier, Sign(moodle, principal)) == "accepted");
  principal.add_permissions("analytics.figures.read");
  CHECK(ReasonFor(verifier, Sign(moodle, principal)) == "token_malformed");
}

TEST_CASE("a token that would live longer than sixty seconds is refused") {
  const SigningKey moodle = SigningKey::Generate();
  const Verifier verifier("analytics", {{"moodle", moodle.PublicPem()}});
  access::v1::Principal principal;
  principal.set_issuer("moodle");
  principal.set_audience("analytics");
  principal.set_issued_at_us(absl::ToUnixMicros(kNow));
  principal.set_expires_at_us(absl::ToUnixMicros(kNow) + 61'000'000);
  CHECK(ReasonFor(verifier, Sign(moodle, principal)) == "token_malformed");
}

TEST_CASE("a signing key is saved for its owner alone and read back") {
  std::filesystem::create_directories(".run/unit");
  std::string folder = ".run/unit/key.XXXXXX";
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  const std::string file = folder + "/edge.pem";
  const SigningKey key = SigningKey::Generate();
  REQUIRE(key.Save(file).ok());
  struct stat info {};
  REQUIRE(stat(file.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  CHECK_FALSE(key.Save(file).ok());  // never over another
  const auto loaded = SigningKey::Load(file);
  REQUIRE(loaded.ok());
  CHECK(loaded->PublicPem() == key.PublicPem());
  CHECK_FALSE(SigningKey::Load(folder + "/absent.pem").ok());
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace compagnon::rpc
