#ifndef COMPAGNON_TESTS_UNIT_PLATFORM_FAKE_SITES_H_
#define COMPAGNON_TESTS_UNIT_PLATFORM_FAKE_SITES_H_

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "compagnon/moodle/v1/sites.grpc.pb.h"
#include "platform/rpc/call.h"
#include "platform/rpc/principal.h"

namespace compagnon::rpc {

// gRPC is not instrumented, so TSan does not see that a handler runs after its caller asked and before its caller has
// the answer. Both sides pass here.
inline void HandOver() {
  static std::mutex mutex;
  std::lock_guard lock(mutex);
}

// What a handler answers; a test may say it anew while calls come in.
template <typename Signature>
class Said {
 public:
  explicit Said(std::function<Signature> answer) : answer_(std::move(answer)) {}
  Said& operator=(std::function<Signature> answer) {
    std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
    return *this;
  }
  template <typename... Arguments>
  absl::Status operator()(Arguments&&... arguments) const {
    std::function<Signature> answer;
    {
      std::lock_guard lock(mutex_);
      answer = answer_;
    }
    HandOver();
    absl::Status status = answer(std::forward<Arguments>(arguments)...);
    HandOver();
    return status;
  }

 private:
  mutable std::mutex mutex_;
  std::function<Signature> answer_;
};

// The service compagnon.moodle.v1.Sites without a moodle behind it: answers whatever the test says, through a real
// Guard.
class FakeSites final : public moodle::v1::Sites::Service {
 public:
  explicit FakeSites(const Guard& guard) : guard_(guard) {}

  Said<absl::Status(const Caller&, moodle::v1::Site&)> get{
      [](const Caller&, moodle::v1::Site&) { return absl::OkStatus(); }};
  Said<absl::Status(const Caller&)> list{[](const Caller&) { return absl::OkStatus(); }};
  std::atomic<int> got{0};  // calls of GetSite that were let in
  std::string get_rpc = "compagnon.moodle.v1.Sites.GetSite";

  grpc::Status GetSite(grpc::ServerContext* context, const moodle::v1::GetSiteRequest* request,
                       moodle::v1::Site* site) override {
    HandOver();
    return guard_.Run(context, get_rpc, *request, [&](const Caller& caller) {
      ++got;
      return get(caller, *site);
    });
  }
  grpc::Status ListSites(grpc::ServerContext* context, const moodle::v1::ListSitesRequest* request,
                         moodle::v1::ListSitesResponse*) override {
    HandOver();
    return guard_.Run(context, "compagnon.moodle.v1.Sites.ListSites", *request,
                      [&](const Caller& caller) { return list(caller); });
  }

 private:
  const Guard& guard_;
};

// The keys of an edge and of the module analytics, and the guard of moodle that knows both.
struct Keyring {
  SigningKey edge = SigningKey::Generate(), analytics = SigningKey::Generate();
  Verifier verifier{"moodle", {{"edge", edge.PublicPem()}, {"analytics", analytics.PublicPem()}}};
  Metrics metrics;
  Guard guard{{&verifier,
               {},
               [this](std::string_view, std::string_view reason, const Caller&) {
                 std::lock_guard lock(mutex_);
                 refusals_.emplace_back(reason);
               },
               "moodle",
               &metrics}};

  std::string Person(std::vector<std::string> permissions, std::vector<std::string> scopes) const {
    Caller caller;
    caller.person = "p-17";
    caller.permissions = std::move(permissions);
    caller.scopes = std::move(scopes);
    return SignPerson(edge, "moodle", caller, absl::Now());
  }
  std::vector<std::string> Refusals() const {
    std::lock_guard lock(mutex_);
    return refusals_;
  }
  std::string Service(const SigningKey& key, const std::string& issuer) const {
    return SignService(key, issuer, "moodle", absl::Now());
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> refusals_;
};

inline grpc::Status GetSite(grpc::ChannelInterface& channel, const std::string& token,
                            const std::string& name = "sites/sn1", absl::Duration deadline = absl::Seconds(20)) {
  moodle::v1::Sites::Stub stub(std::shared_ptr<grpc::ChannelInterface>(&channel, [](auto*) {}));
  grpc::ClientContext context;
  Prepare(context, {deadline, token, ""});
  moodle::v1::GetSiteRequest request;
  request.set_name(name);
  moodle::v1::Site site;
  HandOver();
  grpc::Status status = stub.GetSite(&context, request, &site);
  HandOver();
  return status;
}

}  // namespace compagnon::rpc

#endif  // COMPAGNON_TESTS_UNIT_PLATFORM_FAKE_SITES_H_
