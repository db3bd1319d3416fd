#include "analytics/domain/position_set.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "analytics/domain/fields.h"

namespace compagnon::analytics {

absl::StatusOr<PositionSet> PositionSet::Parse(std::string_view text) {
  PositionSet set;
  int64_t before = -1;
  for (std::string_view part : SplitFields(text, ',')) {
    const size_t dash = part.find('-');
    Range range{};
    const bool read = dash == std::string_view::npos ? ParseInt(part, &range.first) && ParseInt(part, &range.last)
                                                     : ParseInt(part.substr(0, dash), &range.first) &&
                                                           ParseInt(part.substr(dash + 1), &range.last);
    if (!read || range.first < 1 || range.last < range.first || range.first <= before + 1) {
      return absl::InvalidArgumentError(absl::StrCat("not a set of positions, at \"", std::string(part), "\""));
    }
    before = range.last;
    set.ranges_.push_back(range);
  }
  return set;
}

std::string PositionSet::Format() const {
  std::string text;
  for (const Range& range : ranges_) {
    absl::StrAppend(&text, text.empty() ? "" : ",", range.first);
    if (range.last > range.first) absl::StrAppend(&text, "-", range.last);
  }
  return text;
}

std::vector<bool> PositionSet::Take(absl::Span<const int64_t> positions) {
  std::vector<bool> fresh(positions.size(), false);
  std::vector<uint32_t> order(positions.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return positions[a] < positions[b]; });

  std::vector<Range> added;
  for (const uint32_t i : order) {
    const int64_t position = positions[i];
    if (!added.empty() && position <= added.back().last) continue;
    if (Contains(position)) continue;
    fresh[i] = true;
    if (!added.empty() && added.back().last + 1 == position) {
      added.back().last = position;
    } else {
      added.push_back({position, position});
    }
  }
  if (added.empty()) return fresh;

  const auto by_first = [](const Range& a, const Range& b) { return a.first < b.first; };
  std::vector<Range> all(ranges_.size() + added.size());
  std::merge(ranges_.begin(), ranges_.end(), added.begin(), added.end(), all.begin(), by_first);
  size_t kept = 0;
  for (size_t i = 1; i < all.size(); ++i) {
    if (all[kept].last + 1 == all[i].first) {
      all[kept].last = all[i].last;
    } else {
      all[++kept] = all[i];
    }
  }
  all.resize(kept + 1);
  ranges_ = std::move(all);
  return fresh;
}

int64_t PositionSet::TakeRange(int64_t first, int64_t last) {
  const int64_t before = size();
  std::vector<Range> kept;
  Range joined{first, last};
  for (const Range& range : ranges_) {
    if (range.last + 1 < joined.first || range.first > joined.last + 1) {
      kept.push_back(range);
    } else {
      joined = {std::min(joined.first, range.first), std::max(joined.last, range.last)};
    }
  }
  kept.insert(std::upper_bound(kept.begin(), kept.end(), joined,
                               [](const Range& a, const Range& b) { return a.first < b.first; }),
              joined);
  ranges_ = std::move(kept);
  return size() - before;
}

bool PositionSet::Contains(int64_t position) const {
  auto after = std::upper_bound(ranges_.begin(), ranges_.end(), position,
                                [](int64_t value, const Range& range) { return value < range.first; });
  return after != ranges_.begin() && position <= std::prev(after)->last;
}

int64_t PositionSet::CountUpTo(int64_t position) const {
  int64_t count = 0;
  for (const Range& range : ranges_) {
    if (range.first > position) break;
    count += std::min(range.last, position) - range.first + 1;
  }
  return count;
}

int64_t PositionSet::size() const { return CountUpTo(std::numeric_limits<int64_t>::max()); }

}  // namespace compagnon::analytics
