#ifndef COMPAGNON_MOODLE_DOMAIN_ENROLMENT_H_
#define COMPAGNON_MOODLE_DOMAIN_ENROLMENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace compagnon::moodle {

inline constexpr int64_t kNever = INT64_MAX;
inline constexpr int64_t kSecondUs = 1'000'000;
inline constexpr int64_t kDayUs = 86'400 * kSecondUs;

// [from_us, to_us); to_us = kNever while open.
struct Interval {
  int64_t from_us = 0;
  int64_t to_us = kNever;
  bool operator==(const Interval&) const = default;
};

// What happened to a row of user_enrolments, or to an account.
enum class ChangeKind : int { kCreated = 1, kActivated = 2, kSuspended = 3, kDeleted = 4 };

struct Change {
  int64_t at_us = 0;
  int64_t order = 0;  // seq or log id: decides among changes of one instant
  ChangeKind kind = ChangeKind::kCreated;
  bool operator==(const Change&) const = default;
};

// One row of user_enrolments: one method by which one person is enrolled in one course.
struct MethodRow {
  int64_t time_start_us = 0;    // 0 = from its creation
  int64_t time_end_us = 0;      // 0 = no end
  std::vector<Change> changes;  // any order, repeats allowed
};

struct MergedEnrolment {
  std::vector<Interval> intervals;  // ascending, disjoint, gaps of 24 h or more
  int anomalies = 0;                // deletions of a row nobody saw created
};

// Enrolment intervals of e = (person, course), as indicators.md ("e") defines them: the union over rows of [timestart,
// or creation if 0; timeend, deletion or suspension), cut where the account was suspended, ended where it was deleted;
// then breaks of less than 24 h (elapsed, not calendar) are closed. Empty intervals are dropped before the breaks are
// looked at. The order of the changes in the arguments does not matter, and a change given twice counts once. A row's
// creation while it exists changes nothing, nor does the deletion of a row already deleted. The last dates of a row
// hold for all of its life.
MergedEnrolment MergeEnrolment(absl::Span<const MethodRow> rows, absl::Span<const Change> account);

// Adds [a, b) pieces up: sorted, overlapping ones united, breaks of less than `break_us` closed, empty ones dropped.
std::vector<Interval> UnionOf(std::vector<Interval> pieces, int64_t break_us);

// start(e) = max(00:00 of the course's first day, begin of the first interval); nothing when there is no interval.
std::optional<int64_t> StartOf(absl::Span<const Interval> intervals, std::optional<int64_t> course_start_us);

// "from~to,from~" in microseconds, for the store. Decoding answers nothing when the text is not one of ours.
std::string EncodeIntervals(absl::Span<const Interval> intervals);
std::optional<std::vector<Interval>> DecodeIntervals(std::string_view text);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_DOMAIN_ENROLMENT_H_
