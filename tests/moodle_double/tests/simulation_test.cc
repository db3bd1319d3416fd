#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "moodle_double/simulate_verb.h"
#include "moodle_double/simulation/names.h"
#include "moodle_double/tests/recorded_events.h"
#include "platform/base/ids.h"

namespace compagnon::moodle_double {
namespace {

using Json = nlohmann::json;

std::string LogDigest(const SiteParameters& site, int64_t steps) {
  KeptEvents kept;
  SiteSimulation simulation(site, &kept);
  // The instants at which time is advanced must not matter.
  const int64_t begin = (site.now - int64_t{site.weeks} * 7 * 86'400) * 1'000'000;
  for (int64_t i = 1; i <= steps; ++i) simulation.AdvanceTo(begin + (site.now * 1'000'000 - begin) / steps * i);
  simulation.AdvanceTo(site.now * 1'000'000);
  std::string all;
  int64_t id = 0;
  for (const Event& event : kept.events) AppendLogRow(event, ++id, &all);
  return HexEncode(Sha256(all));
}

}  // namespace

TEST_CASE("the same seed gives the same bytes on every machine") {
  const SiteParameters site = TestSite(12, 4, 7);
  // Written down once: it changes when the simulation does, and then on purpose.
  CHECK(LogDigest(site, 1) == "90345dc66285019ad0c664d3321e4d0ad1a1477ee68b1e6a7edbe8a31789e045");
  CHECK(LogDigest(site, 1) == LogDigest(site, 1));
}

TEST_CASE("time may advance in steps of any size") {
  const SiteParameters site = TestSite(60, 6, 3);
  CHECK(LogDigest(site, 1) == LogDigest(site, 97));
}

TEST_CASE("another seed gives other people and other weeks") {
  CHECK(LogDigest(TestSite(12, 4, 7), 1) != LogDigest(TestSite(12, 4, 8), 1));
}

TEST_CASE("simulate writes the same lines plain and compressed and files beside them") {
  const std::filesystem::path folder = ".run/tests/simulate";
  std::filesystem::create_directories(folder);
  SimulateOptions options;
  options.site = TestSite(40, 5, 11);
  options.out = folder / "log.jsonl";
  options.files_dir = folder;
  const auto plain = Simulate(options);
  options.out = folder / "log.jsonl.gz";
  const auto packed = Simulate(options);
  REQUIRE(plain.ok());
  REQUIRE(packed.ok());
  CHECK(plain->sha256 == packed->sha256);
  std::ifstream in(folder / "log.jsonl");
  std::string line, text;
  int64_t lines = 0;
  while (std::getline(in, line)) {
    const Json row = Json::parse(line);
    CHECK(row["id"] == ++lines);
    text += line + "\n";
  }
  CHECK(lines == plain->events);
  CHECK(HexEncode(Sha256(text)) == plain->sha256);
  CHECK(std::filesystem::file_size(folder / "log.jsonl.gz") < text.size() / 5);
  std::ifstream people(folder / "people.csv");
  std::getline(people, line);
  CHECK(line == "id,sex,birth_date,country,area,operator");
  CHECK(std::filesystem::exists(folder / "courses.csv"));
  CHECK(std::filesystem::exists(folder / "assessments.csv"));
}

TEST_CASE("simulate says when it cannot write") {
  SimulateOptions options;
  options.site = TestSite(2, 1, 1);
  options.out = "/nowhere/at/all/log.jsonl";
  CHECK_FALSE(Simulate(options).ok());
}

TEST_CASE("what follows now is planned as well and people act when asked") {
  KeptEvents kept;
  SiteSimulation simulation(TestSite(80, 8, 5), &kept);
  simulation.AdvanceTo(kTestNow * 1'000'000);
  const size_t history = kept.events.size();
  const int64_t later = (kTestNow + 3 * 86'400) * 1'000'000;
  simulation.AdvanceTo(later);
  const size_t planned = kept.events.size();
  CHECK(planned > history);
  for (int i = 0; i < 50; ++i) CHECK(simulation.ActNow(later));
  CHECK(kept.events.size() >= planned + 50);
  for (size_t i = planned; i < kept.events.size(); ++i) CHECK(kept.events[i].occurred_us == later);
}

TEST_CASE("those who never come are woken one by one and act on no other occasion") {
  KeptEvents kept;
  SiteSimulation simulation(TestSite(300, 8, 5), &kept);
  const int64_t now = kTestNow * 1'000'000;
  simulation.AdvanceTo(now);
  for (int i = 0; i < 3000; ++i) REQUIRE(simulation.ActNow(now));
  const auto viewed = [&](const Participation& who) {
    return std::count_if(kept.events.begin(), kept.events.end(), [&](const Event& event) {
      return event.user == who.user && event.course == who.course && event.type == &event_type::kCourseViewed;
    });
  };
  std::set<std::pair<int64_t, int64_t>> woken;
  while (const std::optional<Participation> one = simulation.WakeNow(now)) {
    CHECK(woken.emplace(one->user, one->course).second);
    CHECK(viewed(*one) == 1);
    CHECK(kept.events.back().occurred_us == now);
  }
  CHECK(woken.size() >= 5);
}

TEST_CASE("rows are recorded within a second of what they tell and in the order of time") {
  KeptEvents kept;
  SiteSimulation simulation(TestSite(80, 8, 5), &kept);
  simulation.AdvanceTo(kTestNow * 1'000'000);
  int64_t last = 0;
  for (const Event& event : kept.events) {
    CHECK(event.occurred_us % 1'000'000 == 0);
    CHECK(event.recorded_us > event.occurred_us);
    CHECK(event.recorded_us - event.occurred_us < 1'000'000);
    CHECK(event.occurred_us >= last);
    last = event.occurred_us;
  }
}

TEST_CASE("a state over 256 KiB becomes its hash and size") {
  Event event;
  event.type = &event_type::kUserUpdated;
  event.state = "{\"text\":\"" + std::string(300 << 10, 'x') + "\"}";
  std::string row;
  AppendBridgeRow(event, &row);
  const Json json = Json::parse(row);
  CHECK(json["state"].is_null());
  CHECK(json["state_truncated"]["size"] == event.state.size());
  CHECK(json["state_truncated"]["sha256"] == HexEncode(Sha256(event.state)));
  event.state = R"({"text":"small"})";
  row.clear();
  AppendBridgeRow(event, &row);
  CHECK(Json::parse(row)["state"]["text"] == "small");
  CHECK_FALSE(Json::parse(row).contains("state_truncated"));
}

TEST_CASE("an anonymous answer keeps its author in Moodle's log and nothing of them in the bridge's row") {
  KeptEvents kept;
  SiteSimulation simulation(TestSite(300, 12, 5), &kept);
  simulation.AdvanceTo(kTestNow * 1'000'000);
  int seen = 0;
  for (const Event& event : kept.events) {
    if (!event.anonymous) continue;
    ++seen;
    std::string row, log;
    AppendBridgeRow(event, &row);
    AppendLogRow(event, 1, &log);
    const Json bridge = Json::parse(row), moodle = Json::parse(log);
    CHECK(bridge["userid"] == 0);
    for (const char* field : {"relateduserid", "objectid", "ip", "realuserid", "state"}) CHECK(bridge[field].is_null());
    for (const char* field : {"occurred", "recorded"}) CHECK(bridge[field].get<int64_t>() % 86'400'000'000 == 0);
    CHECK(bridge["timecreated"].get<int64_t>() % 86'400 == 0);
    CHECK(moodle["userid"].get<int64_t>() > 0);
    CHECK(moodle["relateduserid"] == moodle["userid"]);
  }
  CHECK(seen > 5);
  for (const Answer& answer : simulation.world().answers()) {
    if (!answer.anonymous) continue;
    const Json state = Json::parse(StateOf(simulation.world(), answer));
    CHECK(state["userid"] == 0);
    CHECK(state["completed"] == 0);
    CHECK(state["timemodified"].get<int64_t>() % 86'400 == 0);
  }
}

TEST_CASE("names are in several scripts and addresses too") {
  Random random(4);
  int arabic = 0, latin = 0, other = 0;
  for (int i = 0; i < 4'000; ++i) {
    const Country& country = DrawCountry(&random);
    const Name name = DrawName(country.code, random.Chance(500), &random);
    CHECK_FALSE(name.first.empty());
    CHECK_FALSE(name.last.empty());
    if (!name.slug.empty()) {
      ++latin;
    } else if (static_cast<unsigned char>(name.last[0]) == 0xD8 || static_cast<unsigned char>(name.last[0]) == 0xD9) {
      ++arabic;
    } else {
      ++other;
    }
  }
  CHECK(latin > 2'500);
  CHECK(arabic > 100);
  CHECK(other > 20);
}

TEST_CASE("events carry the classes and keys recorded on a real Moodle", "[shared]") {
  const char* given = std::getenv("COMPAGNON_SHARED");
  const std::filesystem::path folder =
      std::filesystem::path(given == nullptr ? "../shared" : given) / "moodle/recordings/events";
  if (!std::filesystem::exists(folder)) FAIL("this test reads ../shared");
  std::map<std::string, Json> recorded;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream in(entry.path());
    const Json event = Json::parse(in);
    recorded[event["get_data"]["eventname"]] = event["get_data"];
  }
  KeptEvents kept;
  SiteSimulation simulation(TestSite(300, 12, 5), &kept);
  simulation.AdvanceTo(kTestNow * 1'000'000);
  std::set<std::string> compared;
  for (const Event& event : kept.events) {
    const std::string name(event.type->name);
    const auto found = recorded.find(name);
    if (found == recorded.end() || !compared.insert(name).second) continue;
    const Json& real = found->second;
    std::string text;
    AppendLogRow(event, 1, &text);
    const Json row = Json::parse(text);
    INFO(name);
    for (const char* field : {"component", "action", "target", "objecttable", "crud", "edulevel", "contextlevel"})
      CHECK(row[field] == real[field]);
    for (const char* field : {"objectid", "relateduserid"}) CHECK(row[field].is_null() == real[field].is_null());
    const Json other = Json::parse(row["other"].get<std::string>());
    CHECK(other.is_object() == real["other"].is_object());
    if (other.is_object() && real["other"].is_object()) {
      std::set<std::string> ours, theirs;
      for (const auto& [key, value] : other.items()) ours.insert(key);
      for (const auto& [key, value] : real["other"].items()) theirs.insert(key);
      CHECK(ours == theirs);
    }
  }
  CHECK(compared.size() >= 25);
}

}  // namespace compagnon::moodle_double
