#include "analytics/store/course_count.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "analytics/domain/coverage.h"
#include "analytics/domain/indicators.h"
#include "analytics/store/layers.h"
#include "analytics/store/schema.h"

namespace compagnon::analytics {
namespace {

constexpr int64_t kNull = store::Session::kNullInt;
// Above this many enrolments to look at one by one, reading the whole course is cheaper.
constexpr size_t kFewEnrolments = 200;
constexpr size_t kMaxRecounts = 200000;
constexpr size_t kDeletedAtOnce = 32;

int64_t OrNull(int64_t value, int64_t none) { return value == none ? kNull : value; }

// An enrolment and its figures' part, as last counted.
struct Counted {
  bool learner = false;
  Dimensions dimensions;
  Intervals intervals;
  friend bool operator==(const Counted&, const Counted&) = default;
};

struct Learner {
  Counted now;
  std::optional<Counted> before;  // none: never counted
  int64_t first_action_us = kNever;
  int64_t last_action_us = INT64_MIN;
  int64_t active_days = 0;
  int64_t completed_us = kNever;
  bool changed = false;                              // its fact must be written
  std::vector<std::pair<int32_t, Intervals>> valid;  // by stream, as asked for
};

absl::StatusOr<Counted> ReadCounted(const store::Row& row, size_t at) {
  Counted c;
  c.learner = row.Int(at) != 0;
  c.dimensions = {static_cast<int32_t>(row.Int(at + 1)), static_cast<int32_t>(row.Int(at + 2)),
                  static_cast<int32_t>(row.Int(at + 3)), static_cast<int32_t>(row.Int(at + 4))};
  if (!row.IsNull(at + 5)) c.intervals.push_back({row.Int(at + 5), row.Int(at + 6)});
  if (!row.IsNull(at + 7)) {
    ASSIGN_OR_RETURN(const Intervals more, ParseIntervals(row.Text(at + 7)));
    c.intervals.insert(c.intervals.end(), more.begin(), more.end());
  }
  return c;
}

// First instant at which two states of an enrolment count differently; kNever when they do not.
int64_t FirstDifference(const std::optional<Counted>& before, const Counted& now) {
  if (!before) return now.intervals.empty() ? kNever : now.intervals.front().from;
  if (*before == now) return kNever;
  const Intervals &a = before->intervals, &b = now.intervals;
  if (before->learner == now.learner && before->dimensions == now.dimensions && !a.empty() && !b.empty()) {
    for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
      if (i >= a.size()) return b[i].from;
      if (i >= b.size()) return a[i].from;
      if (a[i].from != b[i].from) return std::min(a[i].from, b[i].from);
      if (a[i].to != b[i].to) return std::min(a[i].to, b[i].to);
    }
  }
  int64_t first = kNever;
  for (const Intervals* intervals : {&a, &b}) {
    if (!intervals->empty()) first = std::min(first, intervals->front().from);
  }
  return first;
}

}  // namespace

// One course, one transaction.
class CourseCount {
 public:
  CourseCount(CourseCounter& counter, store::Session& session, int64_t site, int64_t course)
      : counter_(counter), session_(session), site_(site), course_(course) {}

  absl::StatusOr<CourseReport> Run() {
    RETURN_IF_ERROR(ReadFrame());
    RETURN_IF_ERROR(ReadMarks());
    if (!zone_) return report_;  // its days are to be made again first; the marks wait
    if (!exists_) {
      // Nobody is enrolled and the course is not known: whoever comes brings marks of their own.
      RETURN_IF_ERROR(DeleteMarks());
      return report_;
    }
    RETURN_IF_ERROR(ReadLearners());
    report_.full = whole_course_ || persons_.size() > std::max(kFewEnrolments, learners_.size() / 5);
    if (report_.full) {
      RETURN_IF_ERROR(CountAllDays());
    } else {
      RETURN_IF_ERROR(CountPersons());
      RETURN_IF_ERROR(CountMarkedWeeks());
    }
    RETURN_IF_ERROR(WriteFacts());
    RETURN_IF_ERROR(CountCells());
    RETURN_IF_ERROR(WriteCohorts());
    RETURN_IF_ERROR(session_
                        .Execute("UPDATE course SET version = version + :p3, counted_us = :p4, next_change_us = :p5"
                                 " WHERE site = :p1 AND course = :p2",
                                 {site_, course_, int64_t{changed_}, frame_.watermark_us, next_change_us_})
                        .status());
    RETURN_IF_ERROR(DeleteMarks());
    return report_;
  }

 private:
  using WeekMap = absl::flat_hash_map<int64_t, LearnerWeek>;  // by person

  absl::Status ReadFrame() {
    std::string zone_name, spans;
    RETURN_IF_ERROR(session_.Query(
        fmt::format("SELECT zone, spans, watermark_us, known_from_us, rebuild FROM site WHERE id = :p1{}",
                    ForShare(session_)),
        {site_}, [&](const store::Row& row) {
          if (row.Int(4) == 0) zone_name = row.Text(0);
          spans = row.Text(1);
          frame_.watermark_us = row.Int(2);
          frame_.known_from_us = row.Int(3);
          return absl::OkStatus();
        }));
    if (!zone_name.empty()) {
      ASSIGN_OR_RETURN(zone_, Zone::Load(zone_name));
    }
    ASSIGN_OR_RETURN(spans_, ParseSpans(spans));
    RETURN_IF_ERROR(session_.Query("SELECT id, name FROM stream WHERE site = :p1", {site_}, [&](const store::Row& row) {
      counting_[static_cast<int32_t>(row.Int(0))] = CountingSpans(spans_, row.Text(1));
      return absl::OkStatus();
    }));
    return session_.Query(
        fmt::format("SELECT start_day, end_day, counted_us FROM course WHERE site = :p1 AND course = :p2{}",
                    ForUpdate(session_)),
        {site_, course_}, [&](const store::Row& row) {
          exists_ = true;
          if (!row.IsNull(0)) start_day_ = static_cast<int32_t>(row.Int(0));
          if (!row.IsNull(1)) end_day_ = static_cast<int32_t>(row.Int(1));
          if (zone_ && !row.IsNull(0)) frame_.opens_us = zone_->Midnight(start_day_);
          if (zone_ && !row.IsNull(1)) frame_.ends_us = zone_->Midnight(end_day_ + 1);
          counted_us_ = row.Int(2);
          return absl::OkStatus();
        });
  }

  // Marks are read before the data they are about: a mark that becomes visible later stays for the next pass.
  absl::Status ReadMarks() {
    return session_.Query("SELECT id, week, person FROM dirty WHERE site = :p1 AND course = :p2", {site_, course_},
                          [&](const store::Row& row) {
                            marks_.push_back(row.Int(0));
                            if (row.Int(1) != kWholeHistory) {
                              weeks_.insert(static_cast<int32_t>(row.Int(1)));
                            } else if (row.Int(2) != 0) {
                              persons_.insert(row.Int(2));
                            } else {
                              whole_course_ = true;
                            }
                            return absl::OkStatus();
                          });
  }

  absl::Status DeleteMarks() {
    static const std::string sql = [] {
      std::string text = "DELETE FROM dirty WHERE id IN (";
      for (size_t i = 1; i <= kDeletedAtOnce; ++i) text += fmt::format("{}:p{}", i > 1 ? ", " : "", i);
      return text + ")";
    }();
    // Only what was read: marks of transactions that commit meanwhile may have smaller ids.
    for (size_t at = 0; at < marks_.size(); at += kDeletedAtOnce) {
      std::vector<store::Value> params;
      for (size_t i = 0; i < kDeletedAtOnce; ++i) params.emplace_back(marks_[std::min(at + i, marks_.size() - 1)]);
      RETURN_IF_ERROR(session_.Execute(sql, params).status());
    }
    return absl::OkStatus();
  }

  absl::Status ReadLearners() {
    RETURN_IF_ERROR(
        session_.Query("SELECT person, learner, cohort, sex, age, country, from_us, to_us, more FROM enrolment"
                       " WHERE site = :p1 AND course = :p2",
                       {site_, course_}, [&](const store::Row& row) -> absl::Status {
                         ASSIGN_OR_RETURN(learners_[row.Int(0)].now, ReadCounted(row, 1));
                         return absl::OkStatus();
                       }));
    return session_.Query(
        "SELECT person, learner, cohort, sex, age, country, from_us, to_us, more, first_action_us, last_action_us,"
        " active_days, completed_us FROM fact WHERE site = :p1 AND course = :p2",
        {site_, course_}, [&](const store::Row& row) -> absl::Status {
          Learner& learner = learners_[row.Int(0)];
          ASSIGN_OR_RETURN(learner.before, ReadCounted(row, 1));
          if (!row.IsNull(9)) learner.first_action_us = row.Int(9);
          if (!row.IsNull(10)) learner.last_action_us = row.Int(10);
          learner.active_days = row.Int(11);
          if (!row.IsNull(12)) learner.completed_us = row.Int(12);
          return absl::OkStatus();
        });
  }

  // When e's events of a stream count.
  const Intervals& ValidOf(Learner& learner, int32_t stream) {
    for (const auto& [known, valid] : learner.valid) {
      if (known == stream) return valid;
    }
    learner.valid.emplace_back(stream, Intersect(learner.now.intervals, counting_[stream]));
    return learner.valid.back().second;
  }

  bool OpenDay(int32_t day) const {
    const int64_t at = zone_->Midnight(day);
    return frame_.opens_us <= at && at < frame_.ends_us;
  }

  // Adds a learner-day to the weeks being made, or puts it off until raw was looked at.
  void AddLearnerDay(const LearnerDay& row) {
    const auto found = learners_.find(row.key.person);
    if (found == learners_.end() || !found->second.now.learner) return;
    const Intervals& valid = ValidOf(found->second, row.key.stream);
    switch (Judge(valid, row.first_us, row.last_us)) {
      case DayVerdict::kNone:
        return;
      case DayVerdict::kDecided:
        AddDay(made_[WeekOfDay(row.key.day)][row.key.person], row.key.day, row.first_us, row.last_us,
               OpenDay(row.key.day));
        return;
      case DayVerdict::kRecount:
        if (const auto known = counter_.recounts_.find(row.key); known != counter_.recounts_.end() &&
                                                                 known->second.n == row.n &&
                                                                 known->second.valid == FormatIntervals(valid)) {
          AddRecounted(row.key, known->second.first_last);
        } else {
          straddling_.push_back(row);
        }
    }
  }

  void AddRecounted(const LearnerDayKey& key, const std::optional<std::pair<int64_t, int64_t>>& first_last) {
    if (first_last)
      AddDay(made_[WeekOfDay(key.day)][key.person], key.day, first_last->first, first_last->second, OpenDay(key.day));
  }

  // An interval or the coverage begins or ends between a day's first and last action: only the events tell what counts.
  absl::Status CountStraddlingDays() {
    if (straddling_.empty()) return absl::OkStatus();
    if (counter_.recounts_.size() > kMaxRecounts) counter_.recounts_.clear();
    std::sort(straddling_.begin(), straddling_.end(),
              [](const LearnerDay& a, const LearnerDay& b) { return a.key.day < b.key.day; });
    for (size_t at = 0; at < straddling_.size();) {
      const int32_t day = straddling_[at].key.day;
      std::map<LearnerDayKey, CourseCounter::Recount> found;
      for (; at < straddling_.size() && straddling_[at].key.day == day; ++at) {
        const LearnerDay& row = straddling_[at];
        found[row.key] = {row.n, FormatIntervals(ValidOf(learners_[row.key.person], row.key.stream)), std::nullopt};
      }
      RETURN_IF_ERROR(ReadRaw(session_, site_, zone_->Midnight(day), zone_->Midnight(day + 1), [&](const Activity& e) {
        if (e.course != course_) return absl::OkStatus();
        const int32_t kind = ActionKind(e, counter_.names_->KindOf(e.name));
        const auto recount = found.find({site_, course_, day, e.person, kind, e.stream});
        if (recount == found.end() || !OpenAt(ValidOf(learners_[e.person], e.stream), e.occurred_us))
          return absl::OkStatus();
        auto& span = recount->second.first_last;
        if (!span) span = {e.occurred_us, e.occurred_us};
        span->first = std::min(span->first, e.occurred_us);
        span->second = std::max(span->second, e.occurred_us);
        return absl::OkStatus();
      }));
      for (auto& [key, recount] : found) {
        AddRecounted(key, recount.first_last);
        counter_.recounts_[key] = std::move(recount);
      }
    }
    straddling_.clear();
    return absl::OkStatus();
  }

  // A fact as the learner's weeks tell it.
  void AddToFact(Learner& learner, const LearnerWeek& week) {
    learner.first_action_us = std::min(learner.first_action_us, week.first_us);
    learner.last_action_us = std::max(learner.last_action_us, week.last_us);
    learner.active_days += std::popcount(static_cast<uint32_t>(week.days));
  }

  void ResetFact(Learner& learner) {
    learner.first_action_us = kNever;
    learner.last_action_us = INT64_MIN;
    learner.active_days = 0;
    learner.completed_us = kNever;
    learner.changed = true;
  }

  absl::Status ReadCompleted(int64_t person) {
    constexpr std::string_view kAll = "SELECT person, stream, at_us FROM completed WHERE site = :p1 AND course = :p2";
    constexpr std::string_view kOne =
        "SELECT person, stream, at_us FROM completed WHERE site = :p1 AND course = :p2 AND person = :p3";
    std::vector<store::Value> params = {site_, course_};
    if (person != 0) params.emplace_back(person);
    return session_.Query(person == 0 ? kAll : kOne, params, [&](const store::Row& row) {
      const auto found = learners_.find(row.Int(0));
      if (found == learners_.end() || !OpenAt(counting_[static_cast<int32_t>(row.Int(1))], row.Int(2)))
        return absl::OkStatus();
      found->second.completed_us = std::min(found->second.completed_us, row.Int(2));
      return absl::OkStatus();
    });
  }

  absl::Status CountAllDays() {
    RETURN_IF_ERROR(ReadLearnerDays(session_, site_, course_, INT32_MIN, INT32_MAX, 0,
                                    [&](const LearnerDay& row) { AddLearnerDay(row); }));
    RETURN_IF_ERROR(CountStraddlingDays());
    for (auto& [person, learner] : learners_) ResetFact(learner);
    RETURN_IF_ERROR(ReadCompleted(0));
    RETURN_IF_ERROR(
        session_.Execute("DELETE FROM learner_week WHERE site = :p1 AND course = :p2", {site_, course_}).status());
    IntRows rows(kWeekColumns.size());
    for (const auto& [week, by_person] : made_) {
      for (const auto& [person, made] : by_person) {
        AddToFact(learners_[person], made);
        AddWeekRow(rows, week, person, made);
      }
    }
    return session_.BulkInsertInts("learner_week", kWeekColumns, rows.columns());
  }

  // Enrolments that changed: all their days, and their weeks anew.
  absl::Status CountPersons() {
    if (persons_.empty()) return absl::OkStatus();
    int32_t first_day = 1, last_day = 0;
    RETURN_IF_ERROR(session_.Query(
        "SELECT min(day), max(day), count(day) FROM (SELECT * FROM (SELECT day FROM learner_day WHERE site = :p1 AND"
        " course = :p2 ORDER BY day LIMIT 1) a UNION ALL SELECT * FROM (SELECT day FROM learner_day WHERE"
        " site = :p1 AND course = :p2 ORDER BY day DESC LIMIT 1) b) c",
        {site_, course_}, [&](const store::Row& row) {
          if (row.Int(2) == 0) return absl::OkStatus();
          first_day = static_cast<int32_t>(row.Int(0));
          last_day = static_cast<int32_t>(row.Int(1));
          return absl::OkStatus();
        }));
    IntRows rows(kWeekColumns.size());
    for (const int64_t person : persons_) {
      const auto found = learners_.find(person);
      if (found == learners_.end()) continue;  // completed without an enrolment
      Learner& learner = found->second;
      MarkWeeksFrom(FirstDifference(learner.before, learner.now));
      const int64_t completed_before = learner.completed_us;
      const bool had_days = learner.active_days > 0;
      ResetFact(learner);
      RETURN_IF_ERROR(ReadCompleted(person));
      if (learner.completed_us != completed_before) {
        for (const int64_t at : {completed_before, learner.completed_us}) {
          if (at != kNever) cell_weeks_.insert(zone_->WeekOf(at));
        }
      }
      made_.clear();
      if (!learner.now.intervals.empty()) {
        const int32_t from = std::max(first_day, zone_->DayOf(learner.now.intervals.front().from));
        const int64_t end = learner.now.intervals.back().to;
        const int32_t to = end == kNever ? last_day : std::min(last_day, zone_->DayOf(end));
        RETURN_IF_ERROR(ReadLearnerDays(session_, site_, course_, from, to, person,
                                        [&](const LearnerDay& row) { AddLearnerDay(row); }));
        RETURN_IF_ERROR(CountStraddlingDays());
      }
      if (had_days) {
        for (int32_t week = WeekOfDay(first_day); week <= WeekOfDay(last_day); ++week) {
          if (made_.contains(week)) continue;
          RETURN_IF_ERROR(
              session_
                  .Execute("DELETE FROM learner_week WHERE site = :p1 AND course = :p2 AND week = :p3 AND person = :p4",
                           {site_, course_, int64_t{week}, person})
                  .status());
        }
      }
      for (const auto& [week, by_person] : made_) {
        for (const auto& [who, made] : by_person) {
          AddToFact(learner, made);
          AddWeekRow(rows, week, who, made);
        }
      }
    }
    made_.clear();
    return UpsertWeeks(rows);
  }

  // New actions, enrolments as they were: only the weeks they fell in.
  absl::Status CountMarkedWeeks() {
    IntRows rows(kWeekColumns.size());
    for (const int32_t week : weeks_) {
      made_.try_emplace(week);
      RETURN_IF_ERROR(ReadLearnerDays(session_, site_, course_, FirstDayOfWeek(week), FirstDayOfWeek(week + 1) - 1, 0,
                                      [&](const LearnerDay& row) { AddLearnerDay(row); }));
    }
    RETURN_IF_ERROR(CountStraddlingDays());
    for (const auto& [week, by_person] : made_) {
      cell_weeks_.insert(week);
      ASSIGN_OR_RETURN(const WeekMap before, ReadWeek(week));
      for (const auto& [person, made] : by_person) {
        const auto old = before.find(person);
        if (old != before.end() && old->second == made) continue;
        AddWeekRow(rows, week, person, made);
        Learner& learner = learners_[person];
        if (old != before.end()) learner.active_days -= std::popcount(static_cast<uint32_t>(old->second.days));
        AddToFact(learner, made);
        learner.changed = true;
      }
    }
    return UpsertWeeks(rows);
  }

  void MarkWeeksFrom(int64_t at) {
    if (at == kNever) return;
    from_week_ = std::min(from_week_, zone_->WeekOf(at));
  }

  static constexpr std::array<std::string_view, 8> kWeekColumns = {"site", "course",   "week",    "person",
                                                                   "days", "first_us", "last_us", "first_open_us"};
  void AddWeekRow(IntRows& rows, int32_t week, int64_t person, const LearnerWeek& w) {
    rows.Add({site_, course_, week, person, w.days, w.first_us, w.last_us, OrNull(w.first_open_us, kNever)});
  }
  absl::Status UpsertWeeks(const IntRows& rows) {
    return session_.UpsertInts("learner_week", kWeekColumns, "site, course, week, person",
                               "days = excluded.days, first_us = excluded.first_us, last_us = excluded.last_us,"
                               " first_open_us = excluded.first_open_us",
                               rows.columns());
  }

  absl::StatusOr<WeekMap> ReadWeek(int32_t week) {
    WeekMap by_person;
    RETURN_IF_ERROR(
        session_.Query("SELECT person, days, first_us, last_us, first_open_us FROM learner_week"
                       " WHERE site = :p1 AND course = :p2 AND week = :p3",
                       {site_, course_, int64_t{week}}, [&](const store::Row& row) {
                         by_person[row.Int(0)] = {static_cast<int32_t>(row.Int(1)), row.Int(2), row.Int(3),
                                                  row.IsNull(4) ? kNever : row.Int(4)};
                         return absl::OkStatus();
                       }));
    return by_person;
  }

  absl::Status WriteFacts() {
    static constexpr std::array<std::string_view, 14> kColumns = {
        "site",    "course",  "person", "learner",         "cohort",         "sex",         "age",
        "country", "from_us", "to_us",  "first_action_us", "last_action_us", "active_days", "completed_us"};
    IntRows rows(kColumns.size());
    std::vector<int64_t> several;
    for (const auto& [person, l] : learners_) {
      if (!l.changed && l.before == l.now) continue;
      const Counted& c = l.now;
      const bool any = !c.intervals.empty();
      rows.Add({site_, course_, person, c.learner, c.dimensions.cohort, c.dimensions.sex, c.dimensions.age,
                c.dimensions.country, any ? c.intervals[0].from : kNull, any ? c.intervals[0].to : kNull,
                OrNull(l.first_action_us, kNever), OrNull(l.last_action_us, INT64_MIN), l.active_days,
                OrNull(l.completed_us, kNever)});
      if (c.intervals.size() > 1) several.push_back(person);
    }
    changed_ = changed_ || !rows.empty();
    RETURN_IF_ERROR(session_.UpsertInts(
        "fact", kColumns, "site, course, person",
        "learner = excluded.learner, cohort = excluded.cohort, sex = excluded.sex, age = excluded.age, country = "
        "excluded.country,"
        " from_us = excluded.from_us, to_us = excluded.to_us, more = NULL, first_action_us = excluded.first_action_us,"
        " last_action_us = excluded.last_action_us, active_days = excluded.active_days, completed_us = "
        "excluded.completed_us",
        rows.columns()));
    for (const int64_t person : several) {
      const Intervals& intervals = learners_[person].now.intervals;
      RETURN_IF_ERROR(session_
                          .Execute("UPDATE fact SET more = :p4 WHERE site = :p1 AND course = :p2 AND person = :p3",
                                   {site_, course_, person, FormatIntervals({intervals.begin() + 1, intervals.end()})})
                          .status());
    }
    return absl::OkStatus();
  }

  absl::Status CountCells() {
    const WeekRange range = WeeksWithFigures(frame_, *zone_);
    std::set<int32_t> weeks;
    if (report_.full) {
      for (int32_t week = range.first; week <= range.last; ++week) weeks.insert(week);
    } else {
      const auto add = [&](int32_t first, int32_t last) {
        for (int32_t w = std::max(first, range.first); w <= std::min(last, range.last); ++w) weeks.insert(w);
      };
      for (const int32_t week : cell_weeks_) add(week, week);
      if (from_week_ != INT32_MAX) add(from_week_, range.last);
      // The weeks T has crossed, and the one it is in, of which the next change is asked.
      if (frame_.watermark_us > 0) add(counted_us_ > 0 ? zone_->WeekOf(counted_us_ - 1) : range.first, range.last);
    }

    std::vector<Enrolment> learners;
    NextChange next(frame_.watermark_us);
    next.Consider(frame_.ends_us);
    const WeekSpan current = SpanOfWeek(*zone_, zone_->WeekOf(frame_.watermark_us));
    next.Consider(current.from_us);
    next.Consider(current.to_us);
    CellSums sums;
    for (const auto& [person, l] : learners_) {
      if (!l.now.learner || l.now.intervals.empty()) continue;
      learners.push_back({person, l.now.dimensions, l.now.intervals, l.first_action_us, l.completed_us});
      CountWhole(frame_, *zone_, learners.back(), sums);
      next.ConsiderEnrolment(frame_, *zone_, learners.back());
    }
    for (const int32_t week : weeks) {
      const WeekSpan span = SpanOfWeek(*zone_, week);
      WeekMap by_person;
      if (const auto made = made_.find(week); made != made_.end()) {
        by_person = std::move(made->second);
      } else if (!report_.full) {
        ASSIGN_OR_RETURN(by_person, ReadWeek(week));
      }
      for (const Enrolment& e : learners) {
        const auto found = by_person.find(e.person);
        const int64_t first_open = found == by_person.end() ? kNever : found->second.first_open_us;
        CountWeek(frame_, span, e, first_open, sums);
        if (week == range.last) next.Consider(first_open);
      }
    }
    next_change_us_ = next.at_us();
    weeks.insert(kWholeHistory);
    return WriteCells(weeks, sums.cells());
  }

  absl::Status WriteCells(const std::set<int32_t>& weeks, const std::map<CellKey, Cell>& cells) {
    std::map<CellKey, Cell> before;
    const auto read = [&](const store::Row& row) {
      const CellKey key{static_cast<int32_t>(row.Int(0)),
                        static_cast<int32_t>(row.Int(1)),
                        {static_cast<int32_t>(row.Int(2)), static_cast<int32_t>(row.Int(3)),
                         static_cast<int32_t>(row.Int(4)), static_cast<int32_t>(row.Int(5))}};
      before[key] = {row.Int(6), row.Int(7)};
      return absl::OkStatus();
    };
    const std::string columns =
        "SELECT week, indicator, cohort, sex, age, country, numerator, denominator FROM cell WHERE site = :p1 AND "
        "course = :p2";
    if (report_.full) {
      // Weeks that lie outside the coverage by now have no figures any more.
      RETURN_IF_ERROR(session_.Query(columns, {site_, course_}, read));
    } else {
      const int32_t first = weeks.size() > 1 ? *std::next(weeks.begin()) : 0;  // after kWholeHistory
      const int32_t last = weeks.size() > 1 ? *weeks.rbegin() : -1;
      for (const int64_t split : {0, 1}) {
        RETURN_IF_ERROR(session_.Query(columns + " AND split = :p3 AND (week = -1 OR week BETWEEN :p4 AND :p5)",
                                       {site_, course_, split, int64_t{first}, int64_t{last}}, read));
      }
      std::erase_if(before, [&](const auto& cell) { return !weeks.contains(cell.first.week); });
    }
    static constexpr std::array<std::string_view, 11> kColumns = {
        "site", "course", "split", "week", "indicator", "cohort", "sex", "age", "country", "numerator", "denominator"};
    IntRows rows(kColumns.size());
    for (const auto& [key, cell] : cells) {
      const auto old = before.find(key);
      const bool same = old != before.end() && old->second == cell;
      if (old != before.end()) before.erase(old);
      if (same) continue;
      rows.Add({site_, course_, key.dimensions.sex != kAllValues, key.week, key.indicator, key.dimensions.cohort,
                key.dimensions.sex, key.dimensions.age, key.dimensions.country, cell.numerator, cell.denominator});
    }
    for (const auto& [key, cell] : before) {
      RETURN_IF_ERROR(
          session_
              .Execute("DELETE FROM cell WHERE site = :p1 AND course = :p2 AND week = :p3 AND indicator = :p4 AND "
                       "cohort = :p5"
                       " AND sex = :p6 AND age = :p7 AND country = :p8 AND split = :p9",
                       {site_, course_, int64_t{key.week}, int64_t{key.indicator}, int64_t{key.dimensions.cohort},
                        int64_t{key.dimensions.sex}, int64_t{key.dimensions.age}, int64_t{key.dimensions.country},
                        int64_t{key.dimensions.sex != kAllValues}})
              .status());
    }
    report_.cells = static_cast<int64_t>(rows.size() + before.size());
    changed_ = changed_ || report_.cells > 0;
    return session_.UpsertInts("cell", kColumns, "site, course, split, week, indicator, cohort, sex, age, country",
                               "numerator = excluded.numerator, denominator = excluded.denominator", rows.columns());
  }

  absl::Status WriteCohorts() {
    struct Sum {
      int64_t learners = 0, last_action_us = INT64_MIN;
    };
    std::map<int32_t, Sum> now;
    for (const auto& [person, l] : learners_) {
      if (!l.now.learner || l.now.intervals.empty()) continue;
      Sum& sum = now[l.now.dimensions.cohort];
      ++sum.learners;
      sum.last_action_us = std::max(sum.last_action_us, l.last_action_us);
    }
    std::set<int32_t> gone;
    RETURN_IF_ERROR(session_.Query("SELECT cohort FROM cohort WHERE site = :p1 AND course = :p2", {site_, course_},
                                   [&](const store::Row& row) {
                                     const int32_t cohort = static_cast<int32_t>(row.Int(0));
                                     if (!now.contains(cohort)) gone.insert(cohort);
                                     return absl::OkStatus();
                                   }));
    for (const int32_t cohort : gone) {
      RETURN_IF_ERROR(session_
                          .Execute("DELETE FROM cohort WHERE site = :p1 AND course = :p2 AND cohort = :p3",
                                   {site_, course_, int64_t{cohort}})
                          .status());
    }
    static constexpr std::array<std::string_view, 5> kColumns = {"site", "course", "cohort", "learners",
                                                                 "last_action_us"};
    IntRows rows(5);
    for (const auto& [cohort, sum] : now)
      rows.Add({site_, course_, cohort, sum.learners, OrNull(sum.last_action_us, INT64_MIN)});
    return session_.UpsertInts("cohort", kColumns, "site, course, cohort",
                               "learners = excluded.learners, last_action_us = excluded.last_action_us",
                               rows.columns());
  }

  CourseCounter& counter_;
  store::Session& session_;
  const int64_t site_, course_;
  CourseReport report_;

  std::optional<Zone> zone_;
  std::vector<CoverageSpan> spans_;
  std::map<int32_t, Intervals> counting_;  // by stream
  CourseFrame frame_;
  bool exists_ = false;
  int32_t start_day_ = 0, end_day_ = 0;
  int64_t counted_us_ = 0;

  std::vector<int64_t> marks_;
  bool whole_course_ = false;
  std::set<int32_t> weeks_;
  std::set<int64_t> persons_;

  std::map<int64_t, Learner> learners_;  // ascending: the order facts are written in
  std::map<int32_t, WeekMap> made_;
  std::vector<LearnerDay> straddling_;
  std::set<int32_t> cell_weeks_;
  int32_t from_week_ = INT32_MAX;
  int64_t next_change_us_ = kNever;
  bool changed_ = false;
};

NameKind NameNumbers::KindOf(int32_t name) const {
  if (name == course_completed) return NameKind::kCourseCompleted;
  return name == completion_updated ? NameKind::kCompletionUpdated : NameKind::kOther;
}

absl::StatusOr<NameNumbers> ReadNameNumbers(Dictionary& dictionary) {
  const std::vector<std::string> names = {"\\core\\event\\course_completed",
                                          "\\core\\event\\course_module_completion_updated"};
  ASSIGN_OR_RETURN(const std::vector<int32_t> numbers, dictionary.Words(names));
  return NameNumbers{numbers[0], numbers[1]};
}

absl::Status CourseCounter::Prepare() {
  if (names_) return absl::OkStatus();
  ASSIGN_OR_RETURN(names_, ReadNameNumbers(dictionary_));
  return absl::OkStatus();
}

absl::StatusOr<CourseReport> CourseCounter::Count(store::Session& session, int64_t site, int64_t course) {
  return CourseCount(*this, session, site, course).Run();
}

}  // namespace compagnon::analytics
