#ifndef COMPAGNON_MOODLE_INTAKE_LOG_ROW_H_
#define COMPAGNON_MOODLE_INTAKE_LOG_ROW_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "moodle/domain/moodle_event.h"
#include "platform/base/status.h"

namespace compagnon::moodle {

// Bytes that must be readable behind a JSON text handed to LogRowReader::FromJson (their content does not matter).
inline constexpr size_t kJsonPadding = 64;

// Turns rows of logstore_standard_log into events. Not thread-safe: it keeps buffers between rows.
class LogRowReader {
 public:
  LogRowReader();
  ~LogRowReader();

  // One JSON object, kJsonPadding readable bytes after it. Numbers may be numeric strings; null, "", "NULL" and "\\N"
  // are null. Unknown columns are left alone. Invalid UTF-8 is mended with U+FFFD. `event` is overwritten. Errors:
  // InvalidArgument with what is wrong, never with what the row holds.
  absl::Status FromJson(std::string_view json, MoodleEvent* event);

  // Column names of a CSV header, in any order. Missing id, eventname, timecreated, userid or courseid: InvalidArgument
  // naming them all.
  absl::Status SetColumns(absl::Span<const std::string> header);
  // One CSV record of as many fields as the header.
  absl::Status FromCsv(absl::Span<const std::string> fields, MoodleEvent* event);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_INTAKE_LOG_ROW_H_
