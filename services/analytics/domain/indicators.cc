#include "analytics/domain/indicators.h"

#include <algorithm>
#include <array>
#include <utility>

namespace compagnon::analytics {
namespace {

constexpr std::array<std::pair<int32_t, std::string_view>, 7> kCodes = {{{kEnrolled, "2"},
                                                                         {kOpen, "2open"},
                                                                         {kStarted, "7"},
                                                                         {kActive, "9"},
                                                                         {kCompleted, "17"},
                                                                         {kDroppedOut, "21"},
                                                                         {kCompleteness, "38"}}};

int64_t EndOfFirstDays(const CourseFrame& frame, const Zone& zone, const Intervals& intervals, int32_t days) {
  return zone.Midnight(zone.DayOf(StartOf(frame, intervals)) + days);
}

}  // namespace

std::string_view IndicatorCode(int32_t indicator) {
  for (const auto& [number, code] : kCodes) {
    if (number == indicator) return code;
  }
  return "";
}

std::optional<int32_t> IndicatorOfCode(std::string_view code) {
  for (const auto& [number, name] : kCodes) {
    if (name == code) return number;
  }
  return std::nullopt;
}

bool HasDenominator(int32_t indicator) { return indicator != kEnrolled && indicator != kOpen; }

void CellSums::Add(int32_t week, int32_t indicator, const Dimensions& dimensions, int64_t numerator,
                   int64_t denominator) {
  if (numerator == 0 && denominator == 0) return;
  const Dimensions total{dimensions.cohort, kAllValues, kAllValues, kAllValues};
  for (const Dimensions& d : {dimensions, total}) {
    Cell& cell = cells_[{week, indicator, d}];
    cell.numerator += numerator;
    cell.denominator += denominator;
  }
}

WeekSpan SpanOfWeek(const Zone& zone, int32_t week) {
  return {week, zone.Midnight(FirstDayOfWeek(week)), zone.Midnight(FirstDayOfWeek(week + 1))};
}

WeekRange WeeksWithFigures(const CourseFrame& frame, const Zone& zone) {
  if (frame.watermark_us <= frame.known_from_us) return {};
  return {zone.WeekOf(frame.known_from_us), zone.WeekOf(frame.watermark_us - 1)};
}

int64_t StartOf(const CourseFrame& frame, const Intervals& intervals) {
  return std::max(frame.opens_us, intervals.front().from);
}

void CountWhole(const CourseFrame& frame, const Zone& zone, const Enrolment& e, CellSums& sums) {
  if (e.intervals.empty()) return;
  const int64_t t = frame.watermark_us;
  const auto count = [&](int32_t indicator, bool numerator, bool denominator) {
    sums.Add(kWholeHistory, indicator, e.dimensions, numerator, denominator);
  };
  count(kEnrolled, Meets(e.intervals, frame.known_from_us, t), false);
  count(kOpen, OpenAt(e.intervals, t), false);

  const int64_t start = StartOf(frame, e.intervals);
  if (start > t || !OpenAt(e.intervals, start)) return;  // E0
  if (const int64_t bound = EndOfFirstDays(frame, zone, e.intervals, 7); bound <= t) {
    count(kStarted, e.first_action_us < bound, true);
  }
  count(kCompleted, e.completed_us <= t, true);
  const int64_t judged = std::min(t, frame.ends_us);
  count(kDroppedOut, !OpenAt(e.intervals, judged) && e.completed_us > judged, true);
}

void CountWeek(const CourseFrame& frame, const WeekSpan& week, const Enrolment& e, int64_t first_open_us,
               CellSums& sums) {
  if (e.intervals.empty()) return;
  const int64_t reach = std::min(week.to_us, frame.watermark_us);
  const auto in_week = [&](int64_t at) { return week.from_us <= at && at < reach; };
  sums.Add(week.week, kEnrolled, e.dimensions, Meets(e.intervals, week.from_us, reach), 0);
  if (Meets(e.intervals, std::max(week.from_us, frame.opens_us), std::min(reach, frame.ends_us))) {
    sums.Add(week.week, kActive, e.dimensions, first_open_us < reach, 1);
  }
  sums.Add(week.week, kNewlyEnrolled, e.dimensions, in_week(e.intervals.front().from), 0);
  sums.Add(week.week, kNewlyCompleted, e.dimensions, in_week(e.completed_us), 0);
}

void NextChange::Consider(int64_t instant_us) {
  if (instant_us == kNever || instant_us < watermark_us_) return;
  next_us_ = std::min(next_us_, instant_us == watermark_us_ ? instant_us + 1 : instant_us);
}

void NextChange::ConsiderEnrolment(const CourseFrame& frame, const Zone& zone, const Enrolment& e) {
  if (e.intervals.empty()) return;
  for (const Interval& i : e.intervals) {
    Consider(i.from);
    Consider(i.to);
  }
  Consider(e.completed_us);
  const int64_t start = StartOf(frame, e.intervals);
  Consider(start);
  // The day is looked up only when it can still matter: 7 local days are never longer than 8 days of 24 h.
  if (start + 8 * kDayUs >= watermark_us_) Consider(EndOfFirstDays(frame, zone, e.intervals, 7));
}

}  // namespace compagnon::analytics
