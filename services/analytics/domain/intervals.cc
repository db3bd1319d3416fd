#include "analytics/domain/intervals.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "analytics/domain/fields.h"
#include "analytics/domain/local_time.h"

namespace compagnon::analytics {

Intervals Merge(std::vector<Interval> parts, int64_t close_breaks_us) {
  std::erase_if(parts, [](const Interval& i) { return i.from >= i.to; });
  std::sort(parts.begin(), parts.end(), [](const Interval& a, const Interval& b) { return a.from < b.from; });
  Intervals merged;
  for (const Interval& part : parts) {
    // A union first: intervals that touch are one, whatever the break allowed.
    if (!merged.empty() && (part.from <= merged.back().to || part.from - merged.back().to < close_breaks_us)) {
      merged.back().to = std::max(merged.back().to, part.to);
    } else {
      merged.push_back(part);
    }
  }
  return merged;
}

bool OpenAt(const Intervals& intervals, int64_t at) {
  return std::any_of(intervals.begin(), intervals.end(), [at](const Interval& i) { return i.from <= at && at < i.to; });
}

bool Meets(const Intervals& intervals, int64_t from, int64_t to) {
  return std::any_of(intervals.begin(), intervals.end(),
                     [=](const Interval& i) { return std::max(i.from, from) < std::min(i.to, to); });
}

Intervals Intersect(const Intervals& a, const Intervals& b) {
  Intervals both;
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    const Interval common{std::max(a[i].from, b[j].from), std::min(a[i].to, b[j].to)};
    if (common.from < common.to) both.push_back(common);
    (a[i].to < b[j].to ? i : j)++;
  }
  return both;
}

int64_t Measure(const Intervals& intervals, int64_t from, int64_t to) {
  int64_t sum = 0;
  for (const Interval& i : intervals) sum += std::max<int64_t>(0, std::min(i.to, to) - std::max(i.from, from));
  return sum;
}

std::string FormatIntervals(const Intervals& intervals) {
  std::string text;
  for (const Interval& i : intervals) {
    absl::StrAppend(&text, text.empty() ? "" : ";", i.from, ":");
    if (i.to != kNever) absl::StrAppend(&text, i.to);
  }
  return text;
}

absl::StatusOr<Intervals> ParseIntervals(std::string_view text) {
  Intervals intervals;
  for (std::string_view part : SplitFields(text, ';')) {
    const size_t colon = part.find(':');
    Interval i{0, kNever};
    if (colon == std::string_view::npos || !ParseInt(part.substr(0, colon), &i.from) ||
        (colon + 1 < part.size() && !ParseInt(part.substr(colon + 1), &i.to))) {
      return absl::InvalidArgumentError(absl::StrCat("not an interval: \"", std::string(part), "\""));
    }
    intervals.push_back(i);
  }
  return intervals;
}

}  // namespace compagnon::analytics
