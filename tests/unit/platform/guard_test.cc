#include <catch2/catch.hpp>
#include <stdexcept>

#include "fake_sites.h"
#include "google/rpc/status.pb.h"
#include "platform/base/log.h"
#include "platform/base/trace.h"
#include "platform/rpc/server.h"

namespace compagnon::rpc {
namespace {

// A server of FakeSites in this process.
struct InProcess {
  Keyring keys;
  FakeSites sites{keys.guard};
  std::unique_ptr<Server> server = std::move(Server::Open({})).value();
  std::shared_ptr<grpc::Channel> channel;
  InProcess() {
    REQUIRE(server->Serve({&sites}).ok());
    channel = server->InProcessChannel();
  }
  std::string Reason(const std::string& token, const std::string& name = "sites/sn1") {
    return ReasonOf(FromGrpc(GetSite(*channel, token, name)));
  }
};

TEST_CASE("a call without a principal is refused before its handler") {
  InProcess p;
  bool ran = false;
  p.sites.get = [&](const Caller&, moodle::v1::Site&) {
    ran = true;
    return absl::OkStatus();
  };
  const grpc::Status status = GetSite(*p.channel, "");
  CHECK(status.error_code() == grpc::StatusCode::UNAUTHENTICATED);
  CHECK(ReasonOf(FromGrpc(status)) == "token_missing");
  CHECK_FALSE(ran);
  CHECK(p.keys.Refusals() == std::vector<std::string>{"token_missing"});
}

TEST_CASE("permission and scope are both needed") {
  InProcess p;
  CHECK(p.Reason(p.keys.Person({"moodle.identity.read"}, {"*"})) == "permission_missing");
  CHECK(p.Reason(p.keys.Person({"moodle.sites.read"}, {"sites/sn10"})) == "scope_not_held");
  CHECK(p.Reason(p.keys.Person({"moodle.sites.read"}, {"sites/sn1/courses/4"})) == "scope_not_held");
  CHECK(p.Reason(p.keys.Person({"moodle.sites.read"}, {})) == "scope_not_held");
  CHECK(GetSite(*p.channel, p.keys.Person({"moodle.sites.read"}, {"sites/sn1"})).ok());
  CHECK(GetSite(*p.channel, p.keys.Person({"moodle.sites.read"}, {"*"})).ok());
}

TEST_CASE("a scope asked for by a crooked path is refused") {
  InProcess p;
  const std::string token = p.keys.Person({"moodle.sites.read"}, {"sites/sn1"});
  CHECK(p.Reason(token, "sites/sn1/../sn2") == "scope_malformed");
  CHECK(p.Reason(token, "sites//sn1") == "scope_malformed");
  CHECK(p.Reason(token, "/sites/sn1") == "scope_malformed");
  CHECK(p.Reason(token, std::string("sites/sn1/x\ny")) == "scope_malformed");
  CHECK(p.Reason(token, "") == "scope_not_held");
}

TEST_CASE("a module is let in only where it is listed and then sees every scope") {
  InProcess p;
  std::vector<std::string> scopes;
  p.sites.list = [&](const Caller& caller) {
    scopes = caller.scopes;
    return absl::OkStatus();
  };
  moodle::v1::Sites::Stub stub(p.channel);
  moodle::v1::ListSitesResponse response;
  grpc::ClientContext listed;
  Prepare(listed, {absl::Seconds(20), p.keys.Service(p.keys.analytics, "analytics"), ""});
  HandOver();
  CHECK(stub.ListSites(&listed, {}, &response).ok());
  HandOver();
  CHECK(scopes == std::vector<std::string>{"*"});
  CHECK(p.Reason(p.keys.Service(p.keys.analytics, "analytics")) ==
        "caller_not_listed");  // GetSite lists the edge alone
}

TEST_CASE("a list hands the caller's scopes to its handler and refuses a caller without any") {
  InProcess p;
  std::vector<std::string> scopes;
  p.sites.list = [&](const Caller& caller) {
    scopes = caller.scopes;
    return absl::OkStatus();
  };
  moodle::v1::Sites::Stub stub(p.channel);
  moodle::v1::ListSitesResponse response;
  grpc::ClientContext some, none;
  Prepare(some, {absl::Seconds(20), p.keys.Person({"moodle.sites.read"}, {"sites/sn1", "sites/sn2"}), ""});
  HandOver();
  CHECK(stub.ListSites(&some, {}, &response).ok());
  HandOver();
  CHECK(scopes == std::vector<std::string>{"sites/sn1", "sites/sn2"});
  Prepare(none, {absl::Seconds(20), p.keys.Person({"moodle.sites.read"}, {}), ""});
  HandOver();
  CHECK(stub.ListSites(&none, {}, &response).error_code() == grpc::StatusCode::PERMISSION_DENIED);
  HandOver();
}

TEST_CASE("an rpc that declares no right is refused to everybody") {
  InProcess p;
  p.sites.get_rpc = "grpc.health.v1.Health.Check";
  CHECK(p.Reason(p.keys.Person({"moodle.sites.read"}, {"*"})) == "right_undeclared");
  CHECK(p.Reason(p.keys.Service(p.keys.edge, "edge")) == "right_undeclared");
}

TEST_CASE("two tokens in one call are no token") {
  InProcess p;
  moodle::v1::Sites::Stub stub(p.channel);
  grpc::ClientContext context;
  const std::string token = p.keys.Person({"moodle.sites.read"}, {"*"});
  Prepare(context, {absl::Seconds(20), token, ""});
  context.AddMetadata("compagnon-principal-bin", token);
  moodle::v1::GetSiteRequest request;
  request.set_name("sites/sn1");
  moodle::v1::Site site;
  CHECK(ReasonOf(FromGrpc(stub.GetSite(&context, request, &site))) == "token_duplicated");
}

TEST_CASE("an exception ends its call and nothing else") {
  InProcess p;
  const std::string token = p.keys.Person({"moodle.sites.read"}, {"*"});
  p.sites.get = [](const Caller&, moodle::v1::Site&) -> absl::Status {
    throw std::runtime_error("row of somebody@example.org");
  };
  const grpc::Status status = GetSite(*p.channel, token);
  CHECK(status.error_code() == grpc::StatusCode::INTERNAL);
  CHECK(status.error_message().find("somebody") == std::string::npos);
  p.sites.get = [](const Caller&, moodle::v1::Site&) { return absl::OkStatus(); };
  CHECK(GetSite(*p.channel, token).ok());
}

TEST_CASE("a status travels with its reason and a message in the reader's language") {
  InProcess p;
  p.sites.get = [](const Caller&, moodle::v1::Site&) {
    return WithReason(absl::NotFoundError("no site sn9"), "site_not_found");
  };
  const std::string token = p.keys.Person({"moodle.sites.read"}, {"*"});
  const grpc::Status french = GetSite(*p.channel, token);
  CHECK(french.error_message() == "no site sn9");
  CHECK(ReasonOf(FromGrpc(french)) == "site_not_found");
  CHECK(LocalizedMessageOf(french) == "Ce site n’existe pas.");
  google::rpc::Status details;
  REQUIRE(details.ParseFromString(french.error_details()));
  CHECK(details.code() == 5);

  moodle::v1::Sites::Stub stub(p.channel);
  grpc::ClientContext context;
  Prepare(context, {absl::Seconds(20), token, "en-GB"});
  moodle::v1::GetSiteRequest request;
  request.set_name("sites/sn9");
  moodle::v1::Site site;
  CHECK(LocalizedMessageOf(stub.GetSite(&context, request, &site)) == "This site does not exist.");
}

TEST_CASE("every canonical code survives the border in both directions") {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status before(static_cast<absl::StatusCode>(code), "why");
    const absl::Status after = FromGrpc(ToGrpc(before));
    CHECK(after.code() == before.code());
    CHECK(after.message() == "why");
    CHECK_FALSE(LocalizedMessageOf(ToGrpc(before, "ar")).empty());
  }
  CHECK(FromGrpc(grpc::Status(grpc::StatusCode::UNAVAILABLE, "x", "garbage \xff")).code() ==
        absl::StatusCode::kUnavailable);
}

TEST_CASE("a handler works under its caller's trace") {
  InProcess p;
  std::string inner, onward;
  p.sites.get = [&](const Caller&, moodle::v1::Site&) {
    inner = std::string(CurrentTraceId());
    onward = NewTraceparent();
    return absl::OkStatus();
  };
  const std::string token = p.keys.Person({"moodle.sites.read"}, {"*"});
  const std::string trace = "0123456789abcdef0123456789abcdef";
  {
    const ScopedLogModule outer("edge", trace);
    CHECK(GetSite(*p.channel, token).ok());
  }
  CHECK(inner == trace);
  CHECK(onward.substr(3, 32) == trace);
  CHECK(GetSite(*p.channel, token).ok());
  CHECK(inner.size() == 32);
  CHECK(inner != trace);
}

TEST_CASE("calls and refusals are counted by rpc and code") {
  InProcess p;
  CHECK_FALSE(GetSite(*p.channel, "").ok());
  CHECK(GetSite(*p.channel, p.keys.Person({"moodle.sites.read"}, {"*"})).ok());
  CHECK(p.keys.metrics.Text().find(
            "compagnon_moodle_rpc_calls_total{code=\"UNAUTHENTICATED\",rpc=\"compagnon.moodle.v1.Sites.GetSite\"} 1") !=
        std::string::npos);
  CHECK(p.keys.metrics.Text().find("compagnon_moodle_rpc_seconds_count{rpc=\"compagnon.moodle.v1.Sites.GetSite\"} 2") !=
        std::string::npos);
}

}  // namespace
}  // namespace compagnon::rpc
