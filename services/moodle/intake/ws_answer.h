#ifndef COMPAGNON_MOODLE_INTAKE_WS_ANSWER_H_
#define COMPAGNON_MOODLE_INTAKE_WS_ANSWER_H_

#include <string_view>

#include "absl/time/time.h"
#include "moodle/domain/ws_fault.h"
#include "platform/base/status.h"

namespace compagnon::moodle {

// Reads a body that came with HTTP `http_status`. OK: the body is an answer (any JSON that is no exception).
// `retry_after` is the header's value, seconds or an HTTP date, "" when absent.
absl::Status CheckAnswer(int http_status, std::string_view content_type, std::string_view retry_after,
                         std::string_view body, absl::Time now);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_INTAKE_WS_ANSWER_H_
