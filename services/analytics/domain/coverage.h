#ifndef COMPAGNON_ANALYTICS_DOMAIN_COVERAGE_H_
#define COMPAGNON_ANALYTICS_DOMAIN_COVERAGE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "analytics/domain/intervals.h"
#include "platform/base/status.h"

namespace compagnon::analytics {

// Name of the stream that carries the bridge's events, core functions' and the directory's states.
inline constexpr std::string_view kSiteStream = "site";

// From when to when a site is known, and from which source ("bridge/<epoch>", "log/<name>").
struct CoverageSpan {
  std::string source;
  Interval span;
  friend bool operator==(const CoverageSpan&, const CoverageSpan&) = default;
};

// What must have arrived in a stream: `events` positions up to `pos`.
struct CoverageMark {
  std::string stream;
  int64_t pos = 0;
  int64_t events = 0;
};

struct Coverage {
  std::vector<CoverageSpan> spans;  // disjoint, ascending
  std::vector<CoverageMark> marks;
};

// The stream whose events a source owns.
std::string_view StreamOfSource(std::string_view source);

// T: the end of the last span; 0 without spans. A span said to be open ends when the coverage was stated.
int64_t WatermarkOf(const std::vector<CoverageSpan>& spans, int64_t stated_us);

// True when everything the coverage promises has arrived. `taken_up_to(stream, pos)` counts the positions taken.
bool Believable(const std::vector<CoverageMark>& marks,
                absl::FunctionRef<absl::StatusOr<int64_t>(std::string_view stream, int64_t pos)> taken_up_to,
                absl::Status* error);

// When events of a stream count. The last span is left open at its end: figures are cut at T by themselves, and facts
// need not be written again each time T moves.
Intervals CountingSpans(const std::vector<CoverageSpan>& spans, std::string_view stream);

// The spans without what this module lost of the live stream; imported logs keep theirs.
std::vector<CoverageSpan> WithoutLost(const std::vector<CoverageSpan>& spans, const Intervals& lost);

// True when going from one coverage to the other changes nothing but the end of the last span: facts stay as they are.
bool OnlyGrows(const std::vector<CoverageSpan>& before, const std::vector<CoverageSpan>& after);

// Share of [from, to) that is covered, in ten-thousandths, rounded down, times rows pulled / rows counted by the plugin
// where that is measurable (`counted` > 0). -1 when the span is empty.
int32_t CompletenessBp(const std::vector<CoverageSpan>& spans, int64_t from_us, int64_t to_us, int64_t pulled,
                       int64_t counted);

// "source|from|to" a line: how the store keeps spans.
std::string FormatSpans(const std::vector<CoverageSpan>& spans);
absl::StatusOr<std::vector<CoverageSpan>> ParseSpans(std::string_view text);
// "stream|pos|events" a line.
std::string FormatMarks(const std::vector<CoverageMark>& marks);
absl::StatusOr<std::vector<CoverageMark>> ParseMarks(std::string_view text);

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_DOMAIN_COVERAGE_H_
