#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <random>
#include <thread>

#include "analytics/api/decode.h"
#include "feed.h"

// What ingest promises, on both back ends.
namespace compagnon::analytics {
namespace {

using event::v1::SlimEvent;
using test::At;
using test::Feed;
using test::Store;

std::string Text(const std::map<std::string, Cell>& figures, const std::string& key) {
  const auto found = figures.find(key);
  return found == figures.end() ? "none" : fmt::format("{}/{}", found->second.numerator, found->second.denominator);
}

Feed SmallCourse() {
  Feed feed;
  feed.Course(4, "UTC").Enrol(11, 4, {{"2026-03-01", ""}}).Enrol(12, 4, {{"2026-03-01", ""}}, "M");
  return feed;
}

STORE_CONTRACT("an event taken twice counts once whether its batch was the same or another", "[ingest]") {
  Store s(backend.database());
  Feed feed = SmallCourse();
  feed.Act(11, 4, "2026-03-03 08:00").Act(11, 4, "2026-03-03 09:00");
  CHECK(s.Take(feed).taken == 5);
  const auto before = s.Digest();
  const IngestReport again = s.Take(feed);
  CHECK(again.taken == 0);
  CHECK(again.duplicates == 5);
  CHECK(s.Digest() == before);

  // Killed between commit and ack: the old ones come again among new ones, and twice in one batch.
  feed.Act(12, 4, "2026-03-03 10:00");
  std::vector<SlimEvent> mixed = feed.events();
  mixed.insert(mixed.end(), feed.events().begin(), feed.events().end());
  CHECK(s.Take(mixed).taken == 1);
  CHECK(s.One("SELECT sum(n) FROM learner_day") == 3);
  CHECK(s.One("SELECT count(*) FROM raw") == 3);
}

STORE_CONTRACT("two runs that read states and events in another order have the same digest across runs", "[ingest]") {
  Feed early, late, lost;
  const auto enrol = [](Feed& feed) { feed.Enrol(11, 4, {{"2026-03-01", ""}}); };
  early.Course(4, "UTC"), late.Course(4, "UTC"), lost.Course(4, "UTC");
  enrol(early);
  early.Act(11, 4, "2026-03-03 08:00").Act(11, 4, "2026-03-03 08:00");
  late.Act(11, 4, "2026-03-03 08:00").Act(11, 4, "2026-03-03 08:00");
  enrol(late);
  lost.Act(11, 4, "2026-03-03 08:00");
  enrol(lost);
  Store one(backend.database());
  one.Take(early);
  std::vector<std::vector<LayerDigest>> runs, databases;
  for (const Feed* feed : {&late, &lost}) {
    compagnon::test::StoreBackend other(store::Dialect::kSqlite);
    Store another(other.database());
    another.Take(*feed);
    runs.push_back(another.Digest(DigestOf::kRun));
    databases.push_back(another.Digest());
  }
  CHECK(one.Digest(DigestOf::kRun) == runs[0]);
  CHECK(one.Digest() != databases[0]);
  CHECK(one.Digest(DigestOf::kRun) != runs[1]);
}

STORE_CONTRACT("poison is set aside once and its position counts as taken", "[ingest]") {
  Store s(backend.database());
  Feed feed = SmallCourse();
  feed.Act(11, 4, "2026-03-03 08:00", [](SlimEvent& e) { e.mutable_activity()->clear_name(); });  // 4 breaks a rule
  feed.Act(11, 4, "2026-03-03 09:00");                                                            // 5 will not decode
  feed.Act(11, 4, "2026-03-04 09:00", [](SlimEvent& e) { e.set_occurred_us(-5); });               // 6 before time
  feed.Act(11, 4, "2026-03-04 09:00", [](SlimEvent& e) { e.clear_body(); });  // 7 from a later release
  feed.Cover({{"bridge/a", "2026-03-01", "2026-03-10"}});
  std::vector<bus::Delivery> deliveries = test::Deliveries(feed.events());
  deliveries[4].message.data = std::string("\xff\xff\x00garbage", 10);
  deliveries.push_back(deliveries[4]);
  deliveries.back().message.id = "nowhere";  // not even a place
  deliveries.back().message.source = "/sites/No Such Site";
  const IngestReport report = s.TakeDeliveries(deliveries);
  CHECK(report.taken == 4);
  CHECK(report.rejected == 5);
  CHECK(s.One("SELECT count(*) FROM rejected") == 5);
  CHECK(s.Count().believed == 1);

  deliveries.pop_back();
  CHECK(s.TakeDeliveries(deliveries).rejected == 0);
  CHECK(s.One("SELECT count(*) FROM rejected") == 5);
  const auto freshness = s.reader.Freshness({"*"}, "", 10);
  REQUIRE(freshness.ok());
  CHECK((*freshness)[0].rejected == 4);
}

STORE_CONTRACT("no event of whatever content holds back its batch", "[ingest]") {
  Store s(backend.database());
  Feed feed = SmallCourse();
  const auto with = [&](std::function<void(SlimEvent&)> change) {
    feed.Act(11, 4, "2026-03-03 08:00", std::move(change));
  };
  with([](SlimEvent& e) { e.mutable_activity()->set_name(std::string("a\0b", 3)); });
  with([](SlimEvent& e) { e.mutable_activity()->set_person(INT64_MIN); });
  with([](SlimEvent& e) { e.mutable_activity()->set_course(INT64_MIN); });
  with([](SlimEvent& e) { e.set_recorded_us(INT64_MAX); });
  with([](SlimEvent& e) {
    e.mutable_enrolment()->set_person(9);
    e.mutable_enrolment()->set_course(4);
    e.mutable_enrolment()->set_cohort(std::string("\0", 1));
  });
  with([](SlimEvent& e) {
    e.mutable_course()->set_course(4);
    e.mutable_course()->set_has_end(true);
    e.mutable_course()->set_end_day(INT32_MAX);
  });
  with([](SlimEvent& e) { e.mutable_completeness()->set_day(INT32_MIN); });
  with([](SlimEvent& e) { e.mutable_coverage()->add_spans()->set_source("bridge/a\n"); });
  const size_t broken = feed.events().size() - 3;
  with([](SlimEvent& e) {
    e.mutable_activity()->set_object(INT64_MIN);
    e.mutable_activity()->set_edulevel(-1);
    e.mutable_activity()->set_completion_state(99);
  });
  with([](SlimEvent& e) {
    auto* enrolment = e.mutable_enrolment();
    enrolment->set_person(12), enrolment->set_course(4), enrolment->set_learner(true);
    enrolment->add_intervals()->set_to_us(INT64_MAX - 1);
    enrolment->mutable_intervals(0)->set_from_us(INT64_MIN);
    enrolment->add_intervals()->set_from_us(INT64_MAX - 5);
  });
  with([](SlimEvent& e) {
    e.mutable_course()->set_course(4);
    e.mutable_course()->set_time_zone("Mars/Olympus");
  });
  feed.Cover({{"bridge/a", "2026-03-01", "2026-03-10"}});
  // Streams of logs whose names no store holds: one that decodes and one of which only the headers can be read.
  std::vector<bus::Delivery> foreign = test::Deliveries(SmallCourse().events());
  foreign.resize(2);
  SlimEvent stranger = feed.events()[3];
  stranger.set_stream(std::string("log/a\0b", 7));
  foreign[0].message.data = stranger.SerializeAsString();
  foreign[0].message.id = std::string("log/a\0b/1", 9);
  foreign[1].message.data = "\xff\xff";
  foreign[1].message.id = "log/\xff/5";
  CHECK(s.TakeDeliveries(foreign).rejected == 2);
  const IngestReport report = s.Take(feed);
  CHECK(report.rejected == static_cast<int64_t>(broken));
  CHECK(report.taken == static_cast<int64_t>(feed.events().size() - broken));
  CHECK(s.Count().believed == 1);
  CHECK(Text(s.Figures("sites/sn1/courses/4"), "2open * * * *") == "2/0");

  // Bytes changed at random: whatever still decodes is taken, the rest is set aside, and the batch never fails.
  std::mt19937 random(3);
  std::vector<bus::Delivery> deliveries;
  for (int i = 0; i < 300; ++i) {
    deliveries.push_back(test::Deliveries(feed.events())[random() % feed.events().size()]);
    std::string& data = deliveries.back().message.data;
    for (int n = 1 + random() % 3; n > 0; --n) data[random() % data.size()] = static_cast<char>(random());
    deliveries.back().message.id = fmt::format("site/{}", 1000 + i);
  }
  s.TakeDeliveries(deliveries);
  s.Count();
}

STORE_CONTRACT("coverage is believed only when all that it promises has arrived", "[ingest]") {
  Store s(backend.database());
  Feed feed = SmallCourse();
  feed.Act(11, 4, "2026-03-03 08:00").Cover({{"bridge/a", "2026-03-01", "2026-03-10"}});
  const std::vector<SlimEvent>& all = feed.events();
  s.Take({all[0], all[1], all[2], all[4]});  // the action is still under way
  CHECK(s.Count().believed == 0);
  CHECK(s.One("SELECT watermark_us FROM site") == 0);
  s.Take({all[3]});
  CHECK(s.Count().believed == 1);
  CHECK(s.One("SELECT watermark_us FROM site") == At("2026-03-10"));
  CHECK(Text(s.Figures("sites/sn1/courses/4"), "9 2026-W10 * * *") == "1/2");
}

STORE_CONTRACT("a log counts only up to where the bridge takes over", "[ingest]") {
  Store s(backend.database());
  Feed feed = SmallCourse();
  feed.LogAct("log/old", 70, 11, 4, "2026-03-03 08:00").LogAct("log/old", 75, 12, 4, "2026-03-11 08:00");
  feed.Cover({{"log/old", "2026-03-01", "2026-03-09"}, {"bridge/a", "2026-03-09", "2026-03-16"}});
  s.Take(feed);
  s.Count();
  CHECK(Text(s.Figures("sites/sn1/courses/4"), "9 2026-W10 * * *") == "1/2");
  CHECK(Text(s.Figures("sites/sn1/courses/4"), "9 2026-W11 * * *") == "0/2");  // the bridge says nothing of it
}

STORE_CONTRACT("a zone that comes after the events puts them on their local days", "[ingest]") {
  Store s(backend.database());
  Feed feed;
  feed.Enrol(11, 4, {{"2026-03-01", ""}}).Act(11, 4, "2026-03-08 23:30").Act(11, 4, "2026-03-09 22:30");
  feed.Cover({{"bridge/a", "2026-03-01", "2026-03-16"}});
  s.Take(feed);
  CHECK(s.Count().courses == 0);
  CHECK(s.One("SELECT count(*) FROM raw") == 2);
  CHECK(s.One("SELECT count(*) FROM learner_day") == 0);

  feed.Course(4, "Europe/Paris");  // 23:30 in UTC is Monday there
  s.Take(feed);
  CHECK(s.Count().rebuilt == 1);
  CHECK(s.One("SELECT count(*) FROM learner_day") == 1);
  CHECK(Text(s.Figures("sites/sn1/courses/4"), "9 2026-W10 * * *") == "0/1");
  CHECK(Text(s.Figures("sites/sn1/courses/4"), "9 2026-W11 * * *") == "1/1");

  feed.Course(4, "America/Bogota").Act(11, 4, "2026-03-10 03:00");
  s.Take(feed);
  CHECK(s.Count().rebuilt == 1);
  CHECK(s.One("SELECT count(*) FROM learner_day") == 2);
  CHECK(Text(s.Figures("sites/sn1/courses/4"), "9 2026-W10 * * *") == "1/1");
  CHECK(Text(s.Figures("sites/sn1/courses/4"), "9 2026-W11 * * *") == "1/1");
}

STORE_CONTRACT("a state that is older than the one kept changes nothing", "[ingest]") {
  Store s(backend.database());
  Feed feed;
  feed.Course(4)
      .Enrol(11, 4, {{"2026-03-01", ""}}, "F")
      .Enrol(11, 4, {{"2026-03-01", "2026-03-05"}, {"2026-03-08", ""}}, "M")
      .Course(4, "UTC", "2026-03-02");
  feed.Cover({{"bridge/a", "2026-03-01", "2026-03-16"}});
  const std::vector<SlimEvent>& all = feed.events();
  s.Take({all[3], all[2], all[4]});
  s.Take({all[0], all[1]});
  s.Count();
  const auto figures = s.Figures("sites/sn1/courses/4", {.sex = true});
  CHECK(Text(figures, "2 * M * *") == "1/0");
  CHECK(Text(figures, "2 * F * *") == "none");
  CHECK(Text(figures, "9 2026-W09 M * *") == "none");  // the course begins on the 2nd
}

STORE_CONTRACT("an event from the future is put at its recording and one beyond T waits for T", "[ingest]") {
  Store s(backend.database());
  Feed feed = SmallCourse();
  feed.Act(11, 4, "2026-05-03 08:00", [](SlimEvent& e) { e.set_recorded_us(At("2026-03-03 08:00")); });
  feed.Act(12, 4, "2026-03-12 08:00");
  feed.Cover({{"bridge/a", "2026-03-01", "2026-03-10"}});
  s.Take(feed);
  s.Count();
  CHECK(Text(s.Figures("sites/sn1/courses/4"), "9 2026-W10 * * *") == "1/2");
  CHECK(Text(s.Figures("sites/sn1/courses/4"), "9 2026-W11 * * *") == "0/2");
  feed.Cover({{"bridge/a", "2026-03-01", "2026-03-13"}});
  s.Take(feed);
  CHECK(s.Count().courses == 1);
  CHECK(Text(s.Figures("sites/sn1/courses/4"), "9 2026-W11 * * *") == "1/2");
  CHECK(Text(s.Figures("sites/sn1/courses/4"), "9 2026-W18 * * *") == "none");
}

STORE_CONTRACT("T moving counts a course again only when a figure may change by it", "[ingest]") {
  Store s(backend.database());
  Feed feed = SmallCourse();
  feed.Enrol(13, 4, {{"2026-03-01", "2026-03-12 12:00"}});
  feed.Cover({{"bridge/a", "2026-03-01", "2026-03-10 00:00"}});
  s.Take(feed);
  s.Count();
  feed.Cover({{"bridge/a", "2026-03-01", "2026-03-11 00:00"}});
  s.Take(feed);
  PassReport pass = s.Count();
  CHECK(pass.believed == 1);
  CHECK(pass.courses == 0);
  feed.Cover({{"bridge/a", "2026-03-01", "2026-03-12 12:00"}});
  s.Take(feed);
  CHECK(s.Count().courses == 1);  // 13 has left at that instant
  CHECK(Text(s.Figures("sites/sn1/courses/4"), "2open * * * *") == "2/0");
  feed.Cover({{"bridge/a", "2026-03-01", "2026-03-17"}});
  s.Take(feed);
  CHECK(s.Count().courses == 1);  // a new week
  CHECK(Text(s.Figures("sites/sn1/courses/4"), "2 2026-W12 * * *") == "2/0");
}

STORE_CONTRACT("a day that an interval cuts is counted from its events", "[ingest]") {
  Store s(backend.database());
  Feed feed;
  feed.Course(4, "UTC", "2026-03-02");
  feed.Enrol(11, 4, {{"2026-03-03 12:00", "2026-03-09 12:00"}});  // acts before and after each end
  feed.Enrol(12, 4, {{"2026-03-03 12:00", "2026-03-03 13:00"}, {"2026-03-09 12:00", ""}});
  for (const char* at : {"2026-03-03 11:00", "2026-03-03 13:30", "2026-03-09 08:00", "2026-03-09 12:00"})
    feed.Act(11, 4, at);
  for (const char* at : {"2026-03-03 11:00", "2026-03-03 13:30", "2026-03-09 12:00"}) feed.Act(12, 4, at);
  feed.Cover({{"bridge/a", "2026-03-01", "2026-03-16"}});
  s.Take(feed);
  s.Count();
  const auto figures = s.Figures("sites/sn1/courses/4");
  CHECK(Text(figures, "9 2026-W10 * * *") ==
        "1/2");  // of 12 nothing lies inside, though the day's first and last enclose the interval
  CHECK(Text(figures, "9 2026-W11 * * *") == "2/2");
  const auto page = s.reader.Learners({"sn1", 4, std::nullopt}, std::nullopt, 10);
  REQUIRE(page.ok());
  REQUIRE(page->learners.size() == 2);
  CHECK(page->learners[0].person == 11);
  CHECK(page->learners[0].first_action_us == At("2026-03-03 13:30"));
  CHECK(page->learners[0].last_action_us == At("2026-03-09 08:00"));
  CHECK(page->learners[0].active_days == 2);
  CHECK(page->learners[1].active_days == 1);
  CHECK(page->learners[1].recent_active_days == std::vector<int32_t>{0, 0, 1, 0});
}

STORE_CONTRACT("two consumers and a counting thread take the same queue without loss or repetition", "[ingest]") {
  Store s(backend.database());
  std::vector<SlimEvent> all;
  for (const char* site : {"sn1", "ma1"}) {
    Feed feed{site};
    feed.Course(4, "Africa/Dakar");
    for (int64_t person = 1; person <= 20; ++person) feed.Enrol(person, 4, {{"2026-03-01", ""}});
    std::mt19937 random(7);
    for (int i = 0; i < 1500; ++i)
      feed.Act(1 + random() % 20, 4,
               fmt::format("2026-03-{:02} {:02}:{:02}", 2 + i / 75, random() % 24, random() % 60));
    feed.Cover({{"bridge/a", "2026-03-01", "2026-03-30"}});
    all.insert(all.end(), feed.events().begin(), feed.events().end());
  }
  std::mt19937 random(11);
  std::vector<std::vector<SlimEvent>> work(2);
  for (std::vector<SlimEvent>& mine : work) {  // each event goes to one consumer, one in four to both
    mine = {};
  }
  for (const SlimEvent& event : all) {
    const int to = static_cast<int>(random() % 4);
    if (to != 1) work[0].push_back(event);
    if (to == 1 || to == 3) work[1].push_back(event);
  }
  std::atomic<bool> running{true};
  std::vector<std::string> errors(3);
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 mix(t);
      std::shuffle(work[t].begin(), work[t].end(), mix);
      for (size_t at = 0; at < work[t].size() && errors[t].empty(); at += 100) {
        const auto deliveries = test::Deliveries(absl::MakeSpan(work[t]).subspan(at, 100));
        const auto report = s.ingest.Take(Decode(deliveries), absl::FromUnixSeconds(1800000000));
        if (!report.ok()) errors[t] = report.status().ToString();
      }
    });
  }
  std::thread counting([&] {
    while (running && errors[2].empty()) {
      const auto pass = s.recompute.Pass();
      if (!pass.ok()) errors[2] = pass.status().ToString();
    }
  });
  for (std::thread& thread : threads) thread.join();
  running = false;
  counting.join();
  CHECK(errors == std::vector<std::string>{"", "", ""});
  s.Count();

  compagnon::test::StoreBackend quiet(store::Dialect::kSqlite);
  Store plain(quiet.database());
  plain.Take(all);
  plain.Count();
  const auto activities = std::count_if(all.begin(), all.end(), [](const SlimEvent& e) { return e.has_activity(); });
  CHECK(s.One("SELECT sum(events) FROM stream") == static_cast<int64_t>(activities));
  CHECK(s.Digest() == plain.Digest());
}

STORE_CONTRACT("what a replay cannot give is time not covered for who lacks it and nothing to who has it", "[ingest]") {
  Feed feed;
  feed.Course(4).Enrol(11, 4, {{"2026-03-01", ""}});
  const size_t first_act = feed.events().size();
  for (const char* at : {"2026-03-03 08:00", "2026-03-04 08:00", "2026-03-05 08:00"}) feed.Act(11, 4, at);
  feed.Cover({{"bridge/a", "2026-03-01", "2026-03-10"}});
  SlimEvent gone = feed.events()[first_act + 2];
  gone.mutable_void_()->set_first_pos(feed.events()[first_act].pos());
  gone.mutable_void_()->mutable_lost()->set_from_us(test::At("2026-03-02"));
  gone.mutable_void_()->mutable_lost()->set_to_us(test::At("2026-03-06"));

  Store has(backend.database());
  has.Take(feed);
  has.Count();
  const auto before = has.Figures("sites/sn1/courses/4");
  CHECK(has.Take({&gone, 1}).duplicates == 1);
  feed.Cover({{"bridge/a", "2026-03-01", "2026-03-10"}});
  has.Take(feed);
  has.Count();
  CHECK(has.Figures("sites/sn1/courses/4") == before);
  CHECK(has.One("SELECT count(*) FROM lost") == 0);

  compagnon::test::StoreBackend other(store::Dialect::kSqlite);
  Store lacks(other.database());
  std::vector<SlimEvent> left;
  for (size_t i = 0; i < feed.events().size(); ++i) {
    if (i < first_act || i > first_act + 2) left.push_back(feed.events()[i]);
  }
  lacks.Take(left);
  lacks.Count();
  CHECK(lacks.One("SELECT spans_pos FROM site") == 0);  // promised and not there: not believed
  CHECK(lacks.Take({&gone, 1}).taken == 1);
  CHECK(lacks.Take({&gone, 1}).duplicates == 1);
  CHECK(lacks.Count().believed == 1);
  const auto set = lacks.reader.Query({{"sn1", 4, std::nullopt}, {}, {}, true});
  REQUIRE(set.ok());
  CHECK((*set)->site.watermark_us == test::At("2026-03-10"));
  CHECK((*set)->site.spans.size() == 2);
  CHECK(Text(lacks.Figures("sites/sn1/courses/4"), "2open * * * *") == "1/0");
  // 5 of the 9 days from the first instant known to T.
  for (const FigureRow& row : (*set)->figures) {
    if (row.week == kWholeHistory) CHECK(row.completeness_bp == 5555);
  }

  SlimEvent endless = gone;
  endless.set_pos(int64_t{1} << 60);
  CHECK(lacks.Take({&endless, 1}).rejected == 1);
}

}  // namespace
}  // namespace compagnon::analytics
