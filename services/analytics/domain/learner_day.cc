#include "analytics/domain/learner_day.h"

#include <algorithm>

namespace compagnon::analytics {

std::vector<LearnerDay> Aggregate(std::vector<LearnerDay> rows) {
  std::sort(rows.begin(), rows.end(), [](const LearnerDay& a, const LearnerDay& b) { return a.key < b.key; });
  size_t kept = 0;
  for (size_t i = 1; i < rows.size(); ++i) {
    if (rows[i].key == rows[kept].key) {
      rows[kept].n += rows[i].n;
      rows[kept].first_us = std::min(rows[kept].first_us, rows[i].first_us);
      rows[kept].last_us = std::max(rows[kept].last_us, rows[i].last_us);
    } else {
      rows[++kept] = rows[i];
    }
  }
  if (!rows.empty()) rows.resize(kept + 1);
  return rows;
}

DayVerdict Judge(const Intervals& valid, int64_t first_us, int64_t last_us) {
  if (!Meets(valid, first_us, last_us + 1)) return DayVerdict::kNone;
  return OpenAt(valid, first_us) && OpenAt(valid, last_us) ? DayVerdict::kDecided : DayVerdict::kRecount;
}

void AddDay(LearnerWeek& week, int32_t day, int64_t first_us, int64_t last_us, bool open) {
  week.days |= 1 << (day - FirstDayOfWeek(WeekOfDay(day)));
  week.first_us = std::min(week.first_us, first_us);
  week.last_us = std::max(week.last_us, last_us);
  if (open) week.first_open_us = std::min(week.first_open_us, first_us);
}

}  // namespace compagnon::analytics
