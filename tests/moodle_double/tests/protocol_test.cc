#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>

#include "moodle_double/bridge/export.h"
#include "moodle_double/tests/caller.h"
#include "moodle_double/tests/recorded_events.h"
#include "platform/base/ids.h"

namespace compagnon::moodle_double {
namespace {

using Json = nlohmann::json;

std::vector<Json> Lines(const Json& page) {
  std::vector<Json> rows;
  const std::string text = page["rows"];
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    rows.push_back(Json::parse(text.substr(at, end - at)));
    at = end + 1;
  }
  return rows;
}

std::string Schema(const std::string& name) { return "proto/bridge/" + name + ".schema.json"; }

// Required fields and types, one level deep: enough to notice when the double and the schema part ways.
void Conforms(const Json& value, const Json& schema) {
  for (const auto& field : schema["required"]) {
    INFO(field);
    CHECK(value.contains(field.get<std::string>()));
  }
  for (const auto& [name, rule] : schema["properties"].items()) {
    if (!value.contains(name) || !rule.contains("type")) continue;
    std::set<std::string> types;
    if (rule["type"].is_array()) {
      for (const auto& type : rule["type"]) types.insert(type.get<std::string>());
    } else {
      types.insert(rule["type"].get<std::string>());
    }
    const Json& v = value[name];
    const std::string is = v.is_null()             ? "null"
                           : v.is_string()         ? "string"
                           : v.is_array()          ? "array"
                           : v.is_object()         ? "object"
                           : v.is_boolean()        ? "boolean"
                           : v.is_number_integer() ? "integer"
                                                   : "number";
    INFO(name << " is " << is);
    CHECK((types.contains(is) || (is == "integer" && types.contains("number"))));
  }
}

Json Read(const std::string& path) {
  std::ifstream in(path);
  return Json::parse(in);
}

}  // namespace

TEST_CASE("a pull gives dense numbers from one whose bytes carry their hash") {
  Caller caller;
  const Json page = caller.Pull(0);
  CHECK(page["protocol"] == 1);
  CHECK(page["first"] == 1);
  CHECK(page["oldest"] == 1);
  int64_t seq = 0;
  const std::string events = page["events"];
  for (size_t at = 0; at < events.size();) {
    const size_t end = events.find('\n', at);
    const std::string line = events.substr(at, end - at);
    const Json row = Json::parse(line);
    CHECK(row["seq"] == ++seq);
    const std::string stored = "{" + line.substr(line.find("\"uuid\""));
    CHECK(HexEncode(Sha256(stored)) == row["hash"]);
    at = end + 1;
  }
  CHECK(page["latest"] == seq);
  CHECK(page["unnumbered"] == 0);
}

TEST_CASE("pages are limited by rows and by bytes and hold at least one row") {
  Caller caller;
  CHECK(Caller::Rows(caller.Pull(0, 7)).size() == 7);
  const Json small = caller.Pull(10, 5'000, 1);
  CHECK(Caller::Rows(small).size() == 1);
  CHECK(small["first"] == 11);
  const Json some = caller.Pull(0, 5'000, 20'000);
  CHECK(some["events"].get<std::string>().size() <= 20'000);
  CHECK(some["events"].get<std::string>().size() > 18'000);
  const int64_t latest = some["latest"];
  const Json none = caller.Pull(latest);
  CHECK(none["events"] == "");
  CHECK(none["first"] == 0);
  for (const auto& [limit, bytes] : {std::pair("0", "10"), {"5001", "10"}, {"10", "4194305"}, {"x", "10"}}) {
    const Answered wrong =
        caller.Call("local_compagnon_pull_events",
                    {{"subscriber", "suite"}, {"epoch", ""}, {"after", "0"}, {"limit", limit}, {"maxbytes", bytes}});
    CHECK(wrong.ErrorCode() == "invalidparameter");
  }
}

TEST_CASE("reading page by page gives every row once whatever the page") {
  Caller caller;
  const auto all = Caller::Rows(caller.Pull(0));
  std::vector<Json> pages;
  for (int64_t after = 0, n = 1;; ++n) {
    const auto rows = Caller::Rows(caller.Pull(after, 1 + n * 37 % 200, 1 + n * 7'919 % 60'000));
    if (rows.empty()) break;
    pages.insert(pages.end(), rows.begin(), rows.end());
    after = rows.back()["seq"];
  }
  CHECK(pages == all);
}

TEST_CASE("a pull numbers five thousand rows at most and says how many wait") {
  DoubleOptions options = Caller::Small();
  options.backlog = 11'000;
  Caller caller(options);
  const Json first =
      caller.Call("local_compagnon_pull_events", {{"subscriber", "s"}, {"epoch", ""}, {"after", "0"}}).Json();
  CHECK(first["latest"] == 5'000);
  CHECK(first["unnumbered"].get<int64_t>() > 6'000);
  const int64_t rows = caller.Control("state")["sites"][0]["rows"];
  CHECK(rows >= 11'000);
  int64_t after = 0;
  for (int i = 0; i < 40; ++i) {
    const Json page = caller.Pull(after);
    if (page["events"] == "") break;
    after = Caller::Rows(page).back()["seq"];
  }
  CHECK(after == rows);
}

TEST_CASE("a cursor that does not fit is cursorreset and never an empty page") {
  Caller caller;
  const Json page = caller.Pull(0);
  const std::string epoch = page["epoch"];
  const std::string beyond = std::to_string(page["latest"].get<int64_t>() + 1);
  auto code = [&](const std::string& e, const std::string& after) {
    return caller.Call("local_compagnon_pull_events", {{"subscriber", "suite"}, {"epoch", e}, {"after", after}})
        .ErrorCode();
  };
  CHECK(code(epoch, beyond) == "cursorreset");
  CHECK(code("another-epoch", "0") == "cursorreset");
  CHECK(code("", "1") == "cursorreset");
  CHECK(code(epoch, "0").empty());
}

TEST_CASE("an acknowledgement never goes back and the lowest of two subscribers counts") {
  Caller caller;
  const std::string epoch = caller.Pull(0)["epoch"];
  auto ack = [&](const std::string& who, int64_t upto, const std::string& e) {
    return caller.Call("local_compagnon_ack", {{"subscriber", who}, {"epoch", e}, {"upto", std::to_string(upto)}});
  };
  CHECK(ack("suite", 50, epoch).Json()["upto"] == 50);
  CHECK(ack("suite", 20, epoch).Json()["upto"] == 50);
  CHECK(ack("nobody", 1, epoch).ErrorCode() == "unknownsubscriber");
  CHECK(ack("suite", 10'000'000, epoch).ErrorCode() == "cursorreset");
  CHECK(ack("suite", 1, "another").ErrorCode() == "cursorreset");
  CHECK(Caller::Rows(caller.Pull(0, 3, 4 << 20, "test")).size() == 3);
  CHECK(ack("suite", 60, epoch).Json()["lowest"] == 0);
  CHECK(ack("test", 40, epoch).Json()["lowest"] == 40);
  const Json status = caller.Call("local_compagnon_status").Json();
  CHECK(status["subscribers"].size() == 2);
  CHECK(status["depth"] == status["latest"].get<int64_t>() - 40);
  // Reading did not acknowledge: what was read is there again.
  CHECK(Caller::Rows(caller.Pull(0, 1)).front()["seq"] == 1);
}

TEST_CASE("a new epoch numbers only rows written after it and an old cursor is refused") {
  Caller caller;
  const Json before = caller.Pull(0);
  const std::string old_epoch = before["epoch"];
  caller.Control("epoch");
  CHECK(caller.Call("local_compagnon_pull_events", {{"subscriber", "suite"}, {"epoch", old_epoch}, {"after", "5"}})
            .ErrorCode() == "cursorreset");
  const Json after = caller.Pull(0);
  CHECK(after["epoch"] != old_epoch);
  CHECK(after["events"] == "");
  CHECK(after["latest"] == 0);
  caller.Control("row", "kind=plain&times=3");
  const auto rows = Caller::Rows(caller.Pull(0));
  REQUIRE(rows.size() == 3);
  CHECK(rows[0]["seq"] == 1);
}

TEST_CASE("a restored backup keeps its epoch and has fewer rows than the reader") {
  Caller caller;
  const Json before = caller.Pull(0);
  const int64_t latest = before["latest"];
  caller.Control("restore-backup", "latest=" + std::to_string(latest - 10));
  const Answered refused =
      caller.Call("local_compagnon_pull_events",
                  {{"subscriber", "suite"}, {"epoch", before["epoch"]}, {"after", std::to_string(latest)}});
  CHECK(refused.ErrorCode() == "cursorreset");
  const Json status = caller.Call("local_compagnon_status").Json();
  CHECK(status["epoch"] == before["epoch"]);
  CHECK(status["latest"] == latest - 10);
}

TEST_CASE("a copied machine has another fingerprint and saying copy makes a new site and epoch") {
  Caller caller;
  const Json before = caller.Pull(0);
  caller.Control("fingerprint");
  const Json changed = caller.Pull(0);
  CHECK(changed["fingerprint"] != before["fingerprint"]);
  CHECK(changed["epoch"] == before["epoch"]);
  caller.Control("copy");
  const Json copied = caller.Pull(0);
  CHECK(copied["site"] != before["site"]);
  CHECK(copied["epoch"] != before["epoch"]);
}

TEST_CASE("rows already pruned are not served and the reader learns where to begin") {
  Caller caller;
  const std::string epoch = caller.Pull(0)["epoch"];
  caller.Call("local_compagnon_ack", {{"subscriber", "suite"}, {"epoch", epoch}, {"upto", "100"}});
  caller.Control("prune");
  CHECK(caller.Call("local_compagnon_pull_events", {{"subscriber", "suite"}, {"epoch", epoch}, {"after", "50"}})
            .ErrorCode() == "cursorreset");
  const Json first =
      caller.Call("local_compagnon_pull_events", {{"subscriber", "new"}, {"epoch", ""}, {"after", "0"}}).Json();
  CHECK(first["oldest"] == 101);
  CHECK(first["first"] == 101);
}

TEST_CASE("deleting a person redacts their rows pulled or not and keeps the hashes") {
  Caller caller;
  const auto before = Caller::Rows(caller.Pull(0));
  int64_t user = 0;
  for (const Json& row : before) {
    if (row["eventname"] == "\\mod_quiz\\event\\attempt_submitted") user = row["userid"];
  }
  REQUIRE(user > 0);
  const int64_t redacted = caller.Control("delete-user", "user=" + std::to_string(user))["redacted"];
  const auto after = Caller::Rows(caller.Pull(0));
  int64_t seen = 0;
  for (size_t i = 0; i < after.size(); ++i) {
    if (i < before.size()) CHECK(after[i]["hash"] == before[i]["hash"]);
    CHECK(after[i]["userid"] != user);
    CHECK(after[i]["relateduserid"] != user);
    if (!after[i].contains("redacted")) continue;
    ++seen;
    CHECK(after[i]["state"].is_null());
    CHECK(after[i]["ip"].is_null());
    CHECK(after[i]["other"].is_null());
  }
  CHECK(seen == redacted);
  CHECK(seen > 3);
}

TEST_CASE("the suite's own calls are counted and are no rows and other calls are rows") {
  Caller caller;
  caller.Control("pause");
  const int64_t rows = caller.Control("state")["sites"][0]["rows"];
  for (int i = 0; i < 5; ++i) caller.Pull(0, 1);
  caller.Call("local_compagnon_status");
  CHECK(caller.Control("state")["sites"][0]["rows"] == rows);
  CHECK(caller.Call("local_compagnon_status").Json()["leftout"].back()["rows"] == 12);
  caller.Call("core_course_get_courses");
  CHECK(caller.Control("state")["sites"][0]["rows"] == rows);  // paused: it stands still
  caller.Control("resume");
  caller.Call("core_course_get_courses");
  int64_t told = 0;
  for (const Json& row : Caller::Rows(caller.Pull(rows))) {
    told += row["eventname"] == "\\core\\event\\webservice_function_called" &&
                    row["other"]["function"] == "core_course_get_courses"
                ? 1
                : 0;
  }
  CHECK(told == 1);
}

TEST_CASE("counts per day add up to the rows and a pull tells the days of its page") {
  Caller caller;
  const Json page = caller.Pull(0);
  std::map<std::string, int64_t> days;
  for (const Json& row : Caller::Rows(page)) {
    const int64_t day = row["recorded"].get<int64_t>() / 86'400'000'000;
    ++days[std::to_string(day)];
  }
  int64_t sum = 0;
  const Json status = caller.Call("local_compagnon_status").Json();
  for (const Json& day : status["counts"]) sum += day["rows"].get<int64_t>();
  CHECK(sum == status["latest"]);
  CHECK(status["counts"].size() == days.size());
  CHECK(page["counted"].size() >= days.size());
}

TEST_CASE("an export pass shows each row of every kind once and its hashes are those of the states") {
  Caller caller;
  caller.Control("pause");
  const Json tables = caller.Control("state")["sites"][0]["tables"];
  for (std::string_view kind : ExportKinds()) {
    INFO(kind);
    std::set<int64_t> ids;
    int64_t after = 0;
    for (;;) {
      const Json page = caller
                            .Call("local_compagnon_export",
                                  {{"kind", std::string(kind)}, {"after_id", std::to_string(after)}, {"limit", "37"}})
                            .Json();
      const Json hashed =
          caller
              .Call(
                  "local_compagnon_export",
                  {{"kind", std::string(kind)}, {"after_id", std::to_string(after)}, {"limit", "37"}, {"hashes", "1"}})
              .Json();
      const auto rows = Lines(page), hashes = Lines(hashed);
      REQUIRE(rows.size() == hashes.size());
      const std::string text = page["rows"];
      size_t at = 0;
      for (size_t i = 0; i < rows.size(); ++i) {
        CHECK(ids.insert(rows[i]["id"].get<int64_t>()).second);
        CHECK(rows[i]["id"] == rows[i]["state"]["id"]);
        const size_t end = text.find('\n', at);
        const size_t state = text.find("\"state\":", at) + 8;
        CHECK(HexEncode(Sha256(text.substr(state, end - 1 - state))) == hashes[i]["hash"]);
        at = end + 1;
      }
      after = page["next"];
      if (page["done"] == 1) break;
    }
    CHECK(static_cast<int64_t>(ids.size()) == tables[std::string(kind)].get<int64_t>());
  }
  CHECK(caller.Call("local_compagnon_export", {{"kind", "secrets"}}).ErrorCode() == "invalidkind");
}

TEST_CASE("an export restricted to a course shows nothing of the others") {
  Caller caller;
  const Json page =
      caller.Call("local_compagnon_export", {{"kind", "enrolments"}, {"courseid", "2"}, {"limit", "5000"}}).Json();
  const auto rows = Lines(page);
  CHECK_FALSE(rows.empty());
  for (const Json& row : rows) CHECK(row["state"]["courseid"] == 2);
}

TEST_CASE("the state of an event is that of the export's row when nothing came after it") {
  Caller caller;
  caller.Control("pause");
  std::map<int64_t, Json> last;
  for (const Json& row : Caller::Rows(caller.Pull(0))) {
    if (row["objecttable"] == "grade_grades") last[row["objectid"].get<int64_t>()] = row["state"];
  }
  REQUIRE(last.size() > 10);
  for (const Json& row : Lines(caller.Call("local_compagnon_export", {{"kind", "grades"}, {"limit", "5000"}}).Json())) {
    CHECK(last[row["id"].get<int64_t>()] == row["state"]);
  }
}

TEST_CASE("answers and rows conform to the schemas of the protocol") {
  Caller caller;
  const Json page = caller.Pull(0);
  Conforms(page, Read(Schema("pull")));
  const Json row_schema = Read(Schema("row"));
  for (const Json& row : Caller::Rows(page)) Conforms(row, row_schema);
  Conforms(caller.Call("local_compagnon_status").Json(), Read(Schema("status")));
  Conforms(
      caller.Call("local_compagnon_ack", {{"subscriber", "suite"}, {"epoch", page["epoch"]}, {"upto", "1"}}).Json(),
      Read(Schema("ack")));
  const Json kinds = Read(Schema("export-row"))["$defs"];
  for (std::string_view kind : ExportKinds()) {
    const Json exported = caller.Call("local_compagnon_export", {{"kind", std::string(kind)}, {"limit", "200"}}).Json();
    Conforms(exported, Read(Schema("export")));
    INFO(kind);
    for (const Json& row : Lines(exported)) Conforms(row["state"], kinds[std::string(kind)]);
  }
}

TEST_CASE("the log of a running site is what simulate writes for the same seed") {
  Caller caller;
  caller.Control("pause");
  const std::string log = caller.moodle().File("sn1", "log.jsonl");
  SiteParameters site = TestSite(25, 4, 3);
  KeptEvents kept;
  SiteSimulation simulation(site, &kept);
  simulation.AdvanceTo(kTestNow * 1'000'000);
  size_t at = 0;
  int64_t id = 0;
  for (const Event& event : kept.events) {
    std::string expected;
    AppendLogRow(event, ++id, &expected);
    const size_t end = log.find('\n', at);
    REQUIRE(end != std::string::npos);
    Json real = Json::parse(log.substr(at, end - at)), simulated = Json::parse(expected);
    at = end + 1;
    if (event.anonymous || event.type == &event_type::kUserLoggedOut) continue;
    real["other"] = Json::parse(real["other"].get<std::string>());
    simulated["other"] = Json::parse(simulated["other"].get<std::string>());
    CHECK(real == simulated);
  }
  CHECK(caller.moodle().File("sn1", "people.csv").starts_with("id,sex"));
  CHECK(caller.moodle().File("sn1", "courses.csv").starts_with("id,shortname"));
  CHECK(caller.moodle().File("sn1", "secrets.csv").empty());
}

TEST_CASE("writing back is off") {
  Caller caller;
  CHECK(caller.Call("local_compagnon_apply", {{"step", "{}"}}).ErrorCode() == "accessexception");
}

TEST_CASE("a restart with the same state folder goes on with the same rows and numbers") {
  const std::string folder = ".run/tests/double-state";
  std::filesystem::remove_all(folder);
  DoubleOptions options = Caller::Small();
  options.state_dir = folder;
  std::vector<Json> before;
  std::string epoch;
  int port = 0;
  {
    Caller caller(options);
    port = caller.moodle().port();
    caller.Control("rows", "n=200");
    caller.Call("core_course_get_courses");
    caller.Control("row", "kind=unknown");
    caller.Control("pause");
    const Json page = caller.Pull(0);
    before = Caller::Rows(page);
    epoch = page["epoch"];
    caller.Call("local_compagnon_ack", {{"subscriber", "suite"}, {"epoch", epoch}, {"upto", "123"}});
  }
  Caller again(options);
  CHECK(again.moodle().port() == port);
  const Json page = again.Pull(0);
  auto after = Caller::Rows(page);
  CHECK(page["epoch"] == epoch);
  REQUIRE(after.size() >= before.size());
  after.resize(before.size());
  CHECK(after == before);
  CHECK(again.Control("state")["sites"][0]["subscribers"]["suite"] == 123);
}

}  // namespace compagnon::moodle_double
