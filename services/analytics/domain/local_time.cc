#include "analytics/domain/local_time.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"

namespace compagnon::analytics {
namespace {

constexpr absl::CivilDay kEpoch(1970, 1, 1);

absl::CivilDay Civil(int32_t day) { return kEpoch + day; }

}  // namespace

absl::StatusOr<Zone> Zone::Load(std::string_view iana_name) {
  absl::TimeZone zone;
  if (iana_name.empty() || !absl::LoadTimeZone(std::string(iana_name), &zone)) {
    return WithReason(absl::NotFoundError(absl::StrCat("no such time zone: ", std::string(iana_name))),
                      "time_zone_unknown");
  }
  return Zone(zone);
}

int64_t Zone::Midnight(int32_t day) const {
  const absl::TimeZone::TimeInfo info = zone_.At(absl::CivilSecond(Civil(day)));
  const absl::Time at = info.kind == absl::TimeZone::TimeInfo::SKIPPED ? info.trans : info.pre;
  return absl::ToUnixMicros(at);
}

int32_t Zone::DayOf(int64_t at_us) const {
  if (at_us >= last_from_ && at_us < last_to_) return last_day_;
  int32_t day = static_cast<int32_t>(absl::CivilDay(zone_.At(absl::FromUnixMicros(at_us)).cs) - kEpoch);
  // Where clocks go back over midnight a date comes twice; days here are the spans between midnights.
  while (Midnight(day) > at_us) --day;
  while (Midnight(day + 1) <= at_us) ++day;
  last_from_ = Midnight(day);
  last_to_ = Midnight(day + 1);
  last_day_ = day;
  return day;
}

int32_t Zone::WeekOf(int64_t at_us) const { return WeekOfDay(DayOf(at_us)); }

std::string DayLabel(int32_t day) { return absl::FormatCivilTime(absl::CivilDay(1970, 1, 1) + day); }

std::string WeekLabel(int32_t week) {
  // ISO 8601: the year of a week is the year of its Thursday, and its number the count of Thursdays so far.
  const absl::CivilDay thursday = Civil(FirstDayOfWeek(week) + 3);
  return absl::StrFormat("%04d-W%02d", thursday.year(), (absl::GetYearDay(thursday) - 1) / 7 + 1);
}

int32_t MonthOfDay(int32_t day) {
  return static_cast<int32_t>(absl::CivilMonth(Civil(day)) - absl::CivilMonth(kEpoch));
}

int32_t FirstDayOfMonth(int32_t month) {
  return static_cast<int32_t>(absl::CivilDay(absl::CivilMonth(kEpoch) + month) - kEpoch);
}

int32_t UtcMonth(int64_t at_us) { return MonthOfDay(UtcDay(at_us)); }

int64_t UtcMonthStart(int32_t month) { return FirstDayOfMonth(month) * kDayUs; }

}  // namespace compagnon::analytics
