#ifndef COMPAGNON_ANALYTICS_DOMAIN_INTERVALS_H_
#define COMPAGNON_ANALYTICS_DOMAIN_INTERVALS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/status.h"

namespace compagnon::analytics {

// [from, to) in UTC microseconds; to = kNever while open.
struct Interval {
  int64_t from = 0;
  int64_t to = 0;
  friend bool operator==(const Interval&, const Interval&) = default;
};

// Ascending, disjoint, none empty. What every function below takes and gives.
using Intervals = std::vector<Interval>;

// Union of any intervals; empty ones are dropped; breaks shorter than `close_breaks` are closed (0: only touching
// ones).
Intervals Merge(std::vector<Interval> parts, int64_t close_breaks_us = 0);

bool OpenAt(const Intervals& intervals, int64_t at);
// Some interval shares an instant with [from, to).
bool Meets(const Intervals& intervals, int64_t from, int64_t to);
Intervals Intersect(const Intervals& a, const Intervals& b);
// Microseconds of [from, to) inside the intervals.
int64_t Measure(const Intervals& intervals, int64_t from, int64_t to);

// "from:to;from:to", to empty while open: how the store keeps them.
std::string FormatIntervals(const Intervals& intervals);
absl::StatusOr<Intervals> ParseIntervals(std::string_view text);

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_DOMAIN_INTERVALS_H_
