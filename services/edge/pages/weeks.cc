#include "edge/pages/weeks.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_format.h"
#include "edge/pages/format.h"

namespace compagnon::edge {
namespace {

constexpr size_t kMostWeeks = 60 * 53;  // a hostile row must not ask for a calendar of millennia

std::string LabelOf(absl::CivilDay monday) {
  // The week belongs to the year of its Thursday.
  const absl::CivilDay thursday = monday + 3;
  return absl::StrFormat("%04d-W%02d", thursday.year(), (absl::GetYearDay(thursday) - 1) / 7 + 1);
}

Ratio Nobody(std::string week) {
  Ratio ratio;
  ratio.has_denominator = true;
  ratio.week = std::move(week);
  return ratio;
}

bool Counts(const Ratio& row) { return row.denominator > 0 && MondayOf(row.week).has_value(); }

}  // namespace

std::string LastCompleteWeek(int64_t watermark_us, const absl::TimeZone& zone) {
  if (watermark_us == 0) return "";
  const absl::CivilDay day = absl::ToCivilDay(absl::FromUnixMicros(watermark_us), zone);
  return LabelOf(absl::PrevWeekday(day + 1, absl::Weekday::monday) - 7);
}

std::string WeekBefore(const std::string& week) {
  const std::optional<absl::CivilDay> monday = MondayOf(week);
  return monday ? LabelOf(*monday - 7) : "";
}

Ratio WeekAmong(const std::vector<Ratio>& rows, const std::string& week) {
  bool begun = false;
  for (const Ratio& row : rows) {
    if (row.week == week) return row;
    begun = begun || (Counts(row) && row.week < week);
  }
  return begun ? Nobody(week) : Ratio{};
}

std::vector<Ratio> EveryWeek(const std::vector<Ratio>& rows) {
  std::vector<Ratio> weeks;
  for (const Ratio& row : rows) {
    if (!Counts(row)) continue;
    if (!weeks.empty()) {
      if (row.week <= weeks.back().week) continue;
      absl::CivilDay monday = *MondayOf(weeks.back().week) + 7;
      for (const absl::CivilDay next = *MondayOf(row.week); monday < next && weeks.size() < kMostWeeks; monday += 7)
        weeks.push_back(Nobody(LabelOf(monday)));
    }
    weeks.push_back(row);
  }
  return weeks;
}

}  // namespace compagnon::edge
