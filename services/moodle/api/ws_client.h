#ifndef COMPAGNON_MOODLE_API_WS_CLIENT_H_
#define COMPAGNON_MOODLE_API_WS_CLIENT_H_

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "moodle/domain/ws_fault.h"
#include "platform/base/clock.h"
#include "platform/base/status.h"

namespace compagnon::moodle {

struct WsOptions {
  std::string url;    // base URL of the site
  std::string token;  // sent in the body, never in the URL, never logged
  bool allow_private_addresses = false;
  size_t max_answer_bytes = size_t{64} << 20;
  absl::Duration connect_timeout = absl::Seconds(5);
  absl::Duration total_timeout = absl::Seconds(120);
  absl::Duration stalled_after = absl::Seconds(30);  // under 100 B/s for this long ends the call
  int attempts = 3;                                  // of a read-only call
  absl::Duration first_backoff = absl::Milliseconds(500);
  absl::Duration longest_wait = absl::Seconds(10);  // a longer Retry-After is handed to the caller instead of slept
  double calls_per_second = 20;
  double burst = 40;
  int breaker_failures = 5;  // consecutive retryable faults that open the circuit
  absl::Duration breaker_first = absl::Seconds(15);
  absl::Duration breaker_longest = absl::Minutes(5);
};

// What happened in one HTTP exchange, for metrics: seconds, code ("" = fine).
using WsObserver = std::function<void(std::string_view function, std::string_view code, double seconds, size_t bytes)>;

// Web-service client of one site. Thread-safe; calls run in parallel on pooled connections.
class WsClient {
 public:
  virtual ~WsClient() = default;
  // Reads: tried again with back-off and jitter when the fault allows it. `params` is a JSON object, flattened PHP
  // style. Answers the JSON body. Faults are statuses of ws_fault.h.
  virtual absl::StatusOr<std::string> Read(std::string_view function, const nlohmann::json& params) = 0;
  // Writes: one attempt, as Moodle's writes are not idempotent. A fault of kRetry means the outcome is unknown.
  virtual absl::StatusOr<std::string> Write(std::string_view function, const nlohmann::json& params) = 0;
  // Ends calls in hand and to come with "cancelled": the process stops.
  virtual void Cancel() = 0;
  // "closed", "open" or "half_open".
  virtual std::string_view BreakerState() const = 0;
};

std::unique_ptr<WsClient> NewWsClient(WsOptions options, const Clock& clock, WsObserver observer = nullptr);

// "options[0][name]=userfields&..." of a JSON object; booleans as 0 and 1, null left out.
std::string FlattenPhp(const nlohmann::json& params);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_API_WS_CLIENT_H_
