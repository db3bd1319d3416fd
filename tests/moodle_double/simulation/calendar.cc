#include "moodle_double/simulation/calendar.h"

#include <algorithm>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "platform/base/status.h"

namespace compagnon::moodle_double {

Calendar::Calendar(const std::string& zone, int64_t now, int weeks) {
  absl::TimeZone tz;
  if (!absl::LoadTimeZone(zone, &tz)) Die("time zone unknown to this machine: " + zone);
  const absl::CivilDay today = absl::ToCivilDay(absl::FromUnixSeconds(now), tz);
  absl::CivilDay monday = today;
  while (absl::GetWeekday(monday) != absl::Weekday::monday) --monday;
  const absl::CivilDay first = monday - 7 * weeks;
  today_ = static_cast<int>(today - first);
  const int days = kBefore + today_ + kAfter;
  starts_.reserve(static_cast<size_t>(days));
  years_.reserve(static_cast<size_t>(days));
  for (int i = 0; i < days; ++i) {
    const absl::CivilDay day = first + (i - kBefore);
    starts_.push_back(absl::ToUnixSeconds(absl::FromCivil(day, tz)));
    years_.push_back(static_cast<int>(day.year()));
  }
}

int64_t Calendar::DayStart(int day) const {
  const int i = day + kBefore;
  if (i < 0) return starts_.front() + int64_t{86'400} * i;
  const int last = static_cast<int>(starts_.size()) - 1;
  if (i > last) return starts_.back() + int64_t{86'400} * (i - last);
  return starts_[static_cast<size_t>(i)];
}

int Calendar::DayOf(int64_t second) const {
  const auto after = std::upper_bound(starts_.begin(), starts_.end(), second);
  return static_cast<int>(after - starts_.begin()) - 1 - kBefore;
}

int Calendar::YearOf(int day) const {
  const int i = std::clamp(day + kBefore, 0, static_cast<int>(years_.size()) - 1);
  return years_[static_cast<size_t>(i)];
}

}  // namespace compagnon::moodle_double
