#include "platform/rpc/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>

#include <atomic>
#include <map>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "platform/base/log.h"
#include "platform/rpc/credentials.h"

namespace compagnon::rpc {
namespace {

// A principal's token (8 KiB at most, a third more in base64) and room for the rest.
constexpr int kMaxMetadataBytes = 32 << 10;

int Milliseconds(absl::Duration d) { return static_cast<int>(absl::ToInt64Milliseconds(d)); }

}  // namespace

struct Server::Impl {
  ServerOptions options;
  std::unique_ptr<grpc::Server> server, health_server;
  int port = 0, health_port = 0;
  std::mutex mutex;
  std::map<std::string, bool> names = {{"live", true}, {"serving", false}, {"ready", false}, {"", false}};
  bool announced = false;
  std::atomic<bool> drained{false};

  void Publish(const std::string& name, bool serving) {
    for (const auto& one : {server.get(), health_server.get()}) {
      if (one != nullptr) one->GetHealthCheckService()->SetServingStatus(name, serving);
    }
  }
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { Drain(absl::ZeroDuration(), absl::ZeroDuration()); }

absl::StatusOr<std::unique_ptr<Server>> Server::Open(const ServerOptions& options) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  if (!options.health_listen.empty()) {
    grpc::ServerBuilder builder;
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddListeningPort(options.health_listen, grpc::InsecureServerCredentials(), &impl->health_port);
    builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 1);
    impl->health_server = builder.BuildAndStart();
    if (impl->health_server == nullptr || impl->health_port == 0) {
      return WithReason(absl::UnavailableError(absl::StrCat("health cannot listen on ", options.health_listen)),
                        "port_taken");
    }
    for (const auto& [name, serving] : impl->names) impl->Publish(name, serving);
  }
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

absl::Status Server::Serve(const std::vector<grpc::Service*>& services) {
  const ServerOptions& o = impl_->options;
  grpc::ServerBuilder builder;
  grpc::ResourceQuota quota("compagnon");
  quota.SetMaxThreads(o.max_threads);
  builder.SetResourceQuota(quota);
  // One queue and few pollers: idle threads cost memory, and busy calls get threads up to the quota all the same.
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
  builder.SetMaxReceiveMessageSize(o.max_message_bytes);
  builder.SetMaxSendMessageSize(o.max_message_bytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  // With SO_REUSEPORT a second process would silently share the port and answer half of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, Milliseconds(o.max_connection_age));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, 30'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  if (!o.listen.empty()) {
    if (o.tls.given()) {
      const auto valid = CheckTlsFiles(o.tls, absl::Now());
      if (!valid.ok()) return valid.status();
    }
    builder.AddListeningPort(o.listen, ServerCredentials(o.tls), &impl_->port);
  }
  for (grpc::Service* service : services) builder.RegisterService(service);
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->server = builder.BuildAndStart();
    if (impl_->server == nullptr || (!o.listen.empty() && impl_->port == 0)) {
      return WithReason(absl::UnavailableError(absl::StrCat("gRPC cannot listen on ", o.listen)), "port_taken");
    }
    impl_->names["serving"] = true;
    for (const auto& [name, serving] : impl_->names) impl_->Publish(name, serving);
  }
  return absl::OkStatus();
}

int Server::port() const { return impl_->port; }
int Server::health_port() const { return impl_->health_port; }

std::shared_ptr<grpc::Channel> Server::InProcessChannel() {
  if (impl_->server == nullptr) Die("an in-process channel was asked for before the server serves");
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(impl_->options.max_message_bytes);
  arguments.SetMaxSendMessageSize(impl_->options.max_message_bytes);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  return impl_->server->InProcessChannel(arguments);
}

void Server::SetServing(const std::string& name, bool serving) {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->announced) return;
  const auto [known, fresh] = impl_->names.emplace(name, serving);
  if (!fresh && known->second == serving) return;
  known->second = serving;
  impl_->Publish(name, serving);
}

void Server::Announce() {
  const std::lock_guard lock(impl_->mutex);
  if (std::exchange(impl_->announced, true)) return;
  for (const auto& [name, serving] : impl_->names) {
    if (name != "live") impl_->Publish(name, false);
  }
}

void Server::Drain(absl::Duration lame_duck, absl::Duration deadline) {
  if (impl_->drained.exchange(true)) return;
  Announce();
  if (impl_->server != nullptr) {
    // In-process callers stop by themselves; only others need time to hear that this one goes.
    if (impl_->port != 0) absl::SleepFor(lame_duck);
    impl_->server->Shutdown(absl::ToChronoTime(absl::Now() + deadline));
    impl_->server->Wait();
  }
  if (impl_->health_server != nullptr) impl_->health_server->Shutdown(absl::ToChronoTime(absl::Now()));
}

}  // namespace compagnon::rpc
