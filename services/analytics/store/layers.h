#ifndef COMPAGNON_ANALYTICS_STORE_LAYERS_H_
#define COMPAGNON_ANALYTICS_STORE_LAYERS_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "analytics/domain/activity.h"
#include "analytics/domain/learner_day.h"
#include "analytics/store/schema.h"
#include "platform/store/sql.h"

// Reading and writing the two lowest layers. Every function works inside the caller's transaction.
namespace compagnon::analytics {

// Rows for the table raw, by column.
class RawRows {
 public:
  RawRows() : rows_(14) {}
  void Add(int32_t site, const Activity& event);
  const IntRows& rows() const { return rows_; }
  // Earliest and latest `occurred`.
  int64_t min_us() const { return min_us_; }
  int64_t max_us() const { return max_us_; }

 private:
  IntRows rows_;
  int64_t min_us_ = INT64_MAX;
  int64_t max_us_ = INT64_MIN;
};
absl::Status AddRaw(store::Session& session, const RawRows& raw);

// Events of a site that occurred in [from, to), in no order. PostgreSQL hands over a whole answer at once: ask by the
// month at most.
absl::Status ReadRaw(store::Session& session, int64_t site, int64_t from_us, int64_t to_us,
                     absl::FunctionRef<absl::Status(const Activity&)> event);

// Adds to the sums of learner-days; `rows` are unique and ascending by key.
absl::Status AddLearnerDays(store::Session& session, const std::vector<LearnerDay>& rows);

// Adds moments of completion: (site, course, person, stream, at). The same one twice is one.
absl::Status AddCompleted(store::Session& session, std::vector<std::array<int64_t, 5>> rows);

// Reads learner-days of a course, days [first, last], of one person or of everybody (person = 0), ascending by day.
absl::Status ReadLearnerDays(store::Session& session, int64_t site, int64_t course, int32_t first_day, int32_t last_day,
                             int64_t person, absl::FunctionRef<void(const LearnerDay&)> row);

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_STORE_LAYERS_H_
