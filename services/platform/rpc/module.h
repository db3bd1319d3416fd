#ifndef COMPAGNON_PLATFORM_RPC_MODULE_H_
#define COMPAGNON_PLATFORM_RPC_MODULE_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "platform/base/clock.h"
#include "platform/base/config.h"
#include "platform/bus/bus.h"
#include "platform/keys/keys.h"
#include "platform/metrics/metrics.h"
#include "platform/rpc/call.h"
#include "platform/store/sql.h"

namespace compagnon {

// What a process hands to each module it runs. Everything outlives the module.
struct Parts {
  const Config* config = nullptr;
  const Clock* clock = nullptr;
  Metrics* metrics = nullptr;
  bus::Bus* bus = nullptr;
  keys::Keys* keys = nullptr;
  // The module's own database (schema or file of its name), opened but not migrated.
  std::function<absl::StatusOr<std::unique_ptr<store::Database>>(const std::string& module)> open_database;
  // Channel to another module: in-process when it runs in this process, else mTLS to its address, round_robin. To be
  // called from Start() on, not before: the in-process server is built of what Services() returns.
  std::function<std::shared_ptr<grpc::Channel>(const std::string& module)> channel;
  // A fresh service token for calls this module makes for nobody to `audience`.
  std::function<std::string(const std::string& audience)> service_token;
  // Signs persons' tokens; set for the edge alone.
  const rpc::SigningKey* person_key = nullptr;
  // Rights of calls this module receives.
  const rpc::Guard* guard = nullptr;
};

// One service of the suite. Built by its wire.cc: std::unique_ptr<Module> MakeModule(Parts).
class Module {
 public:
  virtual ~Module() = default;
  virtual std::string name() const = 0;
  // Opens its database, migrates and prepares; nothing runs yet. Called before the server listens. Unavailable or
  // DeadlineExceeded (database or bus not up yet) makes the process try again later, on the same object; any other
  // error ends it.
  virtual absl::Status Prepare() = 0;
  // gRPC services to register; owned by the module.
  virtual std::vector<grpc::Service*> Services() = 0;
  // Starts consumers, relays, pollers. The topology of all listed modules has been declared.
  virtual absl::Status Start() = 0;
  // Why the module is not ready, OK when it is: database, bus. Cheap.
  virtual absl::Status Ready() = 0;
  // Stops taking work and finishes what is in hand. Idempotent.
  virtual void Drain(absl::Duration deadline) = 0;
};

}  // namespace compagnon

#endif  // COMPAGNON_PLATFORM_RPC_MODULE_H_
