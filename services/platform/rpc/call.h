#ifndef COMPAGNON_PLATFORM_RPC_CALL_H_
#define COMPAGNON_PLATFORM_RPC_CALL_H_

#include <google/protobuf/message.h>
#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "platform/metrics/metrics.h"
#include "platform/rpc/principal.h"

namespace compagnon::rpc {

// Turns a domain status into a gRPC one with google.rpc.Status details: ErrorInfo (reason, domain "compagnon") and a
// LocalizedMessage. The status' own message is for developers, in English; it must hold no personal data, for it may be
// logged.
grpc::Status ToGrpc(const absl::Status& status, std::string_view locale = "fr");
// The way back: code, message, and the reason for ReasonOf().
absl::Status FromGrpc(const grpc::Status& status);
// What a person may be told, from a status made by ToGrpc; "" when the other side sent none.
std::string LocalizedMessageOf(const grpc::Status& status);

// Rights are checked before a handler runs. Handlers are written as
//   grpc::Status GetSite(grpc::ServerContext* c, const GetSiteRequest* q, Site* a) override {
//     return guard_.Run(c, "compagnon.moodle.v1.Sites.GetSite", *q, [&](const Caller& caller) -> absl::Status { ... });
//   }
// and Run() reads the rpc's `right` option from the descriptor (of `rpc_full_name`), verifies the token, checks
// permission and scope, measures, logs a refusal without personal data, and maps the status. An rpc without a `right`
// is refused to all. Server streaming is the same: the handler captures the writer and answers Write() == false with
// absl::CancelledError(). For a service principal caller.scopes is {"*"} inside the handler, so that stores filter
// persons and services alike. An exception that leaves a handler is INTERNAL, logged by its type alone. Over mutual TLS
// the peer's certificate must name the module that acts: "edge" for persons, the issuer for a service (first label of a
// DNS name, "moodle" or "...-moodle"). Thread-safe. A test calls every method of every service to see that none forgets
// Run().
class Guard {
 public:
  struct Options {
    const Verifier* verifier = nullptr;
    std::function<absl::Time()> now;
    // Called for each refusal, for the trail: rpc full name, reason, caller (may be empty).
    std::function<void(std::string_view rpc, std::string_view reason, const Caller& caller)> on_refusal;
    // Names the metrics and the log lines of handlers.
    std::string module;
    // Calls by rpc and code, and their seconds; none when null. Outlives the guard.
    Metrics* metrics = nullptr;
  };
  explicit Guard(Options options);
  ~Guard();

  grpc::Status Run(grpc::ServerContext* context, std::string_view rpc_full_name,
                   const google::protobuf::Message& request,
                   const std::function<absl::Status(const Caller&)>& handler) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Client side: a context with deadline, token, traceparent. Use one per call.
struct CallOptions {
  absl::Duration deadline = absl::Seconds(5);
  std::string token;   // from SignPerson or SignService
  std::string locale;  // of the LocalizedMessage of an error; "" = fr
};
void Prepare(grpc::ClientContext& context, const CallOptions& options);

}  // namespace compagnon::rpc

#endif  // COMPAGNON_PLATFORM_RPC_CALL_H_
