#ifndef COMPAGNON_ANALYTICS_DOMAIN_INDICATORS_H_
#define COMPAGNON_ANALYTICS_DOMAIN_INDICATORS_H_

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "analytics/domain/intervals.h"
#include "analytics/domain/local_time.h"

// Indicators 2, 7, 9, 17 and 21 as sums over e = (person, course). Definitions: docs/indicators.md.
namespace compagnon::analytics {

// Stored numbers of the indicators of cells.
inline constexpr int32_t kEnrolled = 2;          // "2"
inline constexpr int32_t kOpen = 102;            // "2open"
inline constexpr int32_t kStarted = 7;           // "7"
inline constexpr int32_t kActive = 9;            // "9"
inline constexpr int32_t kCompleted = 17;        // "17"
inline constexpr int32_t kDroppedOut = 21;       // "21"
inline constexpr int32_t kCompleteness = 38;     // "38", by site only: never in a cell
inline constexpr int32_t kNewlyEnrolled = 202;   // first interval begins in the week; for the home page
inline constexpr int32_t kNewlyCompleted = 217;  // first completion falls in the week; for the home page

// "2open" for kOpen; "" for what has no public code.
std::string_view IndicatorCode(int32_t indicator);
std::optional<int32_t> IndicatorOfCode(std::string_view code);
// False for counts: 2 and 2open.
bool HasDenominator(int32_t indicator);

// The week of figures of the whole history.
inline constexpr int32_t kWholeHistory = -1;
// The dimension value of a total over all values.
inline constexpr int32_t kAllValues = -1;

// Values of the standard dimensions, as numbers of the store's dictionary.
struct Dimensions {
  int32_t cohort = 0, sex = 0, age = 0, country = 0;
  friend auto operator<=>(const Dimensions&, const Dimensions&) = default;
};

// A learner's enrolment and what the facts say about it.
struct Enrolment {
  int64_t person = 0;
  Dimensions dimensions;
  Intervals intervals;
  int64_t first_action_us = kNever;
  int64_t completed_us = kNever;
};

// What figures of a course need besides its enrolments.
struct CourseFrame {
  int64_t opens_us = INT64_MIN;  // 00:00 of the first day; INT64_MIN without one
  int64_t ends_us = kNever;      // 24:00 of the last day; kNever without one
  int64_t known_from_us = 0;     // first instant the site's coverage knows
  int64_t watermark_us = 0;      // T
};

struct CellKey {
  int32_t week = kWholeHistory;
  int32_t indicator = 0;
  Dimensions dimensions;
  friend auto operator<=>(const CellKey&, const CellKey&) = default;
};
struct Cell {
  int64_t numerator = 0;
  int64_t denominator = 0;
  friend bool operator==(const Cell&, const Cell&) = default;
};

// Sums over e, at the finest grain and, besides, per cohort over all other dimensions.
class CellSums {
 public:
  void Add(int32_t week, int32_t indicator, const Dimensions& dimensions, int64_t numerator, int64_t denominator);
  const std::map<CellKey, Cell>& cells() const { return cells_; }

 private:
  std::map<CellKey, Cell> cells_;
};

// A week and its [from, to), both at 00:00 local.
struct WeekSpan {
  int32_t week = 0;
  int64_t from_us = 0;
  int64_t to_us = 0;
};
WeekSpan SpanOfWeek(const Zone& zone, int32_t week);

// The weeks that have figures: from the one holding the first known instant to the one holding T, T = Monday 00:00
// excluded. `first > last` when there is none.
struct WeekRange {
  int32_t first = 0;
  int32_t last = -1;
};
WeekRange WeeksWithFigures(const CourseFrame& frame, const Zone& zone);

// start(e): max of the course's start and the first interval's begin. `intervals` is not empty.
int64_t StartOf(const CourseFrame& frame, const Intervals& intervals);

// Adds e to the figures of the whole history / of one week. `first_open_us`: e's first counted action of that week
// while the course was open, kNever without one.
void CountWhole(const CourseFrame& frame, const Zone& zone, const Enrolment& e, CellSums& sums);
void CountWeek(const CourseFrame& frame, const WeekSpan& week, const Enrolment& e, int64_t first_open_us,
               CellSums& sums);

// Collects the first instant after T at which a figure would change by T's moving alone, all facts staying as they are.
class NextChange {
 public:
  explicit NextChange(int64_t watermark_us) : watermark_us_(watermark_us) {}
  // Figures compare T with these instants only, by < or by <=: they are the same for all T between an instant + 1 and
  // the next one.
  void Consider(int64_t instant_us);
  void ConsiderEnrolment(const CourseFrame& frame, const Zone& zone, const Enrolment& e);
  int64_t at_us() const { return next_us_; }

 private:
  int64_t watermark_us_;
  int64_t next_us_ = kNever;
};

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_DOMAIN_INDICATORS_H_
