#include "moodle/domain/coverage.h"

#include <algorithm>

namespace compagnon::moodle {

bool IsLiveSource(std::string_view source) { return source.starts_with("bridge/"); }

std::vector<CoverageSpan> ClaimCoverage(std::vector<CoverageSpan> spans, std::string_view source, int64_t from_us,
                                        int64_t to_us) {
  if (from_us >= to_us) return spans;
  const bool live = IsLiveSource(source);
  std::vector<CoverageSpan> result;
  // What of the claim nobody who outranks the claimer owns; cut piece by piece.
  std::vector<CoverageSpan> claimed = {{std::string(source), from_us, to_us}};
  for (CoverageSpan& span : spans) {
    if (span.source == source) {
      result.push_back(std::move(span));
      continue;
    }
    if (live && !IsLiveSource(span.source)) {
      if (span.from_us < from_us) result.push_back({span.source, span.from_us, std::min(span.to_us, from_us)});
      if (span.to_us > to_us) result.push_back({span.source, std::max(span.from_us, to_us), span.to_us});
      continue;
    }
    std::vector<CoverageSpan> left;
    for (const CoverageSpan& piece : claimed) {
      if (piece.from_us < span.from_us)
        left.push_back({piece.source, piece.from_us, std::min(piece.to_us, span.from_us)});
      if (piece.to_us > span.to_us) left.push_back({piece.source, std::max(piece.from_us, span.to_us), piece.to_us});
    }
    claimed = std::move(left);
    result.push_back(std::move(span));
  }
  result.insert(result.end(), claimed.begin(), claimed.end());
  std::sort(result.begin(), result.end(), [](const CoverageSpan& a, const CoverageSpan& b) {
    return a.from_us != b.from_us ? a.from_us < b.from_us : a.to_us < b.to_us;
  });
  std::vector<CoverageSpan> merged;
  for (CoverageSpan& span : result) {
    if (!merged.empty() && merged.back().source == span.source && span.from_us <= merged.back().to_us) {
      merged.back().to_us = std::max(merged.back().to_us, span.to_us);
    } else {
      merged.push_back(std::move(span));
    }
  }
  return merged;
}

bool OwnsInstant(absl::Span<const CoverageSpan> spans, std::string_view source, int64_t at_us) {
  auto after = std::upper_bound(spans.begin(), spans.end(), at_us,
                                [](int64_t at, const CoverageSpan& span) { return at < span.from_us; });
  if (after == spans.begin()) return false;
  const CoverageSpan& span = *(after - 1);
  return at_us < span.to_us && span.source == source;
}

}  // namespace compagnon::moodle
