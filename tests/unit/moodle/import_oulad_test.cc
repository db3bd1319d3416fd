#include <catch2/catch.hpp>
#include <set>

#include "moodle/import/line_file.h"
#include "unit/moodle/moodle_store_fixture.h"

namespace compagnon::moodle {
namespace {

// indicator, course, sex, age, country -> persons.
using Cells = std::map<std::vector<std::string>, int64_t>;

// Indicators 2 and 2open over the whole history: the two that follow from the directory alone.
Cells Expected(const std::string& path) {
  Cells cells;
  auto lines = LineFile::Open(path);
  Fine(lines.status());
  CsvFile csv(**lines);
  CsvFile::Record record;
  for (;;) {
    const auto more = csv.Next(&record);
    Fine(more.status());
    if (!*more) return cells;
    const std::vector<std::string>& f = record.fields;
    if ((f[0] == "2" || f[0] == "2open") && f[2] == "*") cells[{f[0], f[1], f[3], f[4], f[5]}] = std::stoll(f[6]);
  }
}

Cells FromStates(MoodleStore& store, const std::string& site) {
  Cells cells;
  event::v1::CoverageState coverage;
  for (const auto& event : store.Published()) {
    if (event.has_coverage()) coverage = event.coverage();
  }
  REQUIRE(coverage.spans_size() == 1);
  const int64_t first = coverage.spans(0).span().from_us(), watermark = coverage.spans(0).span().to_us();
  for (const auto& [key, state] : store.States(site)) {
    if (!state.learner()) continue;
    bool meets = false, open = false;
    for (const auto& interval : state.intervals()) {
      meets = meets || std::max(interval.from_us(), first) < std::min(interval.to_us(), watermark);
      open = open || (interval.from_us() <= watermark && watermark < interval.to_us());
    }
    const auto known = [](const std::string& value) { return value.empty() ? std::string("inconnu") : value; };
    const std::string sex = known(state.sex()), age = known(state.age_band()), country = known(state.country()),
                      all = "*";
    for (const auto& cut : std::set<std::vector<std::string>>{
             {all, all, all}, {sex, all, all}, {all, age, all}, {all, all, country}, {sex, age, country}}) {
      for (const std::string& indicator : {std::string("2"), std::string("2open")}) {
        if (indicator == "2" ? meets : open) ++cells[{indicator, std::to_string(key.second), cut[0], cut[1], cut[2]}];
      }
    }
  }
  return cells;
}

TEST_CASE("the Open University log imports whole, its enrolments are the oracle's, and a second import adds nothing",
          "[shared][import]") {
  compagnon::test::StoreBackend backend(store::Dialect::kSqlite);
  MoodleStore store(backend, "");
  Config config;
  std::ostringstream out;
  Cli cli{&config, &SystemClock(), &store.database(), &out, nullptr, "en", nullptr};
  const auto log = SharedFolder() / "oulad" / "moodle-log";
  ImportLog import;
  import.file = (log / "log.jsonl.gz").string();
  import.site = "ou";
  import.people = (log / "people.csv").string();
  import.courses = (log / "courses.csv").string();
  import.assessments = (log / "assessments.csv").string();
  import.time_zone = "Europe/London";
  import.map = {{ "region", "country" }};
  Fine(ImportLogFile(cli, import));
  INFO(out.str());
  CHECK(store.Number("SELECT count(*) FROM outbox WHERE event_id LIKE 'log/log/%'") == 967846);
  CHECK(store.Number("SELECT events FROM coverage_mark WHERE stream = 'log/log'") == 967846);
  CHECK(store.Number("SELECT pos FROM coverage_mark WHERE stream = 'log/log'") == 967846);
  CHECK(FromStates(store, "ou") == Expected("tests/oracle/expected/oulad.csv.gz"));
  CHECK(store.Number("SELECT count(*) FROM directory_module WHERE due_us > 0") > 0);

  const int64_t rows = store.Number("SELECT count(*) FROM outbox");
  Fine(ImportLogFile(cli, import));
  CHECK(store.Number("SELECT count(*) FROM outbox") == rows);
}

TEST_CASE("the recorded log imports with identities left behind", "[shared][import]") {
  compagnon::test::StoreBackend backend(store::Dialect::kSqlite);
  MoodleStore store(backend, "");
  Config config;
  std::ostringstream out;
  Cli cli{&config, &SystemClock(), &store.database(), &out, nullptr, "fr", nullptr};
  ImportLog import;
  import.file = (SharedFolder() / "moodle" / "logstore_standard_log.jsonl").string();
  import.site = "rec";
  import.time_zone = "Europe/Paris";
  Fine(ImportLogFile(cli, import));
  INFO(out.str());
  CHECK(store.Number("SELECT sum(rows_taken) FROM log_import") == 5630);
  CHECK(FromStates(store, "rec") == Expected("tests/oracle/expected/recorded.csv"));

  std::set<int64_t> pseudonyms;
  int64_t anonymous = 0, published = 0;
  for (const auto& event : store.Published()) {
    if (!event.has_activity()) continue;
    ++published;
    const auto& activity = event.activity();
    CHECK(activity.name() != "\\core\\event\\grade_item_updated");
    if (activity.anonymous()) {
      ++anonymous;
      CHECK(activity.person() == 0);
      CHECK(activity.related_person() == 0);
      CHECK(activity.object() == 0);
      CHECK(event.occurred_us() % kDayUs == 0);
    }
  }
  CHECK(anonymous > 0);
  CHECK(store.Number("SELECT sum(events) FROM coverage_mark") == published);

  // Nothing of the sample's people is anywhere in the outbox.
  Fine(store.database().Read([&](store::Session& session) {
    return session.Query("SELECT data, routing_key, type FROM outbox", {}, [&](const store::Row& row) {
      for (const std::string& text : {row.BytesAt(0), row.Text(1), row.Text(2)}) {
        for (const char* personal : {"@example", "127.0.0.1", "apprenant", "nouveau1", "REDACTED"}) {
          if (text.find(personal) != std::string::npos) FAIL(personal);
        }
      }
      return absl::OkStatus();
    });
  }));

  const int64_t rows = store.Number("SELECT count(*) FROM outbox");
  Fine(ImportLogFile(cli, import));
  CHECK(store.Number("SELECT count(*) FROM outbox") == rows);
}

}  // namespace
}  // namespace compagnon::moodle
