#ifndef COMPAGNON_MOODLE_DOMAIN_WS_FAULT_H_
#define COMPAGNON_MOODLE_DOMAIN_WS_FAULT_H_

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "platform/base/status.h"

namespace compagnon::moodle {

// Who can do something about a failed web-service call. Moodle answers nearly all of them with HTTP 200: `errorcode`
// decides.
enum class FaultCategory {
  kRetry,     // the site or the network: later, by itself
  kOperator,  // token, rights, settings, fingerprint: somebody must act
  kCaller,    // this request is wrong for this site; asking again is no use
  kGone,      // the object is not, or no longer, there
};

struct WsFault {
  FaultCategory category = FaultCategory::kRetry;
  std::string code;  // Moodle's errorcode, or one of ours: "timeout", "not_json", "circuit_open", ...
  absl::Duration retry_after =
      absl::ZeroDuration();  // said by the server (Retry-After) or by the breaker; zero = not said
};

// Category of an errorcode, Moodle's or ours. An unknown one is kOperator: it is shown, tried again slowly, and stops
// nothing else.
FaultCategory CategoryOf(std::string_view code);
// True when the fault may concern this one request (its function, its capability, its parameters) while others of the
// same token are answered. False for what concerns the site, the network or the token. "accessexception" is both: an
// expired token gives it, and a function that the service lacks.
bool MayConcernOneRequest(const WsFault& fault);
// False when the code is in no table.
bool IsKnownCode(std::string_view code);

// A status that carries the fault: Unavailable (kRetry), FailedPrecondition (kOperator), InvalidArgument (kCaller),
// NotFound (kGone); reason = the code. `detail` is for logs: never a token, never text from the site.
absl::Status FaultStatus(const WsFault& fault, std::string_view detail);
// The fault of a status made by FaultStatus; of another one, {kRetry, its reason}.
WsFault FaultOf(const absl::Status& status);

// What an operator does about `code`, one sentence in French, or in English for locale "en"; "" when nothing.
std::string NextStep(std::string_view code, std::string_view locale = "fr");

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_DOMAIN_WS_FAULT_H_
