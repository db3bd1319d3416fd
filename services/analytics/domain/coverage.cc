#include "analytics/domain/coverage.h"

#include <algorithm>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "analytics/domain/fields.h"
#include "analytics/domain/local_time.h"

namespace compagnon::analytics {
namespace {

struct Line {
  std::string_view name;
  int64_t a = 0, b = 0;
};

absl::StatusOr<std::vector<Line>> ParseLines(std::string_view text) {
  std::vector<Line> lines;
  for (std::string_view line : SplitFields(text, '\n')) {
    if (line.empty()) continue;
    const size_t second = line.rfind('|');
    const size_t first =
        second == std::string_view::npos || second == 0 ? std::string_view::npos : line.rfind('|', second - 1);
    Line parsed;
    if (first == std::string_view::npos || !ParseInt(line.substr(first + 1, second - first - 1), &parsed.a) ||
        !ParseInt(line.substr(second + 1), &parsed.b)) {
      return absl::InvalidArgumentError("not a coverage");
    }
    parsed.name = line.substr(0, first);
    lines.push_back(parsed);
  }
  return lines;
}

}  // namespace

std::string_view StreamOfSource(std::string_view source) { return source.starts_with("log/") ? source : kSiteStream; }

int64_t WatermarkOf(const std::vector<CoverageSpan>& spans, int64_t stated_us) {
  if (spans.empty()) return 0;
  const int64_t end = spans.back().span.to;
  return end == kNever ? stated_us : end;
}

bool Believable(const std::vector<CoverageMark>& marks,
                absl::FunctionRef<absl::StatusOr<int64_t>(std::string_view stream, int64_t pos)> taken_up_to,
                absl::Status* error) {
  for (const CoverageMark& mark : marks) {
    const absl::StatusOr<int64_t> taken = taken_up_to(mark.stream, mark.pos);
    if (!taken.ok()) {
      *error = taken.status();
      return false;
    }
    if (*taken < mark.events) return false;
  }
  return true;
}

Intervals CountingSpans(const std::vector<CoverageSpan>& spans, std::string_view stream) {
  std::vector<Interval> own;
  for (size_t i = 0; i < spans.size(); ++i) {
    if (StreamOfSource(spans[i].source) != stream) continue;
    own.push_back(spans[i].span);
    if (i + 1 == spans.size()) own.back().to = kNever;
  }
  return Merge(std::move(own));
}

std::vector<CoverageSpan> WithoutLost(const std::vector<CoverageSpan>& spans, const Intervals& lost) {
  std::vector<CoverageSpan> left;
  for (const CoverageSpan& span : spans) {
    int64_t from = span.span.from;
    if (StreamOfSource(span.source) == kSiteStream) {
      for (const Interval& hole : lost) {
        if (hole.to <= from || hole.from >= span.span.to) continue;
        if (hole.from > from) left.push_back({span.source, {from, hole.from}});
        from = hole.to;
      }
    }
    if (from < span.span.to) left.push_back({span.source, {from, span.span.to}});
  }
  return left;
}

bool OnlyGrows(const std::vector<CoverageSpan>& before, const std::vector<CoverageSpan>& after) {
  if (before.empty() || before.size() != after.size()) return false;
  if (!std::equal(before.begin(), before.end() - 1, after.begin())) return false;
  return before.back().source == after.back().source && before.back().span.from == after.back().span.from;
}

int32_t CompletenessBp(const std::vector<CoverageSpan>& spans, int64_t from_us, int64_t to_us, int64_t pulled,
                       int64_t counted) {
  if (to_us <= from_us) return -1;
  std::vector<Interval> parts;
  for (const CoverageSpan& span : spans) parts.push_back(span.span);
  absl::int128 share = absl::int128(10000) * Measure(Merge(std::move(parts)), from_us, to_us) / (to_us - from_us);
  if (counted > 0) share = share * std::min(pulled, counted) / counted;
  return static_cast<int32_t>(share);
}

std::string FormatSpans(const std::vector<CoverageSpan>& spans) {
  std::string text;
  for (const CoverageSpan& s : spans) absl::StrAppend(&text, s.source, "|", s.span.from, "|", s.span.to, "\n");
  return text;
}

absl::StatusOr<std::vector<CoverageSpan>> ParseSpans(std::string_view text) {
  ASSIGN_OR_RETURN(const std::vector<Line> lines, ParseLines(text));
  std::vector<CoverageSpan> spans;
  for (const Line& line : lines) spans.push_back({std::string(line.name), {line.a, line.b}});
  return spans;
}

std::string FormatMarks(const std::vector<CoverageMark>& marks) {
  std::string text;
  for (const CoverageMark& m : marks) absl::StrAppend(&text, m.stream, "|", m.pos, "|", m.events, "\n");
  return text;
}

absl::StatusOr<std::vector<CoverageMark>> ParseMarks(std::string_view text) {
  ASSIGN_OR_RETURN(const std::vector<Line> lines, ParseLines(text));
  std::vector<CoverageMark> marks;
  for (const Line& line : lines) marks.push_back({std::string(line.name), line.a, line.b});
  return marks;
}

}  // namespace compagnon::analytics
