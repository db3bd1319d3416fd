#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "platform/rpc/credentials.h"

namespace compagnon::rpc {
namespace {

// Health is watched so that a server that drains is left before it stops listening; retries cover the instants in
// between.
constexpr char kServiceConfig[] = R"({
  "loadBalancingConfig": [{"round_robin": {}}],
  "healthCheckConfig": {"serviceName": "serving"},
  "methodConfig": [{
    "name": [{}],
    "retryPolicy": {
      "maxAttempts": 3, "initialBackoff": "0.05s", "maxBackoff": "0.5s", "backoffMultiplier": 2,
      "retryableStatusCodes": ["UNAVAILABLE"]
    }
  }]
})";

std::string TargetOf(const std::string& address) {
  if (absl::StartsWith(address, "unix:")) return address;
  if (!absl::StrContains(address, ',')) return absl::StrCat("dns:///", address);
  return absl::StrCat(absl::StartsWith(address, "[") ? "ipv6:" : "ipv4:", address);
}

}  // namespace

std::shared_ptr<grpc::Channel> NewChannel(const std::string& address, const ChannelOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(kServiceConfig);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 1);
  arguments.SetMaxReceiveMessageSize(options.max_message_bytes);
  arguments.SetMaxSendMessageSize(options.max_message_bytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  // A module that comes back is found within seconds, not after gRPC's two minutes.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5'000);
  // A list has no name of its own to compare with the certificate: its first host stands for it.
  if (absl::StrContains(address, ',')) {
    const std::string first = address.substr(0, address.find(','));
    arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, first.substr(0, first.rfind(':')));
  }
  return grpc::CreateCustomChannel(TargetOf(address), ClientCredentials(options.tls), arguments);
}

absl::Status Probe(const std::string& address, const std::string& name, const TlsFiles& tls, absl::Duration deadline) {
  const auto channel = grpc::CreateChannel(TargetOf(address), ClientCredentials(tls));
  const auto stub = grpc::health::v1::Health::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + deadline));
  context.set_wait_for_ready(false);
  grpc::health::v1::HealthCheckRequest request;
  grpc::health::v1::HealthCheckResponse response;
  request.set_service(name);
  const grpc::Status status = stub->Check(&context, request, &response);
  if (status.error_code() == grpc::StatusCode::NOT_FOUND) {
    return absl::NotFoundError(absl::StrCat(address, " knows no health name \"", name, "\""));
  }
  if (!status.ok()) return absl::UnavailableError(absl::StrCat(address, ": ", status.error_message()));
  if (response.status() != grpc::health::v1::HealthCheckResponse::SERVING) {
    return absl::UnavailableError(absl::StrCat(address, ": not serving"));
  }
  return absl::OkStatus();
}

}  // namespace compagnon::rpc
