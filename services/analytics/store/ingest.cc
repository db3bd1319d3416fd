#include "analytics/store/ingest.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "analytics/domain/indicators.h"
#include "analytics/domain/learner_day.h"
#include "analytics/domain/local_time.h"
#include "analytics/domain/position_set.h"
#include "analytics/store/layers.h"
#include "analytics/store/schema.h"
#include "platform/base/log.h"
#include "platform/bus/outbox.h"

namespace compagnon::analytics {
namespace {

// Events of the live stream are late when their week ended more than this before they came.
constexpr int64_t kLateUs = 7 * kDayUs;

// Numbers of everything a batch names.
struct Numbers {
  std::vector<int32_t> site;    // by batch stream
  std::vector<int32_t> stream;  // by batch stream
  std::vector<int32_t> name;    // by batch name
  std::vector<NameKind> kind;   // by batch name
  absl::flat_hash_map<std::string, int32_t> words;
};

// One batch inside one transaction.
class Transaction {
 public:
  Transaction(store::Session& session, const EventBatch& batch, const Numbers& numbers, absl::Time now)
      : session_(session), batch_(batch), numbers_(numbers), now_(now), now_us_(absl::ToUnixMicros(now)) {}

  absl::Status Run() {
    RETURN_IF_ERROR(LockStreams());
    RETURN_IF_ERROR(TakePositions());
    RETURN_IF_ERROR(TakeVoids());
    if (report_.taken == 0 && report_.rejected == 0) return CountStreams();
    RETURN_IF_ERROR(LockZones());
    RETURN_IF_ERROR(AddActivities());
    RETURN_IF_ERROR(ApplyCourses());
    RETURN_IF_ERROR(ApplyEnrolments());
    RETURN_IF_ERROR(ApplyCoverage());
    RETURN_IF_ERROR(ApplyCompleteness());
    RETURN_IF_ERROR(SetAside());
    RETURN_IF_ERROR(session_.BulkInsertInts("dirty", kDirtyColumns, Marks().columns()));
    return CountStreams();
  }
  const IngestReport& report() const { return report_; }

 private:
  struct Counts {
    int64_t events = 0, taken = 0, duplicates = 0, rejected = 0, late = 0;
  };
  struct SiteZone {
    std::optional<Zone> zone;  // none: local days wait until a zone is known and raw was read again
    bool had_events = false;
  };
  static constexpr std::array<std::string_view, 4> kDirtyColumns = {"site", "course", "week", "person"};

  int64_t Site(int32_t stream) const { return numbers_.site[stream]; }
  int64_t Word(const std::string& text) const { return numbers_.words.at(text); }
  void Mark(int64_t site, int64_t course, int32_t week, int64_t person) { marks_.insert({site, course, week, person}); }
  IntRows Marks() const {
    IntRows rows(4);
    for (const auto& [site, course, week, person] : marks_) rows.Add({site, course, week, person});
    return rows;
  }

  // The rows of the streams are what two consumers of one stream wait for; always in one order.
  absl::Status LockStreams() {
    for (size_t i = 0; i < batch_.streams.size(); ++i) order_.push_back(static_cast<int32_t>(i));
    std::sort(order_.begin(), order_.end(),
              [&](int32_t a, int32_t b) { return numbers_.stream[a] < numbers_.stream[b]; });
    counts_.resize(order_.size());
    const std::string sql = fmt::format("SELECT id FROM stream WHERE id = :p1{}", ForUpdate(session_));
    for (const int32_t i : order_) {
      RETURN_IF_ERROR(
          session_.Query(sql, {int64_t{numbers_.stream[i]}}, [](const store::Row&) { return absl::OkStatus(); }));
    }
    return absl::OkStatus();
  }

  // Finds which positions are new, and writes them down.
  absl::Status TakePositions() {
    struct Place {
      std::vector<int64_t> positions;
      std::vector<std::pair<int, size_t>> from;  // (list, index)
    };
    std::map<std::pair<int32_t, int64_t>, Place> places;  // (stream number, block)
    fresh_[0].resize(batch_.activities.size());
    fresh_[1].resize(batch_.courses.size());
    fresh_[2].resize(batch_.enrolments.size());
    fresh_[3].resize(batch_.coverages.size());
    fresh_[4].resize(batch_.completeness.size());
    fresh_[5].resize(batch_.poison.size());
    std::map<std::pair<int32_t, int64_t>, int32_t> batch_stream;
    const auto add = [&](int list, size_t index, int32_t stream, int64_t pos) {
      if (stream < 0) {
        fresh_[list][index] = true;
        ++report_.rejected;
        return;
      }
      const std::pair<int32_t, int64_t> key{numbers_.stream[stream], pos / kPositionBlock};
      Place& place = places[key];
      if (place.positions.empty()) batch_stream[key] = stream;
      place.positions.push_back(pos);
      place.from.emplace_back(list, index);
    };
    for (size_t i = 0; i < batch_.activities.size(); ++i)
      add(0, i, batch_.activities[i].stream, batch_.activities[i].pos);
    for (size_t i = 0; i < batch_.courses.size(); ++i) add(1, i, batch_.courses[i].stream, batch_.courses[i].pos);
    for (size_t i = 0; i < batch_.enrolments.size(); ++i)
      add(2, i, batch_.enrolments[i].stream, batch_.enrolments[i].pos);
    for (size_t i = 0; i < batch_.coverages.size(); ++i) add(3, i, batch_.coverages[i].stream, batch_.coverages[i].pos);
    for (size_t i = 0; i < batch_.completeness.size(); ++i)
      add(4, i, batch_.completeness[i].stream, batch_.completeness[i].pos);
    for (size_t i = 0; i < batch_.poison.size(); ++i) add(5, i, batch_.poison[i].stream, batch_.poison[i].pos);

    for (const auto& [key, place] : places) {
      std::string text;
      RETURN_IF_ERROR(session_.Query("SELECT ranges FROM taken WHERE stream = :p1 AND block = :p2",
                                     {int64_t{key.first}, key.second}, [&](const store::Row& row) {
                                       text = row.Text(0);
                                       return absl::OkStatus();
                                     }));
      ASSIGN_OR_RETURN(PositionSet taken, PositionSet::Parse(text));
      const std::vector<bool> fresh = taken.Take(place.positions);
      Counts& counts = counts_[batch_stream[key]];
      int64_t added = 0;
      for (size_t i = 0; i < fresh.size(); ++i) {
        const auto [list, index] = place.from[i];
        fresh_[list][index] = fresh[i];
        if (!fresh[i]) {
          ++counts.duplicates;
          ++report_.duplicates;
          continue;
        }
        ++added;
        if (list == 5) {
          ++counts.rejected;
          ++report_.rejected;
        } else {
          counts.events += list == 0;  // states are no events
          ++counts.taken;
          ++report_.taken;
        }
      }
      if (added == 0) continue;
      RETURN_IF_ERROR(PutTaken(key.first, key.second, taken));
    }
    return absl::OkStatus();
  }

  // A void is taken where positions are still missing; whoever has them all loses nothing.
  absl::Status TakeVoids() {
    for (const VoidState& v : batch_.voids) {
      const int64_t stream = numbers_.stream[v.stream];
      int64_t added = 0;
      for (int64_t block = v.first_pos / kPositionBlock; block <= v.last_pos / kPositionBlock; ++block) {
        PositionSet taken;
        RETURN_IF_ERROR(session_.Query("SELECT ranges FROM taken WHERE stream = :p1 AND block = :p2", {stream, block},
                                       [&](const store::Row& row) -> absl::Status {
                                         ASSIGN_OR_RETURN(taken, PositionSet::Parse(row.Text(0)));
                                         return absl::OkStatus();
                                       }));
        const int64_t fresh = taken.TakeRange(std::max(v.first_pos, block * kPositionBlock),
                                              std::min(v.last_pos, (block + 1) * kPositionBlock - 1));
        if (fresh > 0) RETURN_IF_ERROR(PutTaken(stream, block, taken));
        added += fresh;
      }
      if (added == 0) {
        ++counts_[v.stream].duplicates;
        ++report_.duplicates;
        continue;
      }
      ++counts_[v.stream].taken;
      ++report_.taken;
      if (v.lost.from < v.lost.to) {
        RETURN_IF_ERROR(
            session_
                .Execute("INSERT INTO lost (site, from_us, to_us) VALUES (:p1, :p2, :p3) ON CONFLICT DO NOTHING",
                         {Site(v.stream), v.lost.from, v.lost.to})
                .status());
      }
    }
    return absl::OkStatus();
  }

  absl::Status PutTaken(int64_t stream, int64_t block, const PositionSet& taken) {
    return session_
        .Execute(
            "INSERT INTO taken (stream, block, ranges, n) VALUES (:p1, :p2, :p3, :p4)"
            " ON CONFLICT (stream, block) DO UPDATE SET ranges = excluded.ranges, n = excluded.n",
            {stream, block, taken.Format(), taken.size()})
        .status();
  }

  // Reads the zone of each site under a lock: nobody may change it while days are computed with it. A zone that changes
  // here makes the site's local days wrong as a whole; they are then made again from raw (recompute.h), and none is
  // written meanwhile.
  absl::Status LockZones() {
    std::map<int32_t, const CourseState*> newest;
    for (size_t i = 0; i < batch_.courses.size(); ++i) {
      const CourseState& course = batch_.courses[i];
      if (!fresh_[1][i] || course.time_zone.empty()) continue;
      if (!Zone::Load(course.time_zone).ok()) {
        Log(LogLevel::kError, "a site states a time zone this machine does not know",
            {{"zone", std::string_view(course.time_zone)}});
        continue;
      }
      const CourseState*& best = newest[numbers_.site[course.stream]];
      if (best == nullptr || course.pos > best->pos) best = &course;
    }
    std::set<int32_t> completeness;
    for (size_t i = 0; i < batch_.completeness.size(); ++i) {
      if (fresh_[4][i]) completeness.insert(numbers_.site[batch_.completeness[i].stream]);
    }
    std::vector<int32_t> sites(numbers_.site);
    std::sort(sites.begin(), sites.end());
    sites.erase(std::unique(sites.begin(), sites.end()), sites.end());
    for (const int32_t site : sites) {
      const auto stated = newest.find(site);
      // Whoever will write the row locks it for that at once: two readers that both want to write would wait for each
      // other.
      const bool writes = stated != newest.end() || completeness.contains(site);
      const std::string sql = fmt::format("SELECT zone, zone_pos, rebuild FROM site WHERE id = :p1{}",
                                          writes ? ForUpdate(session_) : ForShare(session_));
      std::string name;
      int64_t zone_pos = 0;
      bool rebuild = false;
      RETURN_IF_ERROR(session_.Query(sql, {int64_t{site}}, [&](const store::Row& row) {
        name = row.Text(0);
        zone_pos = row.Int(1);
        rebuild = row.Int(2) != 0;
        return absl::OkStatus();
      }));
      if (stated != newest.end() && stated->second->pos > zone_pos) {
        if (stated->second->time_zone != name) {
          ASSIGN_OR_RETURN(const bool had_events, HadEvents(site));
          rebuild = rebuild || had_events;
          Mark(site, 0, kWholeHistory, 0);
        }
        name = stated->second->time_zone;
        RETURN_IF_ERROR(
            session_
                .Execute(
                    "UPDATE site SET zone = :p2, zone_pos = :p3, rebuild = :p4, version = version + 1 WHERE id = :p1",
                    {int64_t{site}, name, stated->second->pos, int64_t{rebuild}})
                .status());
      }
      if (name.empty() || rebuild) continue;
      ASSIGN_OR_RETURN(Zone zone, Zone::Load(name));
      zones_.emplace(site, zone);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<bool> HadEvents(int32_t site) {
    int64_t events = 0;
    RETURN_IF_ERROR(session_.Query("SELECT coalesce(sum(events), 0) FROM stream WHERE site = :p1", {int64_t{site}},
                                   [&](const store::Row& row) {
                                     events = row.Int(0);
                                     return absl::OkStatus();
                                   }));
    return events > 0;
  }

  absl::Status AddActivities() {
    RawRows raw;
    std::vector<LearnerDay> days;
    std::vector<std::array<int64_t, 5>> completed;
    for (size_t i = 0; i < batch_.activities.size(); ++i) {
      if (!fresh_[0][i]) continue;
      Activity event = batch_.activities[i];
      const int32_t batch_stream = event.stream;
      const NameKind kind = numbers_.kind[event.name];
      const int32_t site = numbers_.site[batch_stream];
      event.stream = numbers_.stream[batch_stream];
      event.name = numbers_.name[event.name];
      raw.Add(site, event);
      CountLate(batch_stream, site, event.occurred_us);
      if (const int64_t person = CompletedPerson(event, kind); person != 0) {
        completed.push_back({site, event.course, person, event.stream, event.occurred_us});
        Mark(site, event.course, kWholeHistory, person);
      }
      const int32_t action = ActionKind(event, kind);
      const auto zone = zones_.find(site);
      if (action == 0 || zone == zones_.end()) continue;
      days.push_back({{site, event.course, zone->second.DayOf(event.occurred_us), event.person, action, event.stream},
                      1,
                      event.occurred_us,
                      event.occurred_us});
    }
    RETURN_IF_ERROR(AddRaw(session_, raw));
    days = Aggregate(std::move(days));
    for (const LearnerDay& day : days) Mark(day.key.site, day.key.course, WeekOfDay(day.key.day), 0);
    RETURN_IF_ERROR(AddLearnerDays(session_, days));
    return AddCompleted(session_, std::move(completed));
  }

  void CountLate(int32_t batch_stream, int32_t site, int64_t occurred_us) {
    // History brought by a file is not late: nobody waited for it.
    if (batch_.streams[batch_stream].stream != kSiteStream) return;
    const auto zone = zones_.find(site);
    if (zone == zones_.end() || now_us_ - occurred_us < kLateUs) return;
    if (zone->second.Midnight(FirstDayOfWeek(zone->second.WeekOf(occurred_us) + 1)) + kLateUs < now_us_)
      ++counts_[batch_stream].late;
  }

  absl::Status ApplyCourses() {
    std::map<std::pair<int64_t, int64_t>, const CourseState*> newest;
    for (size_t i = 0; i < batch_.courses.size(); ++i) {
      if (!fresh_[1][i]) continue;
      const CourseState*& best = newest[{Site(batch_.courses[i].stream), batch_.courses[i].course}];
      if (best == nullptr || batch_.courses[i].pos > best->pos) best = &batch_.courses[i];
    }
    const auto day = [](const std::optional<int32_t>& d) { return d ? store::Value(int64_t{*d}) : store::Value(); };
    for (const auto& [key, course] : newest) {
      ASSIGN_OR_RETURN(
          const int64_t changed,
          session_.Execute("INSERT INTO course (site, course, pos, short_name, full_name, start_day, end_day, visible)"
                           " VALUES (:p1, :p2, :p3, :p4, :p5, :p6, :p7, :p8) ON CONFLICT (site, course) DO UPDATE SET"
                           " pos = excluded.pos, short_name = excluded.short_name, full_name = excluded.full_name,"
                           " start_day = excluded.start_day, end_day = excluded.end_day, visible = excluded.visible,"
                           " version = course.version + 1"
                           " WHERE excluded.pos > course.pos",
                           {key.first, key.second, course->pos, course->short_name, course->full_name,
                            day(course->start_day), day(course->end_day), int64_t{course->visible}}));
      if (changed > 0) Mark(key.first, key.second, kWholeHistory, 0);
    }
    return absl::OkStatus();
  }

  absl::Status ApplyEnrolments() {
    std::map<std::array<int64_t, 3>, const EnrolmentState*> newest;
    for (size_t i = 0; i < batch_.enrolments.size(); ++i) {
      const EnrolmentState& e = batch_.enrolments[i];
      if (!fresh_[2][i]) continue;
      const EnrolmentState*& best = newest[{Site(e.stream), e.course, e.person}];
      if (best == nullptr || e.pos > best->pos) best = &e;
    }
    if (newest.empty()) return absl::OkStatus();
    IntRows courses(2), rows(12);
    std::vector<std::pair<std::array<int64_t, 3>, const EnrolmentState*>> several;
    int64_t site_before = -1, course_before = -1;
    for (const auto& [key, e] : newest) {
      const auto& [site, course, person] = key;
      if (site != site_before || course != course_before) courses.Add({site, course});
      site_before = site, course_before = course;
      const bool any = !e->intervals.empty();
      rows.Add({site, course, person, e->pos, e->learner, Word(e->cohort), Word(e->sex), Word(e->age_band),
                Word(e->country), Word(e->area), any ? e->intervals[0].from : store::Session::kNullInt,
                any ? e->intervals[0].to : store::Session::kNullInt});
      if (e->intervals.size() > 1) several.emplace_back(key, e);
      Mark(site, course, kWholeHistory, person);
    }
    static constexpr std::array<std::string_view, 2> kCourse = {"site", "course"};
    RETURN_IF_ERROR(session_.UpsertInts("course", kCourse, "site, course", "", courses.columns()));
    static constexpr std::array<std::string_view, 12> kEnrolment = {
        "site", "course", "person", "pos", "learner", "cohort", "sex", "age", "country", "area", "from_us", "to_us"};
    RETURN_IF_ERROR(session_.UpsertInts("enrolment", kEnrolment, "site, course, person",
                                        "pos = excluded.pos, learner = excluded.learner, cohort = excluded.cohort, sex "
                                        "= excluded.sex, age = excluded.age,"
                                        " country = excluded.country, area = excluded.area, from_us = "
                                        "excluded.from_us, to_us = excluded.to_us, more = NULL"
                                        " WHERE excluded.pos > enrolment.pos",
                                        rows.columns()));
    // Hardly anybody has a second interval: those beyond the first travel apart. The position tells whether the row
    // above was taken.
    for (const auto& [key, e] : several) {
      RETURN_IF_ERROR(
          session_
              .Execute(
                  "UPDATE enrolment SET more = :p5 WHERE site = :p1 AND course = :p2 AND person = :p3 AND pos = :p4",
                  {key[0], key[1], key[2], e->pos, FormatIntervals({e->intervals.begin() + 1, e->intervals.end()})})
              .status());
    }
    return absl::OkStatus();
  }

  // Kept until everything it promises has arrived; the recompute pass decides that.
  absl::Status ApplyCoverage() {
    for (size_t i = 0; i < batch_.coverages.size(); ++i) {
      const CoverageState& c = batch_.coverages[i];
      if (!fresh_[3][i]) continue;
      RETURN_IF_ERROR(
          session_
              .Execute(
                  "INSERT INTO coverage_stated (site, pos, stated_us, spans, marks) VALUES (:p1, :p2, :p3, :p4, :p5)"
                  " ON CONFLICT (site, pos) DO NOTHING",
                  {Site(c.stream), c.pos, c.stated_us, FormatSpans(c.coverage.spans), FormatMarks(c.coverage.marks)})
              .status());
    }
    return absl::OkStatus();
  }

  absl::Status ApplyCompleteness() {
    std::map<std::pair<int64_t, int32_t>, const CompletenessState*> newest;
    for (size_t i = 0; i < batch_.completeness.size(); ++i) {
      if (!fresh_[4][i]) continue;
      const CompletenessState*& best = newest[{Site(batch_.completeness[i].stream), batch_.completeness[i].day}];
      if (best == nullptr || batch_.completeness[i].pos > best->pos) best = &batch_.completeness[i];
    }
    if (newest.empty()) return absl::OkStatus();
    IntRows rows(5);
    for (const auto& [key, c] : newest) {
      rows.Add({key.first, key.second, c->pos, c->pulled, c->counted});
      // Completeness is part of every figure's answer.
      RETURN_IF_ERROR(session_.Execute("UPDATE site SET version = version + 1 WHERE id = :p1", {key.first}).status());
    }
    static constexpr std::array<std::string_view, 5> kColumns = {"site", "day", "pos", "pulled", "counted"};
    return session_.UpsertInts("completeness", kColumns, "site, day",
                               "pos = excluded.pos, pulled = excluded.pulled, counted = excluded.counted WHERE "
                               "excluded.pos > completeness.pos",
                               rows.columns());
  }

  absl::Status SetAside() {
    for (size_t i = 0; i < batch_.poison.size(); ++i) {
      if (fresh_[5][i])
        RETURN_IF_ERROR(bus::Reject(session_, *batch_.poison[i].message, batch_.poison[i].reason, now_));
    }
    return absl::OkStatus();
  }

  absl::Status CountStreams() {
    for (const int32_t i : order_) {
      const Counts& c = counts_[i];
      RETURN_IF_ERROR(
          session_
              .Execute(
                  "UPDATE stream SET events = events + :p2, duplicates = duplicates + :p3, rejected = rejected + :p4,"
                  " late = late + :p5, last_ingest_us = CASE WHEN :p7 > 0 THEN :p6 ELSE last_ingest_us END WHERE id = "
                  ":p1",
                  {int64_t{numbers_.stream[i]}, c.events, c.duplicates, c.rejected, c.late, now_us_, c.taken})
              .status());
    }
    return absl::OkStatus();
  }

  store::Session& session_;
  const EventBatch& batch_;
  const Numbers& numbers_;
  const absl::Time now_;
  const int64_t now_us_;
  IngestReport report_;
  std::vector<int32_t> order_;
  std::vector<Counts> counts_;
  std::array<std::vector<bool>, 6> fresh_;
  std::map<int32_t, Zone> zones_;
  absl::flat_hash_set<std::array<int64_t, 4>> marks_;
};

}  // namespace

absl::Status Ingest::MakeMonthsOf(const EventBatch& batch) {
  if (database_.dialect() == store::Dialect::kSqlite) return absl::OkStatus();
  std::set<int32_t> wanted;
  int64_t from = 1, to = 0;
  for (const Activity& event : batch.activities) {
    if (event.occurred_us >= from && event.occurred_us < to) continue;
    // A local day may lie a month apart from the instant's UTC month.
    const int32_t day = UtcDay(event.occurred_us);
    for (int32_t month = MonthOfDay(day - 1); month <= MonthOfDay(day + 1); ++month) wanted.insert(month);
    from = day * kDayUs;
    to = from + kDayUs;
  }
  {
    absl::ReaderMutexLock lock(&mutex_);
    std::erase_if(wanted, [&](int32_t month) ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return months_.contains(month); });
  }
  for (const int32_t month : wanted) {
    RETURN_IF_ERROR(MakeMonths(database_, month, month));
    absl::MutexLock lock(&mutex_);
    months_.insert(month);
  }
  return absl::OkStatus();
}

absl::StatusOr<IngestReport> Ingest::Take(const EventBatch& batch, absl::Time now) {
  Numbers numbers;
  std::vector<std::string> texts;
  for (const StreamName& stream : batch.streams) texts.push_back(stream.site);
  ASSIGN_OR_RETURN(numbers.site, dictionary_.Sites(texts));
  std::vector<std::pair<int32_t, std::string>> streams;
  for (size_t i = 0; i < batch.streams.size(); ++i) streams.emplace_back(numbers.site[i], batch.streams[i].stream);
  ASSIGN_OR_RETURN(numbers.stream, dictionary_.Streams(streams));
  ASSIGN_OR_RETURN(numbers.name, dictionary_.Words(batch.names));
  for (const std::string& name : batch.names) numbers.kind.push_back(KindOfName(name));

  for (const EnrolmentState& e : batch.enrolments) {
    for (const std::string* text : {&e.cohort, &e.sex, &e.age_band, &e.country, &e.area})
      numbers.words.try_emplace(*text, 0);
  }
  texts.clear();
  for (const auto& [text, number] : numbers.words) texts.push_back(text);
  ASSIGN_OR_RETURN(const std::vector<int32_t> words, dictionary_.Words(texts));
  for (size_t i = 0; i < texts.size(); ++i) numbers.words[texts[i]] = words[i];

  RETURN_IF_ERROR(MakeMonthsOf(batch));
  IngestReport report;
  RETURN_IF_ERROR(database_.Write([&](store::Session& session) -> absl::Status {
    Transaction transaction(session, batch, numbers, now);
    RETURN_IF_ERROR(transaction.Run());
    report = transaction.report();
    return absl::OkStatus();
  }));
  return report;
}

}  // namespace compagnon::analytics
