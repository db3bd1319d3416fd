#ifndef COMPAGNON_EDGE_HTTP_MESSAGE_H_
#define COMPAGNON_EDGE_HTTP_MESSAGE_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "platform/base/status.h"

namespace compagnon::edge {

// False when a value holds CR, LF or NUL: such a request is refused, and such a field of ours is not sent.
bool IsFieldValue(std::string_view value);

// Fields of a message. Names compare without case; order is kept; a name may occur more than once.
class Headers {
 public:
  // First value of `name`, "" when absent.
  std::string_view Get(std::string_view name) const;
  bool Has(std::string_view name) const;
  // Replaces every value of `name`.
  void Set(std::string_view name, std::string value);
  void Add(std::string_view name, std::string value);
  void Remove(std::string_view name);
  const std::vector<std::pair<std::string, std::string>>& all() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

// A request that passed the server's limits (request_rules.h). Lives as long as the handler runs.
struct Request {
  std::string method;                 // GET, HEAD or POST
  std::string path;                   // as sent, without query, normalised: "/cohorts/sn1/4"
  std::vector<std::string> segments;  // percent-decoded: {"cohorts", "sn1", "4"}; UTF-8, no '/', no control character
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
  Headers headers;
  std::string body;
  std::string client_address;  // numeric; the nearest address that is not a trusted proxy
  std::string id;              // "" until the handler gives one: what an error page shows and the log repeats
  absl::Time deadline = absl::InfiniteFuture();  // after it nobody waits for the answer

  std::string_view Query(std::string_view name) const;
  bool HasQuery(std::string_view name) const;
  // Value of a cookie, "" when absent; the first when sent twice.
  std::string_view Cookie(std::string_view name) const;
};

// Takes pieces of a streamed body. Blocks while the client is slow; an error means that nobody reads any more.
using BodySink = std::function<absl::Status(std::string_view piece)>;

// An answer. Either `body` or `stream` is used.
struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  // Shared bytes that outlive the response (assets, already compressed); used instead of `body` when set.
  std::shared_ptr<const std::string> shared_body;
  // Writes a body of unknown length, on the worker's thread after the headers went out.
  std::function<absl::Status(const BodySink&)> stream;
  // Name of the route for metrics ("cohort"), never the path: paths may carry tokens.
  std::string route;
  bool compress = true;

  std::string_view bytes() const { return shared_body ? std::string_view(*shared_body) : std::string_view(body); }
};

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_HTTP_MESSAGE_H_
