#include "moodle/domain/enrolment.h"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "absl/strings/str_cat.h"

namespace compagnon::moodle {
namespace {

bool Earlier(const Change& a, const Change& b) {
  return std::make_tuple(a.at_us, a.order, static_cast<int>(a.kind)) <
         std::make_tuple(b.at_us, b.order, static_cast<int>(b.kind));
}

// Periods in which the account could not be used, though it was not deleted.
std::vector<Interval> AccountSuspensions(absl::Span<const Change> sorted) {
  std::vector<Interval> result;
  std::optional<int64_t> since;
  for (const Change& change : sorted) {
    if (change.kind == ChangeKind::kSuspended) {
      if (!since) since = change.at_us;
    } else if (since) {
      result.push_back({*since, change.at_us});
      since.reset();
    }
  }
  if (since) result.push_back({*since, kNever});
  return result;
}

class RowLife {
 public:
  RowLife(const MethodRow& row, std::vector<Interval>& pieces) : row_(row), pieces_(pieces) {}

  void Meet(const Change& change, bool of_account) {
    switch (change.kind) {
      case ChangeKind::kCreated:
        if (exists_) return;
        // Moodle gives a re-enrolment a new row; a log may show one row created twice, and then its start date, which
        // may lie before the first deletion, must not fill the time in between.
        Open(known_ || row_.time_start_us == 0 ? std::max(change.at_us, row_.time_start_us) : row_.time_start_us);
        exists_ = known_ = true;
        return;
      case ChangeKind::kActivated:
        if (exists_ && !open_) Open(std::max(change.at_us, row_.time_start_us));
        return;
      case ChangeKind::kSuspended:
        if (exists_) Close(change.at_us);
        return;
      case ChangeKind::kDeleted:
        if (exists_) {
          Close(change.at_us);
          exists_ = false;
        } else if (!known_ && !of_account) {
          ++anomalies_;
        }
        return;
    }
  }

  int Finish() {
    Close(kNever);
    return anomalies_;
  }

 private:
  void Open(int64_t at_us) {
    begin_us_ = at_us;
    open_ = true;
  }
  void Close(int64_t at_us) {
    if (!open_) return;
    const int64_t end = row_.time_end_us > 0 ? std::min(at_us, row_.time_end_us) : at_us;
    if (begin_us_ < end) pieces_.push_back({begin_us_, end});
    open_ = false;
  }

  const MethodRow& row_;
  std::vector<Interval>& pieces_;
  int64_t begin_us_ = 0;
  bool open_ = false;
  bool exists_ = false;
  bool known_ = false;
  int anomalies_ = 0;
};

std::vector<Interval> Without(const std::vector<Interval>& pieces, const std::vector<Interval>& holes) {
  std::vector<Interval> result;
  for (const Interval& piece : pieces) {
    int64_t from = piece.from_us;
    for (const Interval& hole : holes) {
      if (hole.to_us <= from || hole.from_us >= piece.to_us) continue;
      if (hole.from_us > from) result.push_back({from, hole.from_us});
      from = std::max(from, hole.to_us);
    }
    if (from < piece.to_us) result.push_back({from, piece.to_us});
  }
  return result;
}

}  // namespace

std::vector<Interval> UnionOf(std::vector<Interval> pieces, int64_t break_us) {
  std::sort(pieces.begin(), pieces.end(), [](const Interval& a, const Interval& b) {
    return std::tie(a.from_us, a.to_us) < std::tie(b.from_us, b.to_us);
  });
  std::vector<Interval> result;
  for (const Interval& piece : pieces) {
    if (piece.from_us >= piece.to_us) continue;
    // to_us may be kNever: the difference is taken only where it cannot overflow.
    if (!result.empty() && (piece.from_us <= result.back().to_us || piece.from_us - result.back().to_us < break_us)) {
      result.back().to_us = std::max(result.back().to_us, piece.to_us);
    } else {
      result.push_back(piece);
    }
  }
  return result;
}

MergedEnrolment MergeEnrolment(absl::Span<const MethodRow> rows, absl::Span<const Change> account) {
  std::vector<Change> account_sorted(account.begin(), account.end());
  std::sort(account_sorted.begin(), account_sorted.end(), Earlier);
  const std::vector<Interval> suspensions = AccountSuspensions(account_sorted);

  MergedEnrolment result;
  std::vector<Interval> pieces;
  for (const MethodRow& row : rows) {
    std::vector<Change> sorted = row.changes;
    std::sort(sorted.begin(), sorted.end(), Earlier);
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    RowLife life(row, pieces);
    auto of_account = account_sorted.begin();
    for (const Change& change : sorted) {
      for (; of_account != account_sorted.end() && Earlier(*of_account, change); ++of_account) {
        if (of_account->kind == ChangeKind::kDeleted) life.Meet(*of_account, true);
      }
      life.Meet(change, false);
    }
    for (; of_account != account_sorted.end(); ++of_account) {
      if (of_account->kind == ChangeKind::kDeleted) life.Meet(*of_account, true);
    }
    result.anomalies += life.Finish();
  }
  result.intervals = UnionOf(Without(pieces, suspensions), kDayUs);
  return result;
}

std::optional<int64_t> StartOf(absl::Span<const Interval> intervals, std::optional<int64_t> course_start_us) {
  if (intervals.empty()) return std::nullopt;
  return course_start_us ? std::max(*course_start_us, intervals.front().from_us) : intervals.front().from_us;
}

std::string EncodeIntervals(absl::Span<const Interval> intervals) {
  std::string text;
  for (const Interval& interval : intervals) {
    if (!text.empty()) text += ',';
    absl::StrAppend(&text, interval.from_us, "~");
    if (interval.to_us != kNever) absl::StrAppend(&text, interval.to_us);
  }
  return text;
}

std::optional<std::vector<Interval>> DecodeIntervals(std::string_view text) {
  std::vector<Interval> result;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    Interval interval;
    auto read = std::from_chars(at, end, interval.from_us);
    if (read.ec != std::errc() || read.ptr == end || *read.ptr != '~') return std::nullopt;
    at = read.ptr + 1;
    if (at != end && *at != ',') {
      read = std::from_chars(at, end, interval.to_us);
      if (read.ec != std::errc()) return std::nullopt;
      at = read.ptr;
    }
    result.push_back(interval);
    if (at != end && *at++ != ',') return std::nullopt;
  }
  return result;
}

}  // namespace compagnon::moodle
