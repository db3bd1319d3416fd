#ifndef COMPAGNON_PLATFORM_RPC_CALL_H_
#define COMPAGNON_PLATFORM_RPC_CALL_H_

#include <functional>
#include <string>
#include <vector>

#include <google/protobuf/message.h>
#include <grpcpp/grpcpp.h>

#include "platform/rpc/principal.h"

namespace compagnon::rpc {

// Turns a domain status into a gRPC one with google.rpc.Status details: ErrorInfo (reason, domain "compagnon") and a LocalizedMessage.
grpc::Status ToGrpc(const absl::Status& status, std::string_view locale = "fr");
absl::Status FromGrpc(const grpc::Status& status);

// Rights are checked before a handler runs. Handlers are written as
//   grpc::Status GetSite(grpc::ServerContext* c, const GetSiteRequest* q, Site* a) override {
//     return guard_.Run(c, "compagnon.moodle.v1.Sites.GetSite", *q, [&](const Caller& caller) -> absl::Status { ... });
//   }
// and Run() reads the rpc's `right` option from the descriptor (of `rpc_full_name`), verifies the token, checks
// permission and scope, measures, logs a refusal without personal data, and maps the status. An rpc without a `right` is refused to all.
// A test calls every method of every service to see that none forgets Run().
class Guard {
 public:
  struct Options {
    const Verifier* verifier = nullptr;
    std::function<absl::Time()> now;
    // Called for each refusal, for the trail: rpc full name, reason, caller (may be empty).
    std::function<void(std::string_view rpc, std::string_view reason, const Caller& caller)> on_refusal;
  };
  explicit Guard(Options options) : options_(std::move(options)) {}

  grpc::Status Run(grpc::ServerContext* context, std::string_view rpc_full_name, const google::protobuf::Message& request,
                   const std::function<absl::Status(const Caller&)>& handler) const;

 private:
  Options options_;
};

// Client side: a context with deadline, token, traceparent. Use one per call.
struct CallOptions {
  absl::Duration deadline = absl::Seconds(5);
  std::string token;  // from SignPerson or SignService
};
void Prepare(grpc::ClientContext& context, const CallOptions& options);

}  // namespace compagnon::rpc

#endif  // COMPAGNON_PLATFORM_RPC_CALL_H_
