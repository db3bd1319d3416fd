#ifndef COMPAGNON_MOODLE_DOMAIN_COVERAGE_H_
#define COMPAGNON_MOODLE_DOMAIN_COVERAGE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace compagnon::moodle {

// [from_us, to_us) of a site's history, owned by one source: "bridge/<epoch>" or "log/<name>".
struct CoverageSpan {
  std::string source;
  int64_t from_us = 0;
  int64_t to_us = 0;
  bool operator==(const CoverageSpan&) const = default;
};

// True for "bridge/...": a live source outranks every file.
bool IsLiveSource(std::string_view source);

// The site's spans after `source` said that it knows [from_us, to_us). Spans come back disjoint and ascending. A live
// source takes what it claims from files; whatever another source owns otherwise stays its own, and the claimer gets
// the rest, in several spans if need be. Touching or overlapping spans of one source become one. Idempotent. An empty
// claim changes nothing.
std::vector<CoverageSpan> ClaimCoverage(std::vector<CoverageSpan> spans, std::string_view source, int64_t from_us,
                                        int64_t to_us);

// True when `at_us` lies in a span of `source`: the event counts there. `spans` as ClaimCoverage returns them.
bool OwnsInstant(absl::Span<const CoverageSpan> spans, std::string_view source, int64_t at_us);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_DOMAIN_COVERAGE_H_
