#ifndef COMPAGNON_MOODLE_DOMAIN_LOCAL_DAY_H_
#define COMPAGNON_MOODLE_DOMAIN_LOCAL_DAY_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/time/time.h"

namespace compagnon::moodle {

// Local days of a site, as days since 1970-01-01 in its zone.

// Day that holds the instant.
int32_t LocalDayOf(int64_t at_us, const absl::TimeZone& zone);

// 00:00 of the day: the earliest instant that bears this local time; where clocks jump over it, the instant of the
// jump.
int64_t MidnightOf(int32_t day, const absl::TimeZone& zone);

// A date cell: "YYYY-MM-DD" (a time after it is ignored), or Unix seconds, meaning their local day. Nothing for "", "0"
// and what is no date.
std::optional<int32_t> DayFromText(std::string_view text, const absl::TimeZone& zone);

// Year, month and day of a day number.
absl::CivilDay CivilOf(int32_t day);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_DOMAIN_LOCAL_DAY_H_
