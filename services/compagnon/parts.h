#ifndef COMPAGNON_COMPAGNON_PARTS_H_
#define COMPAGNON_COMPAGNON_PARTS_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "platform/bus/bus.h"
#include "platform/keys/keys.h"
#include "platform/metrics/metrics.h"
#include "platform/rpc/call.h"
#include "platform/rpc/module.h"
#include "platform/rpc/server.h"

namespace compagnon {

// What a configuration says of each part. Unavailable when a server is not up (yet); InvalidArgument or
// PermissionDenied when a file is not as it must be.
absl::Status MakeDataDir(const Config& config);  // 0700
absl::StatusOr<std::unique_ptr<store::Database>> OpenDatabaseOf(const Config& config, const std::string& module);
absl::StatusOr<std::unique_ptr<bus::Bus>> OpenBus(const Config& config);
absl::StatusOr<std::unique_ptr<keys::Keys>> OpenKeys(const Config& config, const Clock& clock);
rpc::TlsFiles TlsOf(const Config& config);

// The parts of one process: made once, handed to each of its modules. Outlives them.
class ProcessParts {
 public:
  // Modules that run here; the others are called at their addresses. Signing keys: the configured one, or, in one
  // process, one made for each module.
  static absl::StatusOr<std::unique_ptr<ProcessParts>> Make(const Config& config, const std::vector<std::string>& here,
                                                            const Clock& clock, Metrics& metrics, bus::Bus& bus,
                                                            keys::Keys& keys);
  Parts For(const std::string& module);
  // Where in-process channels lead; before any module starts.
  void SetServer(rpc::Server* server) { server_ = server; }

 private:
  ProcessParts(const Config& config, const Clock& clock, Metrics& metrics, bus::Bus& bus, keys::Keys& keys)
      : config_(config), clock_(clock), metrics_(metrics), bus_(bus), keys_(keys) {}
  std::shared_ptr<grpc::Channel> ChannelTo(const std::string& module);

  const Config& config_;
  const Clock& clock_;
  Metrics& metrics_;
  bus::Bus& bus_;
  keys::Keys& keys_;
  std::map<std::string, rpc::SigningKey> signing_;  // by module that runs here
  std::map<std::string, std::string> public_pems_;  // by issuer
  std::map<std::string, std::unique_ptr<rpc::Verifier>> verifiers_;
  std::map<std::string, std::unique_ptr<rpc::Guard>> guards_;
  rpc::Server* server_ = nullptr;
};

}  // namespace compagnon

#endif  // COMPAGNON_COMPAGNON_PARTS_H_
