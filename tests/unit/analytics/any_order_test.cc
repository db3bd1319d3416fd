#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>

#include "feed.h"

// Random histories: whatever the order, the repetitions and the batches in which events come, the layers and the
// figures are the same, and they are what a plain loop over the events counts.
namespace compagnon::analytics {
namespace {

using event::v1::SlimEvent;
using test::Store;

constexpr int64_t kHour = int64_t{3600} * 1000000;

struct Person {
  std::string sex, age, country, cohort;
};

// A site's history as it was published, and what it means in the end.
struct History {
  std::string site;
  std::string zone;
  std::vector<SlimEvent> events;
  std::vector<CoverageSpan> spans;

  struct Course {
    std::optional<int32_t> start_day, end_day;
  };
  std::map<int64_t, Course> courses;
  struct E {
    bool learner = true;
    Person dimensions;
    Intervals intervals;
  };
  std::map<std::pair<int64_t, int64_t>, E> enrolments;  // (course, person)
};

class Maker {
 public:
  Maker(uint32_t seed, std::string site, std::string zone) : random_(seed), base_(test::At("2026-03-09")) {
    h_.site = std::move(site);
    h_.zone = std::move(zone);
  }

  History Make() {
    const int64_t switch_us = At(20 * 24), end_us = At(58 * 24) + Pick(1000) * 1000;
    // A log, then a hole or none, then the bridge.
    h_.spans = {{"log/old", {At(24), switch_us - (Pick(2) ? 0 : 30 * kHour)}}, {"bridge/e1", {switch_us, end_us}}};
    for (int64_t course = 1; course <= 2; ++course) MakeCourse(course);
    int64_t log_pos = 0;
    for (int i = 0; i < 260; ++i) {
      const bool log = Pick(3) == 0;
      SlimEvent event = New(log ? "log/old" : "site", log ? (log_pos += 1 + Pick(3)) : ++pos_, NearBoundary());
      MakeActivity(*event.mutable_activity());
      h_.events.push_back(event);
      if (log) log_events_.push_back(log_pos);
    }
    for (int i = 0; i < 3; ++i) MakeCoverage(i, end_us);
    std::stable_sort(h_.events.begin(), h_.events.end(),
                     [](const SlimEvent& a, const SlimEvent& b) { return a.pos() < b.pos(); });
    return std::move(h_);
  }

 private:
  int64_t Pick(int64_t below) { return std::uniform_int_distribution<int64_t>(0, below - 1)(random_); }
  int64_t At(int64_t hours) const { return base_ + hours * kHour; }
  int64_t Somewhere() { return base_ + Pick(60 * 24 * 60) * 60 * 1000000; }
  // Boundaries of intervals and the actions beside them are what goes wrong.
  int64_t NearBoundary() {
    if (boundaries_.empty() || Pick(3) == 0) return Somewhere();
    return boundaries_[Pick(boundaries_.size())] + (Pick(5) - 2) * (Pick(2) ? kHour : 1);
  }

  SlimEvent New(std::string stream, int64_t pos, int64_t at_us) {
    SlimEvent event;
    event.set_site(h_.site);
    event.set_stream(stream);
    event.set_pos(pos);
    event.set_occurred_us(at_us);
    event.set_recorded_us(at_us);
    return event;
  }

  void MakeCourse(int64_t course) {
    for (int again = Pick(2); again >= 0; --again) {
      SlimEvent event = New("site", ++pos_, base_);
      auto* state = event.mutable_course();
      state->set_course(course);
      state->set_time_zone(h_.zone);
      History::Course& kept = h_.courses[course] = {};
      if (Pick(3)) kept.start_day = UtcDay(base_) + static_cast<int32_t>(Pick(20));
      if (Pick(3)) kept.end_day = UtcDay(base_) + 30 + static_cast<int32_t>(Pick(35));
      state->set_has_start(kept.start_day.has_value());
      state->set_start_day(kept.start_day.value_or(0));
      state->set_has_end(kept.end_day.has_value());
      state->set_end_day(kept.end_day.value_or(0));
      h_.events.push_back(event);
    }
    for (int64_t person = 1; person <= 9; ++person) {
      for (int again = Pick(3); again >= 0; --again) {
        SlimEvent event = New("site", ++pos_, base_);
        auto* state = event.mutable_enrolment();
        History::E& e = h_.enrolments[{course, person}] = {};
        e.learner = Pick(8) != 0;
        e.dimensions = {Pick(2) ? "F" : "M", Pick(2) ? "18-24" : "", Pick(3) ? "SN" : "CI", Pick(2) ? "A" : ""};
        std::vector<Interval> parts;
        for (int n = Pick(4); n > 0; --n) {
          const int64_t from = Somewhere(), to = Pick(3) ? from + Pick(20 * 24) * kHour : kNever;
          parts.push_back({from, to});
          boundaries_.push_back(from);
          if (to != kNever) boundaries_.push_back(to);
        }
        e.intervals = Merge(parts, kDayUs);
        state->set_person(person);
        state->set_course(course);
        state->set_learner(e.learner);
        state->set_sex(e.dimensions.sex);
        state->set_age_band(e.dimensions.age);
        state->set_country(e.dimensions.country);
        state->set_cohort(e.dimensions.cohort);
        for (const Interval& part : parts) {
          state->add_intervals()->set_from_us(part.from);
          state->mutable_intervals(state->intervals_size() - 1)->set_to_us(part.to);
        }
        h_.events.push_back(event);
      }
    }
  }

  void MakeActivity(event::v1::Activity& activity) {
    activity.set_name("\\core\\event\\course_viewed");
    activity.set_person(1 + Pick(9));
    activity.set_course(1 + Pick(2));
    activity.set_crud("r");
    activity.set_edulevel(2);
    activity.set_origin(Pick(4) ? event::v1::ORIGIN_WEB : event::v1::ORIGIN_WS);
    activity.set_completion_state(-1);
    switch (Pick(14)) {
      case 0:
        activity.set_name("\\core\\event\\course_module_completion_updated");
        break;
      case 1:
        activity.set_edulevel(1);
        break;
      case 2:
        activity.set_origin(event::v1::ORIGIN_RESTORE);
        break;
      case 3:
        activity.set_acted_by_other(true);
        break;
      case 4:
        activity.set_anonymous(true);
        break;
      case 5:
        activity.set_name("\\core\\event\\course_completed");
        activity.set_related_person(1 + Pick(9));
        break;
      case 6:
        activity.set_name("\\core\\event\\course_completed");
        break;
      default:
        break;
    }
  }

  void MakeCoverage(int round, int64_t end_us) {
    SlimEvent event = New("site", ++pos_, end_us);
    auto* state = event.mutable_coverage();
    for (size_t i = 0; i < h_.spans.size(); ++i) {
      auto* span = state->add_spans();
      span->set_source(h_.spans[i].source);
      span->mutable_span()->set_from_us(h_.spans[i].span.from);
      span->mutable_span()->set_to_us(round == 2 || i == 0 ? h_.spans[i].span.to
                                                           : h_.spans[i].span.from + (round + 1) * 9 * 24 * kHour);
    }
    auto* site = state->add_marks();
    site->set_stream("site");
    site->set_pos(pos_ - 1);
    site->set_events(pos_ - 1);
    if (!log_events_.empty()) {
      auto* log = state->add_marks();
      log->set_stream("log/old");
      log->set_pos(log_events_.back());
      log->set_events(static_cast<int64_t>(log_events_.size()));
    }
    h_.events.push_back(event);
  }

  std::mt19937 random_;
  const int64_t base_;
  int64_t pos_ = 0;
  History h_;
  std::vector<int64_t> boundaries_;
  std::vector<int64_t> log_events_;
};

using Table = std::map<std::string, Cell>;

// The definitions, said once more and plainly.
Table Plain(const History& h, int64_t course, const std::optional<std::string>& cohort) {
  Table table;
  const Zone zone = *Zone::Load(h.zone);
  const History::Course& c = h.courses.at(course);
  const int64_t t = h.spans.back().span.to, known = h.spans.front().span.from;
  const int64_t opens = c.start_day ? zone.Midnight(*c.start_day) : INT64_MIN;
  const int64_t ends = c.end_day ? zone.Midnight(*c.end_day + 1) : kNever;
  for (const auto& [key, e] : h.enrolments) {
    if (key.first != course || !e.learner || e.intervals.empty() || (cohort && e.dimensions.cohort != *cohort))
      continue;
    const auto in = [&](int64_t at) {
      return std::any_of(e.intervals.begin(), e.intervals.end(),
                         [&](const Interval& i) { return i.from <= at && at < i.to; });
    };
    const auto meets = [&](int64_t from, int64_t to) {
      return std::any_of(e.intervals.begin(), e.intervals.end(),
                         [&](const Interval& i) { return std::max(i.from, from) < std::min(i.to, to); });
    };
    std::vector<int64_t> actions;
    int64_t done = kNever;
    for (const SlimEvent& event : h.events) {
      if (!event.has_activity() || event.activity().course() != course) continue;
      const auto& a = event.activity();
      const int64_t at = event.occurred_us();
      const Interval span = h.spans[event.stream() == "site" ? 1 : 0].span;
      if (at < span.from || at >= span.to) continue;
      const bool completion = a.name() == "\\core\\event\\course_completed";
      if (completion && (a.related_person() ? a.related_person() : a.person()) == key.second) done = std::min(done, at);
      if (!completion && a.name() != "\\core\\event\\course_module_completion_updated" && a.person() == key.second &&
          a.edulevel() == 2 && !a.anonymous() && !a.acted_by_other() && a.origin() != event::v1::ORIGIN_RESTORE &&
          in(at)) {
        actions.push_back(at);
      }
    }
    const auto count = [&](const std::string& indicator, const std::string& week, bool numerator, bool denominator) {
      for (const auto& cut : {fmt::format("* * *"), fmt::format("{} {} {}", e.dimensions.sex,
                                                                e.dimensions.age.empty() ? "inconnu" : e.dimensions.age,
                                                                e.dimensions.country)}) {
        Cell& cell = table[fmt::format("{} {} {}", indicator, week, cut)];
        cell.numerator += numerator;
        cell.denominator += denominator;
      }
    };
    count("2", "*", meets(known, t), false);
    count("2open", "*", in(t), false);
    for (int32_t week = zone.WeekOf(known); week <= zone.WeekOf(t - 1); ++week) {
      const int64_t monday = zone.Midnight(FirstDayOfWeek(week)),
                    reach = std::min(t, zone.Midnight(FirstDayOfWeek(week + 1)));
      count("2", WeekLabel(week), meets(monday, reach), false);
      const int64_t from = std::max(monday, opens), to = std::min(reach, ends);
      if (meets(from, to)) {
        count("9", WeekLabel(week),
              std::any_of(actions.begin(), actions.end(), [&](int64_t at) { return from <= at && at < to; }), true);
      }
    }
    const int64_t start = std::max(opens, e.intervals.front().from);
    if (start > t || !in(start)) continue;
    const int64_t bound = zone.Midnight(zone.DayOf(start) + 7);
    if (bound <= t)
      count("7", "*", std::any_of(actions.begin(), actions.end(), [&](int64_t at) { return at < bound; }), true);
    count("17", "*", done <= t, true);
    const int64_t x = std::min(t, ends);
    count("21", "*", !in(x) && done > x, true);
  }
  std::erase_if(table, [](const auto& row) { return row.second.numerator == 0 && row.second.denominator == 0; });
  return table;
}

Table Found(Store& store, const std::string& parent) {
  Table table = store.Figures(parent);
  for (const auto& [key, cell] : store.Figures(parent, {true, true, true})) table[key] = cell;
  std::erase_if(table, [](const auto& row) { return row.second.numerator == 0 && row.second.denominator == 0; });
  return table;
}

std::string Text(const Table& table) {
  std::string text;
  for (const auto& [key, cell] : table) text += fmt::format("{} = {}/{}\n", key, cell.numerator, cell.denominator);
  return text;
}

void Check(Store& store, const History& h) {
  for (const auto& [course, state] : h.courses) {
    INFO("site " << h.site << " course " << course);
    CHECK(Text(Found(store, CourseName(h.site, course))) == Text(Plain(h, course, std::nullopt)));
    const std::vector<std::string> cohorts = store.reader.CohortsOf(h.site, course).value();
    for (const std::string& cohort : cohorts) {
      CHECK(Text(Found(store, CohortName(h.site, course, cohort))) == Text(Plain(h, course, cohort)));
    }
  }
}

std::vector<History> Histories(uint32_t seed) {
  return {Maker(seed, "sn1", seed % 2 ? "Europe/Paris" : "America/Bogota").Make(),
          Maker(seed + 1000, "ma1", "Africa/Casablanca").Make()};
}

void TryOneSeed(uint32_t seed) {
  INFO("seed " << seed);
  const std::vector<History> histories = Histories(seed);
  std::vector<SlimEvent> all;
  for (const History& h : histories) all.insert(all.end(), h.events.begin(), h.events.end());

  std::vector<LayerDigest> first;
  for (const bool shuffled : {false, true}) {
    INFO((shuffled ? "shuffled" : "in order"));
    compagnon::test::StoreBackend backend(store::Dialect::kSqlite);
    store::DatabaseOptions options = backend.options();
    options.sqlite_full_sync = false;  // thousands of small commits; no crash is tried here
    const std::unique_ptr<store::Database> database = backend.Open(options);
    Store store(*database);
    std::mt19937 random(seed * 7 + shuffled);
    std::vector<SlimEvent> events = all;
    if (shuffled) {
      for (size_t i = 0; i < all.size() / 3; ++i) events.push_back(all[random() % all.size()]);
      std::shuffle(events.begin(), events.end(), random);
    }
    for (size_t at = 0; at < events.size();) {
      const size_t size = std::min<size_t>(1 + random() % 60, events.size() - at);
      store.Take(absl::MakeSpan(events).subspan(at, size));
      at += size;
      if (random() % 3 == 0) store.Count();
    }
    store.Count();
    for (const History& h : histories) Check(store, h);
    const std::vector<LayerDigest> digest = store.Digest();
    if (!shuffled) {
      first = digest;
      continue;
    }
    CHECK(digest == first);

    store.Take(all);  // a full replay
    CHECK(store.Count().courses == 0);
    CHECK(store.Digest() == first);

    CHECK(store.recompute.AskRebuild("sn1").ok());  // and all again from raw
    CHECK(store.Count().rebuilt == 1);
    CHECK(store.Digest() == first);
  }
}

TEST_CASE("any order and repetition and batching gives the figures of a plain count", "[any-order]") {
  for (uint32_t seed = 1; seed <= 12; ++seed) TryOneSeed(seed);
}

TEST_CASE("PostgreSQL and SQLite hold the same layers and figures", "[any-order][services]") {
  for (uint32_t seed = 101; seed <= 103; ++seed) {
    const std::vector<History> histories = Histories(seed);
    std::vector<std::vector<LayerDigest>> digests, runs;
    for (const store::Dialect dialect : {store::Dialect::kSqlite, store::Dialect::kPostgresql}) {
      compagnon::test::StoreBackend backend(dialect);
      Store store(backend.database());
      std::mt19937 random(seed);
      for (const History& h : histories) {
        for (size_t at = 0; at < h.events.size(); at += 50) {
          store.Take(absl::MakeSpan(h.events).subspan(at, std::min<size_t>(50, h.events.size() - at)));
          if (random() % 4 == 0) store.Count();
        }
      }
      store.Count();
      for (const History& h : histories) Check(store, h);
      digests.push_back(store.Digest());
      runs.push_back(store.Digest(DigestOf::kRun));
    }
    CHECK(digests[0] == digests[1]);
    CHECK(runs[0] == runs[1]);
  }
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const LayerDigest& d) {
  return out << d.layer << ' ' << d.rows << ' ' << d.sum;
}

}  // namespace compagnon::analytics
