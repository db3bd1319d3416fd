#ifndef COMPAGNON_ANALYTICS_DOMAIN_LOCAL_TIME_H_
#define COMPAGNON_ANALYTICS_DOMAIN_LOCAL_TIME_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "platform/base/status.h"

namespace compagnon::analytics {

// Instants are UTC microseconds; a day is the number of days since 1970-01-01; a week is the number of the ISO week, 1
// being the one that began on Monday 1970-01-05.
inline constexpr int64_t kNever = INT64_MAX;
inline constexpr int64_t kDayUs = int64_t{86400} * 1000000;

// Local days of a site. 00:00 is the earliest instant that bears this time or, where clocks jump over it, the instant
// of the jump. Cheap to copy; not thread-safe (it remembers the last day asked for).
class Zone {
 public:
  // NotFound for a name that the machine's zone data do not know.
  static absl::StatusOr<Zone> Load(std::string_view iana_name);

  // The day d with Midnight(d) <= at < Midnight(d + 1).
  int32_t DayOf(int64_t at_us) const;
  int64_t Midnight(int32_t day) const;
  int32_t WeekOf(int64_t at_us) const;

 private:
  explicit Zone(absl::TimeZone zone) : zone_(zone) {}
  absl::TimeZone zone_;
  mutable int64_t last_from_ = 1, last_to_ = 0;
  mutable int32_t last_day_ = 0;
};

constexpr int32_t WeekOfDay(int32_t day) { return (day + 3 >= 0 ? day + 3 : day + 3 - 6) / 7; }
constexpr int32_t FirstDayOfWeek(int32_t week) { return week * 7 - 3; }

// "2020-W53", the ISO 8601 name of a week.
std::string WeekLabel(int32_t week);
// "2026-11-21" of days since 1970-01-01.
std::string DayLabel(int32_t day);

// Number of the UTC day holding an instant.
constexpr int32_t UtcDay(int64_t at_us) {
  return static_cast<int32_t>(at_us >= 0 ? at_us / kDayUs : -((-at_us + kDayUs - 1) / kDayUs));
}

// Number of the UTC month holding an instant, months since 1970-01, and the first instant of such a month.
int32_t UtcMonth(int64_t at_us);
int64_t UtcMonthStart(int32_t month);
// First day of a civil month, and the month of a day.
int32_t FirstDayOfMonth(int32_t month);
int32_t MonthOfDay(int32_t day);

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_DOMAIN_LOCAL_TIME_H_
