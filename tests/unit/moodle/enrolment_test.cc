#include "moodle/domain/enrolment.h"

#include <catch2/catch.hpp>
#include <random>

namespace compagnon::moodle {
namespace {

constexpr int64_t kMinute = 60 * kSecondUs;
constexpr int64_t kHour = 60 * kMinute;

MethodRow Row(std::vector<Change> changes, int64_t start = 0, int64_t end = 0) {
  return {start, end, std::move(changes)};
}
Change Created(int64_t at, int64_t order = 1) { return {at, order, ChangeKind::kCreated}; }
Change Deleted(int64_t at, int64_t order = 2) { return {at, order, ChangeKind::kDeleted}; }
Change Suspended(int64_t at, int64_t order = 2) { return {at, order, ChangeKind::kSuspended}; }
Change Activated(int64_t at, int64_t order = 3) { return {at, order, ChangeKind::kActivated}; }

std::vector<Interval> Merge(std::vector<MethodRow> rows, std::vector<Change> account = {}) {
  return MergeEnrolment(rows, account).intervals;
}

TEST_CASE("an enrolment begins at its creation when it has no start date", "[enrolment]") {
  CHECK(Merge({Row({Created(5 * kHour)})}) == std::vector<Interval>{{5 * kHour, kNever}});
}

TEST_CASE("a start date holds though the row was made later or earlier", "[enrolment]") {
  CHECK(Merge({Row({Created(90 * kHour)}, 10 * kHour)}) == std::vector<Interval>{{10 * kHour, kNever}});
  CHECK(Merge({Row({Created(5 * kHour)}, 90 * kHour)}) == std::vector<Interval>{{90 * kHour, kNever}});
}

TEST_CASE("an end date closes even when nobody deletes the row", "[enrolment]") {
  CHECK(Merge({Row({Created(kHour)}, 0, 100 * kHour)}) == std::vector<Interval>{{kHour, 100 * kHour}});
  CHECK(Merge({Row({Created(kHour), Deleted(50 * kHour)}, 0, 100 * kHour)}) ==
        std::vector<Interval>{{kHour, 50 * kHour}});
}

TEST_CASE("a break of less than 24 h is closed and one of exactly 24 h is not", "[enrolment]") {
  const int64_t end = 100 * kHour;
  CHECK(Merge({Row({Created(0), Deleted(end)}), Row({Created(end + kDayUs - 1)})}) ==
        std::vector<Interval>{{0, kNever}});
  CHECK(Merge({Row({Created(0), Deleted(end)}), Row({Created(end + kDayUs)})}) ==
        std::vector<Interval>{{0, end}, {end + kDayUs, kNever}});
}

TEST_CASE("two methods overlap into one interval", "[enrolment]") {
  CHECK(Merge({Row({Created(0), Deleted(50 * kHour)}), Row({Created(20 * kHour), Deleted(90 * kHour)})}) ==
        std::vector<Interval>{{0, 90 * kHour}});
}

TEST_CASE("a suspension closes and an activation opens again", "[enrolment]") {
  CHECK(Merge({Row({Created(0), Suspended(50 * kHour), Activated(100 * kHour)})}) ==
        std::vector<Interval>{{0, 50 * kHour}, {100 * kHour, kNever}});
}

TEST_CASE("a row created suspended is no enrolment until it is activated", "[enrolment]") {
  CHECK(Merge({Row({Created(0), Suspended(0, 1)})}).empty());
  CHECK(Merge({Row({Created(0), Suspended(0, 1), Activated(9 * kHour)})}) ==
        std::vector<Interval>{{9 * kHour, kNever}});
}

TEST_CASE("a suspended account has no enrolment meanwhile and a deleted one none after", "[enrolment]") {
  CHECK(Merge({Row({Created(0)})}, {Suspended(50 * kHour), Activated(100 * kHour)}) ==
        std::vector<Interval>{{0, 50 * kHour}, {100 * kHour, kNever}});
  CHECK(Merge({Row({Created(0)})}, {Deleted(70 * kHour)}) == std::vector<Interval>{{0, 70 * kHour}});
}

TEST_CASE("a creation after the account was deleted opens again", "[enrolment]") {
  CHECK(Merge({Row({Created(0), Created(100 * kHour, 9)})}, {Deleted(50 * kHour, 5)}) ==
        std::vector<Interval>{{0, 50 * kHour}, {100 * kHour, kNever}});
}

TEST_CASE("a deletion without a creation is counted and left out", "[enrolment]") {
  const MethodRow rows[] = {Row({Deleted(10 * kHour)}), Row({Created(0)})};
  const MergedEnrolment merged = MergeEnrolment(rows, {});
  CHECK(merged.anomalies == 1);
  CHECK(merged.intervals == std::vector<Interval>{{0, kNever}});
}

TEST_CASE("a deletion before its creation is an anomaly and one twice is not", "[enrolment]") {
  const MethodRow early[] = {Row({Deleted(5 * kHour, 1), Created(10 * kHour, 2)})};
  CHECK(MergeEnrolment(early, {}).anomalies == 1);
  const MethodRow twice[] = {Row({Created(0, 1), Deleted(5 * kHour, 2), Deleted(9 * kHour, 3)})};
  CHECK(MergeEnrolment(twice, {}).anomalies == 0);
  CHECK(MergeEnrolment(twice, {}).intervals == std::vector<Interval>{{0, 5 * kHour}});
}

TEST_CASE("a row created and deleted in one instant is no enrolment and closes no break", "[enrolment]") {
  CHECK(Merge({Row({Created(kHour, 1), Deleted(kHour, 2)})}).empty());
  // The empty one lies in a break of 30 h: it does not make two breaks of less than 24 h of it.
  const int64_t end = 10 * kHour;
  CHECK(Merge({Row({Created(0), Deleted(end)}), Row({Created(end + 15 * kHour, 1), Deleted(end + 15 * kHour, 2)}),
               Row({Created(end + 30 * kHour)})}) == std::vector<Interval>{{0, end}, {end + 30 * kHour, kNever}});
}

TEST_CASE("neither the order nor a repetition of changes matters", "[enrolment]") {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<Change> changes;
    for (int i = 0; i < 8; ++i) {
      changes.push_back({static_cast<int64_t>(random() % 400) * kHour, i, static_cast<ChangeKind>(1 + random() % 4)});
    }
    const MethodRow sorted[] = {Row(changes)};
    std::vector<Change> shuffled = changes;
    shuffled.push_back(changes[random() % changes.size()]);
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    const MethodRow mixed[] = {Row(shuffled)};
    CHECK(MergeEnrolment(sorted, {}).intervals == MergeEnrolment(mixed, {}).intervals);
    CHECK(MergeEnrolment(sorted, {}).anomalies == MergeEnrolment(mixed, {}).anomalies);
  }
}

// The same definition on a grid of minutes: for each minute, walk the changes up to it and ask whether some row is
// open.
std::vector<Interval> ByGrid(const std::vector<MethodRow>& rows, const std::vector<Change>& account, int minutes) {
  std::vector<bool> open(minutes, false);
  for (int minute = 0; minute < minutes; ++minute) {
    const int64_t at = minute * kMinute;
    bool suspended_account = false;
    for (const Change& change : account) {
      if (change.at_us > at) continue;
      // The last change of the account up to now decides.
      bool last = true;
      for (const Change& other : account) {
        if (other.at_us <= at && std::tie(other.at_us, other.order) > std::tie(change.at_us, change.order))
          last = false;
      }
      if (last) suspended_account = change.kind == ChangeKind::kSuspended;
    }
    for (const MethodRow& row : rows) {
      bool exists = false, active = false, ever = false;
      int64_t from = 0;
      for (int64_t order = 0; order < 1000; ++order) {
        for (const Change& change : row.changes) {
          if (change.order != order || change.at_us > at) continue;
          if (change.kind == ChangeKind::kCreated && !exists) {
            from = ever || row.time_start_us == 0 ? std::max(change.at_us, row.time_start_us) : row.time_start_us;
            exists = active = ever = true;
          } else if (change.kind == ChangeKind::kActivated && exists) {
            active = true;
          } else if (change.kind == ChangeKind::kSuspended && exists) {
            active = false;
          } else if (change.kind == ChangeKind::kDeleted) {
            exists = active = false;
          }
        }
        for (const Change& change : account) {
          if (change.order == order && change.at_us <= at && change.kind == ChangeKind::kDeleted)
            exists = active = false;
        }
      }
      if (active && at >= from && (row.time_end_us == 0 || at < row.time_end_us) && !suspended_account)
        open[minute] = true;
    }
  }
  // Gaps of less than a day are filled afterwards.
  std::vector<Interval> result;
  for (int minute = 0; minute < minutes; ++minute) {
    if (!open[minute]) continue;
    if (!result.empty() && minute * kMinute - result.back().to_us < kDayUs) {
      result.back().to_us = (minute + 1) * kMinute;
    } else {
      result.push_back({minute * kMinute, (minute + 1) * kMinute});
    }
  }
  return result;
}

TEST_CASE("merged intervals equal those of a grid of minutes", "[enrolment]") {
  constexpr int kMinutes = 6 * 24 * 60;
  std::mt19937 random(20260101);
  for (int round = 0; round < 60; ++round) {
    // Every change has an order of its own that grows with time, as seq and log ids do.
    std::vector<MethodRow> rows(1 + random() % 3);
    std::vector<Change> account;
    int64_t order = 0;
    std::vector<int> minutes;
    for (int i = 0; i < 10; ++i) minutes.push_back(static_cast<int>(random() % kMinutes));
    std::sort(minutes.begin(), minutes.end());
    minutes.erase(std::unique(minutes.begin(), minutes.end()), minutes.end());
    for (int minute : minutes) {
      ++order;
      if (random() % 6 == 0) {
        account.push_back({minute * kMinute, order, static_cast<ChangeKind>(2 + random() % 3)});
      } else {
        rows[random() % rows.size()].changes.push_back(
            {minute * kMinute, order, static_cast<ChangeKind>(1 + random() % 4)});
      }
    }
    for (MethodRow& row : rows) {
      if (random() % 3 == 0) row.time_end_us = static_cast<int64_t>(random() % kMinutes) * kMinute;
      // A start before the creation is seen by looking back, which a walk through time cannot: the grid takes later
      // ones only.
      if (random() % 3 == 0 && !row.changes.empty())
        row.time_start_us = row.changes.back().at_us + static_cast<int64_t>(random() % 600) * kMinute;
    }
    std::vector<Interval> merged = MergeEnrolment(rows, account).intervals;
    for (Interval& interval : merged) interval.to_us = std::min(interval.to_us, kMinutes * kMinute);
    std::erase_if(merged, [](const Interval& interval) { return interval.from_us >= interval.to_us; });
    INFO("round " << round);
    CHECK(merged == ByGrid(rows, account, kMinutes));
  }
}

TEST_CASE("start of e is the later of the course's first day and the first interval", "[enrolment]") {
  const Interval intervals[] = {{10, 20}, {30, kNever}};
  CHECK(StartOf(intervals, std::nullopt) == 10);
  CHECK(StartOf(intervals, 25) == 25);
  CHECK(StartOf(intervals, 5) == 10);
  CHECK_FALSE(StartOf({}, 5).has_value());
}

TEST_CASE("intervals survive the store", "[enrolment]") {
  const std::vector<Interval> intervals = {{-5, 20}, {30, kNever}};
  CHECK(DecodeIntervals(EncodeIntervals(intervals)) == intervals);
  CHECK(DecodeIntervals("") == std::vector<Interval>{});
  for (const char* bad : {"5", "x~3", "1~2;3~4", "1~2x"}) {
    INFO(bad);
    CHECK_FALSE(DecodeIntervals(bad).has_value());
  }
}

}  // namespace
}  // namespace compagnon::moodle
