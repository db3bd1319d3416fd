#ifndef COMPAGNON_PLATFORM_RPC_SERVER_H_
#define COMPAGNON_PLATFORM_RPC_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "platform/base/status.h"

namespace compagnon::rpc {

// PEM files of mutual TLS; all three or none. They are watched: new ones serve the next handshake, without a restart.
// Replace them together (rename a folder or swing a link, as Kubernetes does): a key that does not fit its certificate
// is ignored until it does.
struct TlsFiles {
  std::string ca, cert, key;
  absl::Duration refresh = absl::Seconds(10);
  bool given() const { return !ca.empty(); }
};

// The three files can be read, the key fits the certificate, and the certificate is valid now; answers its end.
absl::StatusOr<absl::Time> CheckTlsFiles(const TlsFiles& files, absl::Time now);

struct ServerOptions {
  std::string listen;         // "host:port", port 0 = any free one; "" = in-process calls only
  std::string health_listen;  // plain "host:port" for probes: health (and reflection) alone; "" = none
  TlsFiles tls;               // none: plain, for loopback
  int max_message_bytes = 4 << 20;
  int max_threads = 16;                                  // calls beyond what these can take are RESOURCE_EXHAUSTED
  absl::Duration max_connection_age = absl::Minutes(5);  // callers look up addresses again at least this often
};

// The gRPC server of a process: its modules' services, health (grpc.health.v1) and reflection. Health names: "live"
// (the process answers), "serving" (it takes calls: false once it drains; callers' channels watch it), "ready" and ""
// (modules say they can do their work), and one for each module. All but "live" and "serving" begin NOT_SERVING.
// Thread-safe.
class Server {
 public:
  // Listens for health first, so that a process that still waits for its database is seen alive. Unavailable when the
  // port is taken.
  static absl::StatusOr<std::unique_ptr<Server>> Open(const ServerOptions& options);
  // Listens for calls. `services` outlive the server. Once.
  absl::Status Serve(const std::vector<grpc::Service*>& services);
  ~Server();  // as Drain(0, 0)

  // Ports listened on, 0 when none.
  int port() const;
  int health_port() const;
  // To this process's own services, under the same size limits. After Serve().
  std::shared_ptr<grpc::Channel> InProcessChannel();
  void SetServing(const std::string& name, bool serving);
  // Says NOT_SERVING under every name but "live", for good, and goes on answering. Idempotent.
  void Announce();
  // Announces, leaves callers `lame_duck` to go elsewhere, then takes no more calls and waits for
  // those in hand until `deadline` more has passed, when they are cancelled. Idempotent.
  void Drain(absl::Duration lame_duck, absl::Duration deadline);

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct ChannelOptions {
  TlsFiles tls;
  int max_message_bytes = 4 << 20;
};
// Channel to "host:port" (all addresses a name has) or to several fixed addresses separated by ",": round_robin over
// those that say "serving"; a call that met UNAVAILABLE is tried again twice (writes carry a request_id, so that is
// safe). Connects when first used.
std::shared_ptr<grpc::Channel> NewChannel(const std::string& address, const ChannelOptions& options);

// Asks a server's health under `name`. OK = SERVING; Unavailable = NOT_SERVING or no answer; NotFound = no such name.
absl::Status Probe(const std::string& address, const std::string& name, const TlsFiles& tls, absl::Duration deadline);

}  // namespace compagnon::rpc

#endif  // COMPAGNON_PLATFORM_RPC_SERVER_H_
