#ifndef COMPAGNON_EDGE_HTTP_SERVER_H_
#define COMPAGNON_EDGE_HTTP_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "edge/http/client_address.h"
#include "edge/http/message.h"
#include "edge/http/request_rules.h"
#include "edge/http/response_rules.h"
#include "platform/base/clock.h"
#include "platform/base/status.h"

namespace compagnon::edge {

// Answers a request. Runs on a worker thread and may block, at best until request.deadline. Must not throw.
using Handler = std::function<Response(Request& request)>;

// What one request came to, for metrics. `route` is Response::route, "refused" for what no handler saw.
struct RequestReport {
  std::string_view route;
  int status;
  absl::Duration took;  // from the last byte of the request to the answer handed to the network
};

// An HTTP/1.1 server. A proxy that ends TLS stands before it outside loopback (deploy/nginx/compagnon.conf).
class HttpServer {
 public:
  struct Options {
    std::string host = "127.0.0.1";
    int port = 8400;
    int io_threads = 2;
    int workers = 16;
    // Requests that may wait for a worker; beyond, 503 with Retry-After at once.
    size_t queue_limit = 512;
    RequestLimits limits;
    // A request not answered by then has lost its reader: 503 when it still waits, else the handler's business.
    absl::Duration request_deadline = absl::Seconds(10);
    // A connection that was sent nothing for so long is shut.
    absl::Duration silence = absl::Seconds(40);
    size_t max_connections = 800;
    TrustedProxies trusted_proxies;
    ResponsePolicy policy;
    const Clock* clock = nullptr;
    // Called once per request, from any thread.
    std::function<void(const RequestReport&)> on_request = [](const RequestReport&) {};
  };
  virtual ~HttpServer() = default;

  // Listens. Unavailable when the address is taken or cannot be resolved.
  virtual absl::Status Start() = 0;
  // Takes no new request and waits until those in hand are answered or `limit` has passed, then closes. Idempotent.
  virtual void Stop(absl::Duration limit) = 0;
  virtual size_t queued() const = 0;
};

// The server over cpprestsdk's listener, whose missing limits are kept by RequestLimits, WorkerPool and
// ConnectionGuard.
std::unique_ptr<HttpServer> NewCpprestServer(HttpServer::Options options, Handler handler);

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_HTTP_SERVER_H_
