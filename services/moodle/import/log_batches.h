#ifndef COMPAGNON_MOODLE_IMPORT_LOG_BATCHES_H_
#define COMPAGNON_MOODLE_IMPORT_LOG_BATCHES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "moodle/domain/moodle_event.h"
#include "platform/base/status.h"

namespace compagnon::moodle {

struct RefusedLine {
  int64_t number = 0;
  std::string reason;  // never what the line holds
};

// Some rows of a log, in the file's order.
struct LogBatch {
  std::vector<MoodleEvent> events;
  size_t size = 0;  // of events, those of this batch; the rest keep their memory for the next
  std::vector<RefusedLine> refused;
  int64_t refused_more = 0;  // beyond those named
  int64_t cut_off_line = 0;  // the file's last line, when it was cut off
  int64_t consumed = 0;      // bytes of the file read so far
  absl::Status end;          // OK = more may follow; OutOfRange = the file's end; DataLoss = a damaged end
};

// Reads a log in a thread of its own, a few batches ahead of whoever stores them.
class LogBatches {
 public:
  static absl::StatusOr<std::unique_ptr<LogBatches>> Open(const std::string& path, size_t batch_size);
  virtual ~LogBatches() = default;
  virtual int64_t file_size() const = 0;
  // The next batch; its predecessor is given back for its memory.
  virtual void Next(LogBatch* batch) = 0;
};

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_IMPORT_LOG_BATCHES_H_
