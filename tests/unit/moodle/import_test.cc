#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <functional>

#include "moodle/import/import_log.h"
#include "moodle/store/coverage.h"
#include "moodle/store/import_progress.h"
#include "unit/moodle/manual_clock.h"
#include "unit/moodle/moodle_store_fixture.h"

namespace compagnon::moodle {
namespace {

constexpr int64_t kStart = 1'800'000'000;

std::string Row(int64_t id, const std::string& event, int64_t seconds, int64_t user, int64_t related,
                int64_t object = 0, int anonymous = 0) {
  return "{\"id\":" + std::to_string(id) + R"(,"eventname":"\\core\\event\\)" + event +
         R"(","component":"core","action":"x","target":"y","objecttable":null,"objectid":)" + std::to_string(object) +
         R"(,"crud":"r","edulevel":2,"contextid":2,"contextlevel":50,"contextinstanceid":4,"userid":)" +
         std::to_string(user) + R"(,"courseid":4,"relateduserid":)" + std::to_string(related) +
         ",\"anonymous\":" + std::to_string(anonymous) + R"(,"other":"null","timecreated":)" +
         std::to_string(kStart + seconds) + R"(,"origin":"web","ip":"10.1.2.3","realuserid":null})" + "\n";
}

// 40 learners of one course, 1,000 rows, ids with holes.
std::string SomeLog(int rows = 1000) {
  std::string log;
  for (int i = 0; i < 40; ++i) log += Row(1 + 3 * i, "user_enrolment_created", i, 2, 100 + i, 900 + i);
  for (int i = 40; i < rows; ++i)
    log += Row(1 + 3 * i, i % 90 == 0 ? "user_enrolment_deleted" : "course_viewed", 60 * i, 100 + i % 40,
               i % 90 == 0 ? 100 + i % 40 : 0, 900 + i % 40);
  return log;
}

ImportPlan Plan(const std::string& file, const std::string& name = "a") {
  ImportPlan plan;
  plan.file = file;
  plan.site = "sn1";
  plan.name = name;
  plan.batch = 50;
  return plan;
}

absl::StatusOr<ImportSummary> Import(store::Database& database, const ImportPlan& plan, const Clock& clock,
                                     const std::function<void(const ImportState&)>& progress = nullptr,
                                     const std::atomic<bool>* interrupted = nullptr) {
  Directory directory({.clock = &clock, .dimensions = nullptr});
  return ImportLogRows(database, directory, clock, plan, interrupted, progress);
}

// What left, whatever its order: events by id, last states by who.
std::map<std::string, std::string> Left(MoodleStore& store) {
  std::map<std::string, std::string> left;
  std::map<int64_t, int64_t> user_of;
  Fine(store.database().Read([&](store::Session& session) {
    return session.Query("SELECT pseudonym, moodle_user FROM person_key", {}, [&](const store::Row& row) {
      user_of[row.Int(0)] = row.Int(1);
      return absl::OkStatus();
    });
  }));
  for (event::v1::SlimEvent event : store.Published()) {
    if (event.has_activity()) {
      event.mutable_activity()->set_person(user_of[event.activity().person()]);
      event.mutable_activity()->set_related_person(user_of[event.activity().related_person()]);
      const std::string id = event.stream() + "/" + std::to_string(event.pos());
      REQUIRE_FALSE(left.contains(id));
      left[id] = event.SerializeAsString();
    } else if (event.has_enrolment()) {
      event.mutable_enrolment()->set_person(0);
      left["e" + std::to_string(user_of[event.enrolment().person()])] = event.enrolment().SerializeAsString();
    }
  }
  return left;
}

STORE_CONTRACT("an import publishes each row once, then says what it covers", "[import]") {
  MoodleStore store(backend);
  Folder folder;
  test::ManualClock clock;
  const auto summary = Import(store.database(), Plan(folder.Write("l.jsonl", SomeLog())), clock);
  Fine(summary.status());
  CHECK(summary->rows == 1000);
  CHECK(summary->fresh == 1000);
  CHECK(summary->published == 1000);
  CHECK(summary->enrolments == 40);
  const auto published = store.Published();
  const auto& last = published.back();
  REQUIRE(last.has_coverage());
  CHECK(last.coverage().spans(0).source() == "log/a");
  CHECK(last.coverage().spans(0).span().from_us() == kStart * kSecondUs);
  CHECK(last.coverage().spans(0).span().to_us() == (kStart + 60 * 999 + 1) * kSecondUs);
  CHECK(last.coverage().marks(0).stream() == "log/a");
  CHECK(last.coverage().marks(0).pos() == 1 + 3 * 999);
  CHECK(last.coverage().marks(0).events() == 1000);
}

STORE_CONTRACT("a second export of the same site adds its new rows only", "[import]") {
  MoodleStore store(backend);
  Folder folder;
  test::ManualClock clock;
  const std::string whole = SomeLog();
  Fine(Import(store.database(), Plan(folder.Write("l1.jsonl", SomeLog(700))), clock).status());
  // The second export begins later than the first did, and a row that had committed late is in it.
  const auto second =
      Import(store.database(), Plan(folder.Write("l2.jsonl", Row(2, "course_viewed", 5, 101, 0) + whole)), clock);
  Fine(second.status());
  CHECK(second->known == 700);
  CHECK(second->fresh == 301);
  const auto spans = store.Published().back().coverage();
  REQUIRE(spans.spans_size() == 1);
  CHECK(spans.marks(0).events() == 1001);
}

STORE_CONTRACT("a row met twice in one file is taken once", "[import]") {
  MoodleStore store(backend);
  Folder folder;
  test::ManualClock clock;
  const std::string twice = Row(5, "course_viewed", 1, 101, 0) + Row(5, "course_viewed", 1, 101, 0);
  const auto summary = Import(store.database(),
                              Plan(folder.Write("l.jsonl", twice + Row(6, "course_viewed", 2, 101, 0) + twice)), clock);
  Fine(summary.status());
  CHECK(summary->published == 2);
  CHECK(summary->known == 3);
}

TEST_CASE("an import killed at any batch and run again ends with what an undisturbed one has", "[import]") {
  Folder folder;
  const std::string file = folder.Write("l.jsonl", SomeLog());
  compagnon::test::StoreBackend undisturbed(store::Dialect::kSqlite);
  MoodleStore reference(undisturbed);
  test::ManualClock clock;
  Fine(Import(reference.database(), Plan(file), clock).status());
  const auto expected = Left(reference);

  for (int kill_at : {1, 2, 7, 19, 20}) {
    compagnon::test::StoreBackend backend(store::Dialect::kSqlite);
    { MoodleStore made(backend); }
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      // Everything is opened anew: a connection does not survive a fork.
      auto database = backend.OpenAnother();
      int batches = 0;
      Import(*database, Plan(file), clock, [&](const ImportState&) {
        if (++batches == kill_at) ::kill(::getpid(), SIGKILL);
      }).IgnoreError();
      ::_exit(1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    auto database = backend.OpenAnother();
    // The dead one's lease runs out while the clock sleeps.
    Fine(Import(*database, Plan(file), clock).status());
    MoodleStore store(backend, "");
    INFO("killed at batch " << kill_at);
    CHECK(Left(store) == expected);
    CHECK(store.Number("SELECT events FROM coverage_mark") == 1000);
  }
}

TEST_CASE("an interrupted import gives its place back and goes on", "[import]") {
  compagnon::test::StoreBackend backend(store::Dialect::kSqlite);
  MoodleStore store(backend);
  Folder folder;
  test::ManualClock clock;
  const std::string file = folder.Write("l.jsonl", SomeLog());
  std::atomic<bool> interrupted = false;
  const auto stopped = Import(
      store.database(), Plan(file), clock, [&](const ImportState& state) { interrupted = state.rows >= 300; },
      &interrupted);
  CHECK(absl::IsCancelled(stopped.status()));
  for (const auto& event : store.Published()) CHECK_FALSE(event.has_coverage());
  const auto rest = Import(store.database(), Plan(file), clock);
  Fine(rest.status());
  CHECK(rest->known == 300);
  CHECK(rest->fresh == 700);
  CHECK(clock.slept() == absl::ZeroDuration());
}

// Sleeps as another importer works on: its lease is put off meanwhile.
class BusyClock final : public Clock {
 public:
  BusyClock(absl::Time now, std::function<void()> meanwhile) : now_(now), meanwhile_(std::move(meanwhile)) {}
  absl::Time Now() const override { return now_; }
  void Sleep(absl::Duration d) const override {
    now_ += d;
    meanwhile_();
  }

 private:
  mutable absl::Time now_;
  std::function<void()> meanwhile_;
};

STORE_CONTRACT("of two importers of one log the second is refused", "[import]") {
  MoodleStore store(backend);
  Folder folder;
  const std::string file = folder.Write("l.jsonl", SomeLog());
  const absl::Time now = absl::FromUnixSeconds(kStart + 90000);
  const auto claim = [&](absl::Time at) {
    store.Write([&](store::Session& session) {
      return ClaimImport(session, "sn1", "a", "first", absl::ToUnixMicros(at),
                         absl::ToUnixMicros(at + absl::Seconds(15)))
          .status();
    });
  };
  claim(now);
  BusyClock clock(now, [&] {
    store.Write([&](store::Session& session) {
      ImportProgress progress;
      progress.owner = "first";
      progress.term = 1;
      progress.lease_until_us = absl::ToUnixMicros(now + absl::Hours(1));
      return SaveImport(session, "sn1", "a", progress, TakenIds(), {});
    });
  });
  const auto second = Import(store.database(), Plan(file), clock);
  CHECK(ReasonOf(second.status()) == "import_running");
  CHECK(store.Published().empty());
}

STORE_CONTRACT("an importer whose log was taken over writes nothing more", "[import]") {
  MoodleStore store(backend);
  store.Write([&](store::Session& session) { return ClaimImport(session, "sn1", "a", "first", 0, 100).status(); });
  store.Write([&](store::Session& session) { return ClaimImport(session, "sn1", "a", "second", 200, 300).status(); });
  ImportProgress first;
  first.owner = "first";
  first.term = 1;
  const absl::Status late = store.database().Write(
      [&](store::Session& session) { return SaveImport(session, "sn1", "a", first, TakenIds(), {}); });
  CHECK(ReasonOf(late) == "fenced");
}

STORE_CONTRACT("what the bridge covers is not taken from a file again", "[import]") {
  MoodleStore store(backend);
  Folder folder;
  test::ManualClock clock;
  store.Write([&](store::Session& session) {
    return AdvanceCoverage(session, "sn1", "bridge/e1", (kStart + 30000) * kSecondUs, (kStart + 90000) * kSecondUs);
  });
  const auto summary = Import(store.database(), Plan(folder.Write("l.jsonl", SomeLog())), clock);
  Fine(summary.status());
  CHECK(summary->outside == 500);
  for (const auto& event : store.Published()) {
    if (event.has_activity()) CHECK(event.occurred_us() < (kStart + 30000) * kSecondUs);
  }
  const auto coverage = store.Published().back().coverage();
  REQUIRE(coverage.spans_size() == 2);
  CHECK(coverage.spans(0).source() == "log/a");
  CHECK(coverage.spans(0).span().to_us() == (kStart + 30000) * kSecondUs);
  CHECK(coverage.spans(1).source() == "bridge/e1");
}

STORE_CONTRACT("bounds given decide what the log covers and what of it is taken", "[import]") {
  MoodleStore store(backend);
  Folder folder;
  test::ManualClock clock;
  ImportPlan plan = Plan(folder.Write("l.jsonl", SomeLog()));
  plan.from_us = (kStart - 1000) * kSecondUs;
  plan.to_us = (kStart + 30000) * kSecondUs;
  const auto summary = Import(store.database(), plan, clock);
  Fine(summary.status());
  CHECK(summary->outside == 500);
  CHECK(summary->from_us == *plan.from_us);
  CHECK(summary->to_us == *plan.to_us);
  // The rest is still there to be taken later.
  plan.to_us.reset();
  const auto rest = Import(store.database(), plan, clock);
  Fine(rest.status());
  CHECK(rest->fresh == 500);
}

STORE_CONTRACT("an anonymous row leaves nobody's name behind", "[import]") {
  MoodleStore store(backend);
  Folder folder;
  test::ManualClock clock;
  const auto summary =
      Import(store.database(), Plan(folder.Write("l.jsonl", Row(1, "course_viewed", 777, 101, 101, 5, 1))), clock);
  Fine(summary.status());
  CHECK(summary->anonymous == 1);
  CHECK(store.Number("SELECT count(*) FROM person_key") == 0);
  // Coverage is by the time as written, the event's own time is its day.
  CHECK(summary->from_us == (kStart + 777) * kSecondUs);
  CHECK(store.Published().front().occurred_us() % kDayUs == 0);
}

STORE_CONTRACT("files beside the log give dimensions, dates and due dates", "[import]") {
  MoodleStore store(backend);
  Folder folder;
  test::ManualClock clock;
  ImportPlan plan = Plan(folder.Write("l.jsonl", SomeLog()));
  plan.people = folder.Write("people.csv",
                             "\xEF\xBB\xBFid;Sexe;naissance;region;secret\r\n100;F;1990-05-05;Dakar;x\r\n101;M;;Thiès;"
                             "y\r\nbad;F;;;\r\n102;F\r\n");
  plan.courses =
      folder.Write("courses.csv", "id,shortname,startdate,enddate\n4,C4,2027-01-01,2027-06-30\n5,C5,32/13/2027,\n");
  plan.assessments = folder.Write("assessments.csv",
                                  "cmid,itemid,courseid,type,due,grademax,gradepass\n9,8,4,TMA,2027-02-01,100,40.5\n");
  const auto map = ReadColumnMap({{"region", "country"}, {"naissance", "birth_date"}, {"role:7", "tutor"}});
  Fine(map.status());
  plan.map = *map;
  const auto summary = Import(store.database(), plan, clock);
  Fine(summary.status());
  CHECK(summary->people.refused_lines == std::vector<int64_t>{4, 5});
  CHECK(summary->courses_file.refused_lines == std::vector<int64_t>{3});
  const auto states = store.States();
  CHECK(states.at({100, 4}).sex() == "F");
  CHECK(states.at({100, 4}).age_band() == ">35");
  CHECK(states.at({100, 4}).country() == "Dakar");
  CHECK(states.at({101, 4}).country() == "Thiès");
  CHECK(states.at({101, 4}).age_band() == "");
  CHECK(store.Number("SELECT due_us FROM directory_module") == 1801526399 * kSecondUs);
  CHECK(store.Number("SELECT grade_pass_milli FROM directory_module") == 40500);
  CHECK(store.Number("SELECT count(*) FROM directory_person_value WHERE value = 'x'") == 0);

  // A corrected file restates what it gave.
  plan.people = folder.Write("people2.csv", "id;sexe;naissance;region\n100;F;;Saint-Louis\n");
  Fine(Import(store.database(), plan, clock).status());
  CHECK(store.States().at({100, 4}).country() == "Saint-Louis");
  CHECK(store.States().at({100, 4}).age_band() == "");
}

TEST_CASE("every mistake in --map is told at once", "[import]") {
  const auto map = ReadColumnMap({{"region", "land"}, {"role:5", "pupil"}, {"role:", "learner"}, {"sexe", "sex"}});
  REQUIRE_FALSE(map.ok());
  const std::string message(map.status().message());
  for (const char* part : {"region=land", "role:5=pupil", "role:=learner"})
    CHECK(message.find(part) != std::string::npos);
  CHECK(message.find("sexe") == std::string::npos);
}

TEST_CASE("the verb asks for a zone, keeps the site's own and refuses what it cannot read", "[import]") {
  compagnon::test::StoreBackend backend(store::Dialect::kSqlite);
  MoodleStore store(backend, "");
  Folder folder;
  Config config;
  config.data_dir = folder.path();
  std::ostringstream out;
  Cli cli{&config, &SystemClock(), &store.database(), &out, nullptr, "fr", nullptr};
  ImportLog import;
  import.file = folder.Write("export 2027.jsonl", SomeLog());
  import.site = "sn1";
  CHECK(absl::IsInvalidArgument(ImportLogFile(cli, import)));
  import.time_zone = "Africa/Dakkar";
  CHECK(absl::IsInvalidArgument(ImportLogFile(cli, import)));
  CHECK(store.Number("SELECT count(*) FROM site") == 0);
  import.time_zone = "Africa/Dakar";
  import.people = folder.path() + "/none.csv";
  CHECK(absl::IsNotFound(ImportLogFile(cli, import)));
  import.people.clear();
  Fine(ImportLogFile(cli, import));
  CHECK(store.Number("SELECT count(*) FROM coverage_mark WHERE stream = 'log/export-2027'") == 1);
  CHECK(out.str().find("1\u202f000") != std::string::npos);
  import.time_zone.clear();
  Fine(ImportLogFile(cli, import));
  import.time_zone = "Europe/Paris";
  CHECK(absl::IsInvalidArgument(ImportLogFile(cli, import)));
  import.time_zone.clear();
  import.site = "Not A Site";
  CHECK(absl::IsInvalidArgument(ImportLogFile(cli, import)));
  import.site = "sn1";
  import.from = "2027-02-30";
  CHECK(absl::IsInvalidArgument(ImportLogFile(cli, import)));
}

}  // namespace
}  // namespace compagnon::moodle
