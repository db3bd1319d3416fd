#ifndef COMPAGNON_MOODLE_IMPORT_IMPORT_LOG_H_
#define COMPAGNON_MOODLE_IMPORT_IMPORT_LOG_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "moodle/import/given_files.h"
#include "moodle/import/log_batches.h"
#include "moodle/store/directory.h"
#include "platform/base/clock.h"
#include "platform/base/status.h"
#include "platform/store/sql.h"

namespace compagnon::moodle {

struct ImportPlan {
  std::string file;
  std::string site;  // registered
  std::string name;  // stream "log/<name>"
  std::string people, courses, assessments;
  ColumnMap map;
  std::optional<int64_t> from_us, to_us;  // what the log is complete for; none = its first and last event
  size_t batch = 10000;
};

// How far an import is.
struct ImportState {
  int64_t bytes = 0, bytes_in_all = 0;
  int64_t rows = 0;  // read
  bool done = false;
};

// What an import did, for the summary.
struct ImportSummary {
  int64_t rows = 0;       // readable rows of the file
  int64_t fresh = 0;      // taken now
  int64_t known = 0;      // taken before, or twice in the file
  int64_t published = 0;  // of the fresh ones, those that left as events
  int64_t outside = 0;    // outside --from/--to, or in a span that another source owns: left alone
  int64_t anonymous = 0;  // of the fresh ones, those stripped of their identity
  int64_t anomalies = 0;  // enrolments ended that nobody saw begin, of the whole site
  int64_t enrolments = 0, learners = 0, courses = 0;  // of the whole site
  int64_t first_us = 0, last_us = 0;                  // of the readable rows; last 0 = none
  int64_t from_us = 0, to_us = 0;                     // claimed
  std::vector<RefusedLine> refused;
  int64_t refused_in_all = 0;
  int64_t cut_off_line = 0;
  bool damaged_end = false;  // the compressed file stops early
  GivenFile people, courses_file, assessments_file;
};

// Imports a log, each batch in one transaction: facts of the directory, slim events on the log's stream, ids taken.
// Killed at any point and started again it ends with the same; run twice it adds nothing. One import of a log at a
// time, by a lease of 15 s that every batch puts off; a second one waits once for a dead one's lease to run out.
// Coverage is claimed at the end, when all of it is in. Errors: InvalidArgument (files), Unavailable "import_running",
// Cancelled (interrupted; nothing taken is lost), the store's.
absl::StatusOr<ImportSummary> ImportLogRows(store::Database& database, Directory& directory, const Clock& clock,
                                            const ImportPlan& plan, const std::atomic<bool>* interrupted,
                                            const std::function<void(const ImportState&)>& progress);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_IMPORT_IMPORT_LOG_H_
