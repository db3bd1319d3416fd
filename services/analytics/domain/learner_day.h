#ifndef COMPAGNON_ANALYTICS_DOMAIN_LEARNER_DAY_H_
#define COMPAGNON_ANALYTICS_DOMAIN_LEARNER_DAY_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <vector>

#include "analytics/domain/intervals.h"
#include "analytics/domain/local_time.h"

namespace compagnon::analytics {

// What somebody did in a course on a local day. `stream` is part of the key because coverage decides, span by span,
// which source counts.
struct LearnerDayKey {
  int64_t site = 0;
  int64_t course = 0;
  int32_t day = 0;
  int64_t person = 0;
  int32_t kind = 0;
  int32_t stream = 0;
  friend auto operator<=>(const LearnerDayKey&, const LearnerDayKey&) = default;
};
struct LearnerDay {
  LearnerDayKey key;
  int64_t n = 0;
  int64_t first_us = 0;
  int64_t last_us = 0;
};

// Rows of equal key become one; the answer is ascending by key: the order in which rows are locked.
std::vector<LearnerDay> Aggregate(std::vector<LearnerDay> rows);

// How much of a day's actions [first, last] counts when only `valid` counts: none, all as far as first and last go, or
// the events themselves must be looked at.
enum class DayVerdict { kNone, kDecided, kRecount };
DayVerdict Judge(const Intervals& valid, int64_t first_us, int64_t last_us);

// What e did in a week inside its intervals and the coverage.
struct LearnerWeek {
  int32_t days = 0;  // bit 0 = Monday
  int64_t first_us = kNever;
  int64_t last_us = INT64_MIN;
  int64_t first_open_us = kNever;  // first action while the course was open
  friend bool operator==(const LearnerWeek&, const LearnerWeek&) = default;
};

// Adds the counted actions of one local day. `open`: the day lies in [course start, end(c)).
void AddDay(LearnerWeek& week, int32_t day, int64_t first_us, int64_t last_us, bool open);

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_DOMAIN_LEARNER_DAY_H_
