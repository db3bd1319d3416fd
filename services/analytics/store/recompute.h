#ifndef COMPAGNON_ANALYTICS_STORE_RECOMPUTE_H_
#define COMPAGNON_ANALYTICS_STORE_RECOMPUTE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "analytics/store/course_count.h"
#include "analytics/store/dictionary.h"
#include "platform/store/sql.h"

namespace compagnon::analytics {

struct PassReport {
  int64_t courses = 0;                                      // counted again
  int64_t full_courses = 0;                                 // of them, those counted from all of their learner-days
  int64_t cells = 0;                                        // cells that changed
  int64_t believed = 0;                                     // sites whose T moved
  int64_t rebuilt = 0;                                      // sites whose local days were made again
  std::vector<std::pair<std::string, int64_t>> watermarks;  // T by site, as of the pass's begin
};

// Brings figures up to what was ingested. Not thread-safe: one thread of a process calls it; passes of several
// processes on one database exclude each other course by course.
class Recompute {
 public:
  Recompute(store::Database& database, Dictionary& dictionary)
      : database_(database), counter_(dictionary), dictionary_(dictionary) {}

  // Believes coverage whose promises have arrived, makes local days again where a zone came late or changed, and counts
  // what is marked dirty or what T's moving changes; nothing else. Marks of a site without zone or without T wait.
  absl::StatusOr<PassReport> Pass();

  // Asks that the local days, completions and figures of a site be made again from raw at the next pass.
  absl::Status AskRebuild(const std::string& site);

 private:
  absl::Status Believe(int64_t site, PassReport& report);
  absl::Status Rebuild(int64_t site);
  absl::Status SpreadSiteMarks();

  store::Database& database_;
  CourseCounter counter_;
  Dictionary& dictionary_;
};

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_STORE_RECOMPUTE_H_
