#include "moodle/api/reconcile.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <thread>

#include "moodle/domain/ws_fault.h"
#include "unit/moodle/manual_clock.h"
#include "unit/moodle/moodle_store_fixture.h"

namespace compagnon::moodle {
namespace {

using nlohmann::json;

// A Moodle of a few courses that answers what core functions answer.
class FakeMoodle final : public WsClient {
 public:
  struct Enrolled {
    bool active = true;
    int role = 5;
  };
  bool plugin = false;
  std::map<int64_t, std::map<int64_t, Enrolled>> courses;  // course -> user
  std::map<int64_t, std::set<int64_t>> cohorts;
  std::set<std::string> refused;
  std::map<std::string, json> instead;  // function -> what it answers whatever is asked
  int calls = 0;
  int with_all_fields = 0;

  absl::StatusOr<std::string> Read(std::string_view function, const json& params) override {
    ++calls;
    if (refused.contains(std::string(function)))
      return FaultStatus({FaultCategory::kOperator, "accessexception", {}}, "");
    if (const auto fixed = instead.find(std::string(function)); fixed != instead.end()) return fixed->second.dump();
    json answer = json::array();
    if (function == "core_webservice_get_site_info") {
      answer = {{"functions", json::array({{{"name", "core_course_get_courses"}}})}};
      if (plugin) answer["functions"].push_back({{"name", "local_compagnon_pull_events"}});
    } else if (function == "core_course_get_courses") {
      answer.push_back({{"id", 1},
                        {"shortname", "front"},
                        {"fullname", "Front"},
                        {"categoryid", 0},
                        {"startdate", 0},
                        {"enddate", 0}});
      for (const auto& [id, users] : courses) {
        answer.push_back({{"id", id},
                          {"shortname", "C" + std::to_string(id)},
                          {"fullname", "Course"},
                          {"categoryid", 2},
                          {"startdate", 1800000000},
                          {"enddate", 0}});
      }
    } else if (function == "core_course_get_categories") {
      answer.push_back({{"id", 2}, {"name", "D-CLIC"}, {"parent", 0}});
    } else if (function == "core_enrol_get_enrolled_users") {
      std::map<std::string, std::string> options;
      for (const json& option : params["options"]) options[option["name"]] = option["value"];
      if (!options.contains("userfields")) ++with_all_fields;
      int at = 0;
      for (const auto& [id, user] : courses[params["courseid"].get<int64_t>()]) {
        if (options.contains("onlyactive") && !user.active) continue;
        if (at++ < std::stoi(options["limitfrom"])) continue;
        if (answer.size() >= static_cast<size_t>(std::stoi(options["limitnumber"]))) break;
        answer.push_back(
            {{"id", id},
             {"fullname", "X"},
             {"firstname", "Awa"},
             {"lastname", "N" + std::to_string(id)},
             {"country", "SN"},
             {"roles", json::array({{{"roleid", user.role}, {"shortname", user.role == 5 ? "student" : "teacher"}}})},
             {"groups", json::array()}});
      }
    } else if (function == "core_cohort_get_cohorts") {
      for (const auto& [id, users] : cohorts)
        answer.push_back({{"id", id}, {"name", "Cohort"}, {"idnumber", "c" + std::to_string(id)}});
    } else if (function == "core_cohort_get_cohort_members") {
      for (const json& id : params["cohortids"])
        answer.push_back({{"cohortid", id}, {"userids", cohorts[id.get<int64_t>()]}});
    } else {
      return FaultStatus({FaultCategory::kOperator, "invalidrecord", {}}, function);
    }
    return answer.dump();
  }
  absl::StatusOr<std::string> Write(std::string_view, const json&) override {
    return absl::InternalError("a reconciliation writes nothing");
  }
  void Cancel() override {}
  std::string_view BreakerState() const override { return "closed"; }
};

struct Night {
  explicit Night(compagnon::test::StoreBackend& backend)
      : store(backend), directory({.clock = &clock, .dimensions = nullptr}) {}
  absl::StatusOr<Reconciliation> Run() {
    return ReconcileSite(moodle, store.database(), directory, "sn1", {"user:country"}, clock, [] { return true; });
  }
  test::ManualClock clock{absl::FromUnixSeconds(1800000000 + 30 * 86400)};
  MoodleStore store;
  Directory directory;
  FakeMoodle moodle;
};

STORE_CONTRACT("core functions alone fill a directory, from the course's first day on", "[reconcile]") {
  Night night(backend);
  for (int i = 0; i < 1201; ++i) night.moodle.courses[4][100 + i] = {};
  night.moodle.courses[4][99] = {true, 4};
  night.moodle.courses[4][98] = {false, 5};
  night.moodle.cohorts[7] = {100, 101};
  const auto done = night.Run();
  Fine(done.status());
  CHECK_FALSE(done->with_plugin);
  CHECK(done->missing == 1202);
  CHECK(night.moodle.with_all_fields == 0);
  const auto states = night.store.States();
  CHECK(states.size() == 1202);
  CHECK_FALSE(states.contains({98, 4}));
  const auto& learner = states.at({100, 4});
  CHECK(learner.learner());
  CHECK(learner.country() == "SN");
  // 15 January 2027 00:00 in Dakar, the course's first day.
  CHECK(learner.intervals(0).from_us() == 1799971200 * kSecondUs);
  CHECK_FALSE(states.at({99, 4}).learner());
  CHECK(night.store.Number("SELECT count(*) FROM directory_membership WHERE kind = 1 AND member = 1") == 2);

  const size_t published = night.store.Published().size();
  Fine(night.Run().status());
  CHECK(night.store.Published().size() == published);
}

STORE_CONTRACT("the next night mends what changed, from then on", "[reconcile]") {
  Night night(backend);
  for (int i = 0; i < 50; ++i) night.moodle.courses[4][100 + i] = {};
  Fine(night.Run().status());
  night.clock.Advance(absl::Hours(24));
  night.moodle.courses[4].erase(100);
  night.moodle.courses[4][101].active = false;
  night.moodle.courses[4][300] = {};
  const auto done = night.Run();
  Fine(done.status());
  CHECK(done->missing == 1);
  CHECK(done->stale == 2);
  const auto states = night.store.States();
  const int64_t now = absl::ToUnixMicros(night.clock.Now());
  CHECK(states.at({100, 4}).intervals(0).to_us() == now);
  CHECK(states.at({101, 4}).intervals(0).to_us() == now);
  CHECK(states.at({300, 4}).intervals(0).from_us() == now);
}

STORE_CONTRACT("a Moodle that suddenly shows nobody closes nobody", "[reconcile]") {
  Night night(backend);
  for (int i = 0; i < 50; ++i) night.moodle.courses[4][100 + i] = {};
  Fine(night.Run().status());
  const size_t published = night.store.Published().size();
  night.moodle.courses[4].clear();
  const auto done = night.Run();
  CHECK(ReasonOf(done.status()) == "mass_delete_guard");
  CHECK(night.store.Published().size() == published);
}

STORE_CONTRACT("with the plugin differences are counted and nothing is changed", "[reconcile]") {
  Night night(backend);
  night.moodle.plugin = true;
  for (int i = 0; i < 5; ++i) night.moodle.courses[4][100 + i] = {};
  const auto done = night.Run();
  Fine(done.status());
  CHECK(done->with_plugin);
  CHECK(done->missing == 5);
  CHECK(night.store.Published().empty());
}

STORE_CONTRACT("what the account may not ask is left as it was", "[reconcile]") {
  Night night(backend);
  night.moodle.courses[4][100] = {};
  night.moodle.cohorts[7] = {100};
  Fine(night.Run().status());
  night.moodle.refused = {"core_cohort_get_cohorts", "core_enrol_get_enrolled_users", "core_course_get_categories"};
  Fine(night.Run().status());
  CHECK(night.store.Number("SELECT count(*) FROM directory_membership WHERE member = 1") == 1);
  CHECK(night.store.States().at({100, 4}).intervals(0).to_us() == kNever);
}

STORE_CONTRACT("core functions may answer nulls and other types than they promise", "[reconcile]") {
  const json odd = json::array({nullptr, 7, -1.5, "text", true, json::array({1, nullptr}), json{{"id", nullptr}}});
  const json odd_values = json::array({nullptr, 7, "text", true, json::array(), json{{"name", nullptr}}});
  // Each field of each answer in turn holds each odd value.
  const std::map<std::string, json> answers = {
      {"core_webservice_get_site_info", {{"functions", json::array({{{"name", "f"}}})}}},
      {"core_course_get_categories", json::array({{{"id", 2}, {"name", "N"}, {"parent", 0}}})},
      {"core_course_get_courses",
       json::array({{{"id", 4},
                     {"shortname", "C"},
                     {"fullname", "Course"},
                     {"categoryid", 2},
                     {"startdate", 1800000000},
                     {"enddate", 0},
                     {"visible", 1},
                     {"customfields", json::array({{{"shortname", "lang"}, {"value", "fr"}, {"valueraw", "fr"}}})}}})},
      {"core_enrol_get_enrolled_users",
       json::array({{{"id", 100},
                     {"firstname", "Awa"},
                     {"country", "SN"},
                     {"customfields", json::array({{{"shortname", "sex"}, {"value", "F"}}})},
                     {"roles", json::array({{{"roleid", 5}, {"shortname", "student"}}})},
                     {"groups", json::array({{{"id", 3}, {"name", "G"}, {"idnumber", "g"}}})}}})},
      {"core_cohort_get_cohorts", json::array({{{"id", 7}, {"name", "Cohort"}, {"idnumber", "c"}}})},
      {"core_cohort_get_cohort_members", json::array({{{"cohortid", 7}, {"userids", json::array({100})}}})}};
  for (const auto& [function, answer] : answers) {
    Night night(backend);
    night.moodle.courses[4][100] = {};
    night.moodle.cohorts[7] = {100};
    std::vector<json> wrong;
    const json flat = answer.flatten();
    for (const auto& [path, leaf] : flat.items()) {
      for (json::json_pointer at(path); !at.empty(); at = at.parent_pointer()) {
        for (const json& value : odd_values) {
          json changed = answer;
          changed[at] = value;
          wrong.push_back(changed);
        }
      }
    }
    if (answer.is_array()) wrong.push_back(odd);
    REQUIRE(wrong.size() >= 6);
    for (const json& given : wrong) {
      CAPTURE(function, given.dump());
      night.moodle.instead = {{function, given}};
      const auto done = night.Run();
      if (!done.ok()) CHECK_FALSE(ReasonOf(done.status()).empty());
    }
    night.moodle.instead.clear();
    Fine(night.Run().status());
    CHECK(night.store.States().contains({100, 4}));
  }
}

STORE_CONTRACT("a site that does not answer fails the night and changes nothing", "[reconcile]") {
  Night night(backend);
  night.moodle.courses[4][100] = {};
  Fine(night.Run().status());
  const auto stopped = ReconcileSite(night.moodle, night.store.database(), night.directory, "sn1", {}, night.clock,
                                     [] { return false; });
  CHECK(absl::IsCancelled(stopped.status()));
  night.moodle.refused = {"core_course_get_courses"};
  CHECK_FALSE(night.Run().ok());
  CHECK(night.store.States().at({100, 4}).intervals(0).to_us() == kNever);
}

STORE_CONTRACT("a site that answers too slowly holds back the sites after it for a limited time", "[reconcile]") {
  class SlowMoodle final : public WsClient {
   public:
    explicit SlowMoodle(test::ManualClock& clock) : clock_(clock) {}
    absl::StatusOr<std::string> Read(std::string_view function, const json& params) override {
      clock_.Advance(absl::Minutes(10));
      return moodle.Read(function, params);
    }
    absl::StatusOr<std::string> Write(std::string_view, const json&) override { return absl::InternalError("writes"); }
    void Cancel() override {}
    std::string_view BreakerState() const override { return "closed"; }
    FakeMoodle moodle;

   private:
    test::ManualClock& clock_;
  };
  Night night(backend);
  for (const char* code : {"a-slow", "b-quick"}) {
    SiteConfig site;
    site.code = site.title = code;
    site.url = "https://moodle.example.org";
    site.time_zone = "Africa/Dakar";
    night.store.Write([&](store::Session& session) { return PutSite(session, site, 1); });
  }
  const auto slow = std::make_shared<SlowMoodle>(night.clock);
  for (int course = 2; course < 30; ++course) slow->moodle.courses[course][100] = {};
  const auto quick = std::make_shared<FakeMoodle>();
  quick->courses[4][100] = {};
  Metrics metrics;
  ReconcilerOptions options;
  options.holder = "test";
  options.look_every = absl::Milliseconds(10);
  auto reconciler = StartReconciler(
      options, night.store.database(), night.directory,
      [&](const std::string& site) -> std::shared_ptr<WsClient> {
        if (site == "a-slow") return slow;
        return quick;
      },
      std::make_shared<DimensionMap>(), metrics, night.clock, [] {});
  Fine(reconciler.status());
  const auto done = [&](const std::string& where) {
    return night.store.Number("SELECT count(*) FROM reconcile_run WHERE finished_us > 0 AND " + where) == 1;
  };
  for (int i = 0; i < 1200 && !done("site = 'b-quick'"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  (*reconciler)->Stop();
  CHECK(done("site = 'a-slow' AND problem = 'too_slow'"));
  CHECK(done("site = 'b-quick' AND problem = ''"));
  CHECK(slow->moodle.calls < 10);
}

TEST_CASE("the night's hour is the site's own, and a skipped hour is not a skipped night", "[reconcile]") {
  absl::TimeZone paris, dakar;
  REQUIRE(absl::LoadTimeZone("Europe/Paris", &paris));
  REQUIRE(absl::LoadTimeZone("Africa/Dakar", &dakar));
  const auto utc = [](int month, int day, int hour, int minute) {
    return absl::FromCivil(absl::CivilSecond(2026, month, day, hour, minute), absl::UTCTimeZone());
  };
  const auto day = [](int month, int d) { return absl::CivilDay(2026, month, d) - absl::CivilDay(1970, 1, 1); };
  CHECK(ReconciliationDue(utc(6, 10, 0, 31), paris, 150, day(6, 9)));
  CHECK_FALSE(ReconciliationDue(utc(6, 10, 0, 29), paris, 150, day(6, 9)));
  CHECK_FALSE(ReconciliationDue(utc(6, 10, 0, 31), dakar, 150, day(6, 9)));
  CHECK(ReconciliationDue(utc(6, 10, 2, 30), dakar, 150, day(6, 9)));
  CHECK_FALSE(ReconciliationDue(utc(6, 10, 23, 0), dakar, 150, day(6, 10)));
  // 29 March: clocks go from 02:00 to 03:00, so 02:30 does not exist.
  CHECK_FALSE(ReconciliationDue(utc(3, 29, 0, 59), paris, 150, day(3, 28)));
  CHECK(ReconciliationDue(utc(3, 29, 1, 0), paris, 150, day(3, 28)));
  CHECK(ReconciliationDue(utc(6, 10, 12, 0), dakar, 150, INT32_MIN));
}

TEST_CASE("a time of day is two digits, a colon and two digits", "[reconcile]") {
  CHECK(*MinutesOfDay("02:30") == 150);
  CHECK(*MinutesOfDay("23:59") == 1439);
  for (const char* bad : {"", "2:30", "24:00", "02:60", "02-30", "02:30x", " 2:30", "-1:30"}) {
    INFO(bad);
    CHECK_FALSE(MinutesOfDay(bad).ok());
  }
}

}  // namespace
}  // namespace compagnon::moodle
