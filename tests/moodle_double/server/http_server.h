#ifndef COMPAGNON_TESTS_MOODLE_DOUBLE_SERVER_HTTP_SERVER_H_
#define COMPAGNON_TESTS_MOODLE_DOUBLE_SERVER_HTTP_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace compagnon::moodle_double {

struct HttpRequest {
  std::string method, target, content_type, body;
};

struct HttpReply {
  // How the bytes reach the caller: faults of networks and of servers are told apart here.
  enum class Delivery {
    kWhole,
    kClose,    // the connection ends without a byte
    kCut,      // the connection ends after `amount` bytes of the body, whose full length was announced
    kEndless,  // a body that goes on until the caller hangs up, chunked
    kSlow,     // `amount` bytes a second
  };
  int status = 200;
  std::string type = "application/json; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  Delivery delivery = Delivery::kWhole;
  int64_t amount = 0;
  int64_t wait_ms = 0;  // before the first byte
};

// HTTP/1.1 with keep-alive, one thread per connection (few callers, each with a pool of connections).
class HttpServer {
 public:
  using Handler = std::function<HttpReply(const HttpRequest&)>;

  // Listens at once; `port` 0 = any. The handler is called from many threads.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& address, int port, Handler handler);
  ~HttpServer();  // stops and joins

  int port() const;
  // Refuses connections from now on, and ends the open ones; then listens again on the same port.
  void Refuse();
  absl::Status Listen();

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace compagnon::moodle_double

#endif  // COMPAGNON_TESTS_MOODLE_DOUBLE_SERVER_HTTP_SERVER_H_
