#ifndef COMPAGNON_ANALYTICS_STORE_COURSE_COUNT_H_
#define COMPAGNON_ANALYTICS_STORE_COURSE_COUNT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "analytics/domain/activity.h"
#include "analytics/domain/learner_day.h"
#include "analytics/store/dictionary.h"
#include "platform/store/sql.h"

namespace compagnon::analytics {

// Numbers of the event names that decide what an event is.
struct NameNumbers {
  int32_t course_completed = 0;
  int32_t completion_updated = 0;
  NameKind KindOf(int32_t name) const;
};
absl::StatusOr<NameNumbers> ReadNameNumbers(Dictionary& dictionary);

struct CourseReport {
  bool full = false;  // counted from all learner-days of the course
  int64_t cells = 0;  // cells that changed
};

// Counts the figures of one course again, as far as marks and T ask for it: learner_day -> learner_week and fact ->
// cell. Marks are consumed. Not thread-safe.
class CourseCounter {
 public:
  explicit CourseCounter(Dictionary& dictionary) : dictionary_(dictionary) {}

  // Learns the numbers of names; before the first Count, outside of any transaction.
  absl::Status Prepare();

  // Inside the caller's transaction, which may be rolled back and run again. Takes the site's row (shared), then the
  // course's.
  absl::StatusOr<CourseReport> Count(store::Session& session, int64_t site, int64_t course);

  // Forgets days counted from raw: raw's days were made again.
  void Forget() { recounts_.clear(); }

 private:
  friend class CourseCount;
  // A day of which only a part counts was counted from raw; good as long as the day's sum and the valid spans are the
  // same.
  struct Recount {
    int64_t n = 0;
    std::string valid;
    std::optional<std::pair<int64_t, int64_t>> first_last;
  };
  Dictionary& dictionary_;
  std::optional<NameNumbers> names_;  // set by Prepare
  std::map<LearnerDayKey, Recount> recounts_;
};

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_STORE_COURSE_COUNT_H_
