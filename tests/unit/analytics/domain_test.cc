#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "analytics/domain/activity.h"
#include "analytics/domain/coverage.h"
#include "analytics/domain/indicators.h"
#include "analytics/domain/intervals.h"
#include "analytics/domain/learner_day.h"
#include "analytics/domain/local_time.h"
#include "analytics/domain/position_set.h"

namespace compagnon::analytics {
namespace {

int64_t At(const char* utc) {
  absl::Time time;
  std::string error;
  REQUIRE(absl::ParseTime("%Y-%m-%d %H:%M", utc, &time, &error));
  return absl::ToUnixMicros(time);
}
int32_t Day(const char* day) { return UtcDay(At((std::string(day) + " 00:00").c_str())); }
Zone Load(const char* name) { return Zone::Load(name).value(); }

TEST_CASE("positions behave as a set whatever their order", "[positions]") {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    PositionSet positions;
    std::set<int64_t> plain;
    for (int batch = 0; batch < 8; ++batch) {
      std::vector<int64_t> some(random() % 40);
      for (int64_t& p : some) p = 1 + static_cast<int64_t>(random() % 120);
      const std::vector<bool> fresh = positions.Take(some);
      for (size_t i = 0; i < some.size(); ++i) REQUIRE(fresh[i] == plain.insert(some[i]).second);
      const int64_t first = 1 + static_cast<int64_t>(random() % 120), last = first + static_cast<int64_t>(random() % 9);
      int64_t added = 0;
      for (int64_t p = first; p <= last; ++p) added += plain.insert(p).second;
      REQUIRE(positions.TakeRange(first, last) == added);
      const absl::StatusOr<PositionSet> read = PositionSet::Parse(positions.Format());
      REQUIRE(read.ok());
      positions = *read;
    }
    REQUIRE(positions.size() == static_cast<int64_t>(plain.size()));
    for (int64_t p = 1; p <= 131; ++p) {
      REQUIRE(positions.Contains(p) == plain.contains(p));
      REQUIRE(positions.CountUpTo(p) == std::distance(plain.begin(), plain.upper_bound(p)));
    }
  }
}

TEST_CASE("a dense stream is one range", "[positions]") {
  PositionSet positions;
  positions.Take({3, 1, 2});
  positions.Take({7, 5, 4});
  CHECK(positions.Format() == "1-5,7");
  positions.Take({6});
  CHECK(positions.Format() == "1-7");
  CHECK(positions.range_count() == 1);
}

TEST_CASE("what is no set of positions is refused", "[positions]") {
  for (const char* text :
       {"0", "5-4", "1-3,4", "1,1", "3,1", "1-", "-1", "1;2", "1,,2", " 1", "99999999999999999999"}) {
    CHECK_FALSE(PositionSet::Parse(text).ok());
  }
  CHECK(PositionSet::Parse("")->size() == 0);
}

TEST_CASE("ISO weeks are named by their Thursday", "[time]") {
  const std::pair<const char*, const char*> weeks[] = {
      {"2020-12-31", "2020-W53"}, {"2021-01-03", "2020-W53"}, {"2021-01-04", "2021-W01"}, {"2018-12-31", "2019-W01"},
      {"2026-11-21", "2026-W47"}, {"1970-01-01", "1970-W01"}, {"1969-12-28", "1969-W52"}, {"2027-01-01", "2026-W53"}};
  for (const auto& [day, name] : weeks) {
    INFO(day);
    CHECK(WeekLabel(WeekOfDay(Day(day))) == name);
  }
  for (int32_t day = -800; day < 800; ++day) {
    REQUIRE(FirstDayOfWeek(WeekOfDay(day)) <= day);
    REQUIRE(day < FirstDayOfWeek(WeekOfDay(day) + 1));
  }
}

TEST_CASE("local days follow the zone through its changes of clocks", "[time]") {
  const Zone paris = Load("Europe/Paris"), bogota = Load("America/Bogota"), dubai = Load("Asia/Dubai");
  CHECK(paris.Midnight(Day("2026-03-29")) == At("2026-03-28 23:00"));  // 23 hours long
  CHECK(paris.Midnight(Day("2026-03-30")) == At("2026-03-29 22:00"));
  CHECK(paris.Midnight(Day("2026-10-26")) - paris.Midnight(Day("2026-10-25")) == int64_t{25} * 3600 * 1000000);
  CHECK(bogota.DayOf(At("2026-03-02 04:59")) == Day("2026-03-01"));
  CHECK(bogota.DayOf(At("2026-03-02 05:00")) == Day("2026-03-02"));
  CHECK(dubai.DayOf(At("2026-03-01 20:00")) == Day("2026-03-02"));
  CHECK_FALSE(Zone::Load("Europe/Nowhere").ok());
  CHECK_FALSE(Zone::Load("").ok());
}

TEST_CASE("where clocks jump over midnight the day begins at the jump", "[time]") {
  const Zone beirut = Load("Asia/Beirut");  // 2022-03-27 began at 01:00
  CHECK(beirut.Midnight(Day("2022-03-27")) == At("2022-03-26 22:00"));
  CHECK(beirut.DayOf(At("2022-03-26 21:59")) == Day("2022-03-26"));
  CHECK(beirut.DayOf(At("2022-03-26 22:00")) == Day("2022-03-27"));
}

TEST_CASE("every instant lies in the day between two midnights", "[time]") {
  for (const char* name :
       {"Europe/Paris", "America/Havana", "America/Bogota", "Africa/Casablanca", "Indian/Mauritius", "Asia/Beirut"}) {
    const Zone zone = Load(name);
    std::mt19937_64 random(5);
    for (int i = 0; i < 3000; ++i) {
      const int64_t at = At("2015-01-01 00:00") + static_cast<int64_t>(random() % (int64_t{15} * 365 * kDayUs));
      const int32_t day = zone.DayOf(at);
      REQUIRE(zone.Midnight(day) <= at);
      REQUIRE(at < zone.Midnight(day + 1));
    }
  }
}

TEST_CASE("months are counted from January 1970", "[time]") {
  CHECK(UtcMonth(At("2026-11-21 08:00")) == 56 * 12 + 10);
  CHECK(UtcMonthStart(UtcMonth(At("2026-11-21 08:00"))) == At("2026-11-01 00:00"));
  CHECK(MonthOfDay(FirstDayOfMonth(-5)) == -5);
  CHECK(MonthOfDay(FirstDayOfMonth(-5) - 1) == -6);
}

TEST_CASE("methods unite and breaks under a day close and one of a day stays", "[intervals]") {
  CHECK(Merge({{50, 60}, {10, 20}, {15, 30}, {40, 40}}) == Intervals{{10, 30}, {50, 60}});
  CHECK(Merge({{0, 10}, {10 + kDayUs - 1, 3 * kDayUs}}, kDayUs) == Intervals{{0, 3 * kDayUs}});
  CHECK(Merge({{0, 10}, {10 + kDayUs, 3 * kDayUs}}, kDayUs).size() == 2);
  CHECK(Merge({{0, 10}, {10, 20}}) == Intervals{{0, 20}});
  CHECK(Merge({{0, kNever}, {5, 10}}) == Intervals{{0, kNever}});
}

TEST_CASE("intervals are half open", "[intervals]") {
  const Intervals i = {{10, 20}, {30, kNever}};
  CHECK(OpenAt(i, 10));
  CHECK_FALSE(OpenAt(i, 20));
  CHECK(OpenAt(i, 1 << 30));
  CHECK_FALSE(Meets(i, 20, 30));
  CHECK(Meets(i, 19, 20));
  CHECK_FALSE(Meets(i, 15, 15));
  CHECK(Intersect(i, {{5, 12}, {15, 40}}) == Intervals{{10, 12}, {15, 20}, {30, 40}});
  CHECK(Measure(i, 15, 35) == 10);
  CHECK(ParseIntervals(FormatIntervals(i)).value() == i);
  CHECK(ParseIntervals("").value().empty());
  CHECK_FALSE(ParseIntervals("5").ok());
}

TEST_CASE("the share of a span that is covered times what was pulled", "[coverage]") {
  const std::vector<CoverageSpan> spans = {{"log/a", {0, 100}}, {"bridge/e", {150, 200}}};
  CHECK(CompletenessBp(spans, 0, 200, 0, 0) == 7500);
  CHECK(CompletenessBp(spans, 0, 100, 0, 0) == 10000);
  CHECK(CompletenessBp(spans, 0, 200, 99, 100) == 7425);
  CHECK(CompletenessBp(spans, 0, 200, 101, 100) == 7500);  // more pulled than counted is not more than all
  CHECK(CompletenessBp(spans, 100, 150, 0, 0) == 0);
  CHECK(CompletenessBp(spans, 100, 100, 0, 0) == -1);
  CHECK(CompletenessBp({{"a", {0, kNever}}}, 0, int64_t{100} * 365 * kDayUs, 1, 1) == 10000);
}

TEST_CASE("each source owns its stream's events inside its spans", "[coverage]") {
  const std::vector<CoverageSpan> spans = {{"log/a", {0, 100}}, {"bridge/e1", {100, 200}}, {"bridge/e2", {250, 300}}};
  CHECK(CountingSpans(spans, "log/a") == Intervals{{0, 100}});
  CHECK(CountingSpans(spans, "site") == Intervals{{100, 200}, {250, kNever}});
  CHECK(CountingSpans(spans, "log/b").empty());
  CHECK(WatermarkOf(spans, 7) == 300);
  CHECK(WatermarkOf({}, 7) == 0);
  CHECK(WatermarkOf({{"bridge/e", {0, kNever}}}, 7) == 7);
  auto later = spans;
  later.back().span.to = 400;
  CHECK(OnlyGrows(spans, later));
  later[0].span.to = 90;
  CHECK_FALSE(OnlyGrows(spans, later));
  CHECK(ParseSpans(FormatSpans(spans)).value() == spans);
}

TEST_CASE("an action is teaching nothing and undone by nobody else", "[action]") {
  Activity event;
  event.person = 5;
  event.course = 4;
  ActivityTraits traits;
  traits.edulevel = 2;
  traits.origin = 1;
  const auto kind = [&](const ActivityTraits& t, NameKind name = NameKind::kOther) {
    event.traits = PackTraits(t);
    return ActionKind(event, name);
  };
  CHECK(kind(traits) == kActionElsewhere);
  traits.origin = kOriginWs;
  CHECK(kind(traits) == kActionWs);
  traits.origin = 0;
  CHECK(kind(traits) == kActionElsewhere);
  CHECK(kind(traits, NameKind::kCourseCompleted) == 0);
  CHECK(kind(traits, NameKind::kCompletionUpdated) == 0);
  for (const auto& change : std::initializer_list<std::function<void(ActivityTraits&)>>{
           [](auto& t) { t.edulevel = 1; }, [](auto& t) { t.edulevel = 0; }, [](auto& t) { t.anonymous = true; },
           [](auto& t) { t.acted_by_other = true; }, [](auto& t) { t.origin = kOriginRestore; }}) {
    ActivityTraits changed = traits;
    change(changed);
    CHECK(kind(changed) == 0);
  }
  event.course = 0;
  CHECK(kind(traits) == 0);
}

TEST_CASE("traits survive their packing", "[action]") {
  for (int edulevel = 0; edulevel < 3; ++edulevel) {
    for (int origin = 0; origin < 5; ++origin) {
      for (int state = -1; state < 4; ++state) {
        for (int level = 0; level <= 80; level += 10) {
          for (int bits = 0; bits < 16; ++bits) {
            const ActivityTraits traits{"crud"[bits % 4], edulevel,        origin,
                                        (bits & 1) != 0,  (bits & 2) != 0, (bits & 4) != 0,
                                        (bits & 8) != 0,  state,           level};
            REQUIRE(UnpackTraits(PackTraits(traits)) == traits);
          }
        }
      }
    }
  }
}

TEST_CASE("whom a completion is about", "[action]") {
  Activity event;
  event.course = 4;
  event.person = 2;
  CHECK(CompletedPerson(event, NameKind::kCourseCompleted) == 2);
  event.related_person = 9;
  CHECK(CompletedPerson(event, NameKind::kCourseCompleted) == 9);
  CHECK(CompletedPerson(event, NameKind::kOther) == 0);
}

TEST_CASE("a day is decided by its ends unless something begins or ends between them", "[learner-day]") {
  const Intervals valid = {{100, 200}, {300, kNever}};
  CHECK(Judge(valid, 110, 199) == DayVerdict::kDecided);
  CHECK(Judge(valid, 110, 350) == DayVerdict::kDecided);
  CHECK(Judge(valid, 200, 299) == DayVerdict::kNone);
  CHECK(Judge(valid, 50, 99) == DayVerdict::kNone);
  CHECK(Judge(valid, 50, 100) == DayVerdict::kRecount);
  CHECK(Judge(valid, 150, 200) == DayVerdict::kRecount);
  CHECK(Judge(valid, 90, 250) == DayVerdict::kRecount);
}

TEST_CASE("equal keys of a batch become one row and rows come in the order of the key", "[learner-day]") {
  const LearnerDayKey a{1, 4, 100, 7, 1, 1}, b{1, 4, 99, 8, 1, 1};
  const auto rows = Aggregate({{a, 1, 50, 50}, {b, 1, 10, 10}, {a, 2, 40, 60}});
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].key == b);
  CHECK(rows[1].n == 3);
  CHECK(rows[1].first_us == 40);
  CHECK(rows[1].last_us == 60);
  CHECK(Aggregate({}).empty());
}

// What one e gives: "indicator week num/den" of totals.
std::string Whole(const CourseFrame& frame, const Enrolment& e) {
  CellSums sums;
  CountWhole(frame, Load("UTC"), e, sums);
  std::string text;
  for (const auto& [key, cell] : sums.cells()) {
    if (key.dimensions.sex != kAllValues) continue;
    text += std::string(IndicatorCode(key.indicator)) + "=" + std::to_string(cell.numerator) + "/" +
            std::to_string(cell.denominator) + " ";
  }
  return text;
}

TEST_CASE("maturity allows equality and an action counts strictly before its bound", "[indicators]") {
  CourseFrame frame;
  frame.known_from_us = At("2026-03-01 00:00");
  frame.opens_us = At("2026-03-02 00:00");
  Enrolment e;
  e.intervals = {{At("2026-03-01 10:00"), kNever}};
  frame.watermark_us = At("2026-03-09 00:00");
  CHECK(Whole(frame, e) == "2=1/0 7=0/1 17=0/1 21=0/1 2open=1/0 ");
  e.first_action_us = At("2026-03-09 00:00");
  CHECK(Whole(frame, e) == "2=1/0 7=0/1 17=0/1 21=0/1 2open=1/0 ");
  e.first_action_us = At("2026-03-08 23:59");
  CHECK(Whole(frame, e) == "2=1/0 7=1/1 17=0/1 21=0/1 2open=1/0 ");
  frame.watermark_us -= 1;
  CHECK(Whole(frame, e) == "2=1/0 17=0/1 21=0/1 2open=1/0 ");
}

TEST_CASE("who left before the course began is not among those counted on", "[indicators]") {
  CourseFrame frame;
  frame.known_from_us = At("2026-03-01 00:00");
  frame.opens_us = At("2026-03-10 00:00");
  frame.watermark_us = At("2026-04-01 00:00");
  Enrolment e;
  e.intervals = {{At("2026-03-01 10:00"), At("2026-03-05 10:00")}, {At("2026-03-12 10:00"), kNever}};
  CHECK(Whole(frame, e) == "2=1/0 2open=1/0 ");
}

TEST_CASE("completion after leaving is completion and completion after the end does not undo a dropout",
          "[indicators]") {
  CourseFrame frame;
  frame.known_from_us = At("2026-03-01 00:00");
  frame.opens_us = At("2026-03-02 00:00");
  frame.ends_us = At("2026-03-20 00:00");
  frame.watermark_us = At("2026-04-01 00:00");
  Enrolment e;
  e.intervals = {{At("2026-03-01 00:00"), At("2026-03-19 00:00")}};
  e.completed_us = At("2026-03-20 00:00");
  CHECK(Whole(frame, e) == "2=1/0 7=0/1 17=1/1 21=0/1 ");
  e.completed_us += 1;
  CHECK(Whole(frame, e) == "2=1/0 7=0/1 17=1/1 21=1/1 ");
  e.completed_us = At("2026-04-01 00:01");
  CHECK(Whole(frame, e) == "2=1/0 7=0/1 17=0/1 21=1/1 ");
}

TEST_CASE("figures are the same for all T up to the next change", "[indicators]") {
  const Zone zone = Load("Europe/Paris");
  for (unsigned seed = 1; seed <= 60; ++seed) {
    std::mt19937 random(seed);
    const int64_t base = At("2026-03-20 00:00");
    const auto some = [&] { return base + static_cast<int64_t>(random() % (30 * 24)) * 3600 * 1000000; };
    CourseFrame frame;
    frame.known_from_us = base;
    if (random() % 2) frame.opens_us = zone.Midnight(zone.DayOf(some()));
    if (random() % 2) frame.ends_us = zone.Midnight(zone.DayOf(some()) + 10);
    Enrolment e;
    std::vector<Interval> parts;
    for (int i = 0; i < 3; ++i) parts.push_back({some(), random() % 2 ? some() : kNever});
    e.intervals = Merge(parts);
    if (e.intervals.empty()) continue;
    if (random() % 2) e.completed_us = some();
    e.first_action_us = some();
    const int64_t t = frame.watermark_us = base + static_cast<int64_t>(random() % (30 * 24)) * 3600 * 1000000;

    const auto count = [&](int64_t at) {
      frame.watermark_us = at;
      CellSums sums;
      CountWhole(frame, zone, e, sums);
      const WeekRange weeks = WeeksWithFigures(frame, zone);
      for (int32_t week = weeks.first; week <= weeks.last; ++week)
        CountWeek(frame, SpanOfWeek(zone, week), e, kNever, sums);
      return sums.cells();
    };
    const auto now = count(t);
    frame.watermark_us = t;
    NextChange next(t);
    next.ConsiderEnrolment(frame, zone, e);
    next.Consider(frame.ends_us);
    next.Consider(SpanOfWeek(zone, zone.WeekOf(t)).from_us);
    next.Consider(SpanOfWeek(zone, zone.WeekOf(t)).to_us);
    REQUIRE(next.at_us() > t);
    const int64_t until = std::min(next.at_us(), t + 40 * kDayUs);
    for (int i = 0; i < 20; ++i) {
      INFO("seed " << seed);
      REQUIRE(count(t + static_cast<int64_t>(random() % static_cast<uint64_t>(until - t))) == now);
    }
    REQUIRE(count(until - 1) == now);
  }
}

}  // namespace
}  // namespace compagnon::analytics
