#include "moodle/domain/slim.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <random>

#include "moodle/intake/redaction.h"

namespace compagnon::moodle {
namespace {

MoodleEvent Viewed() {
  MoodleEvent e;
  e.seq = 1;
  e.name = "\\core\\event\\course_viewed";
  e.component = "core";
  e.action = "viewed";
  e.target = "course";
  e.edulevel = 2;
  e.context_level = 50;
  e.context_instance = 4;
  e.user = 1251;
  e.course = 4;
  e.occurred_us = 1795282519000001;
  e.recorded_us = 1795282519000101;
  e.origin = "web";
  e.ip = "192.0.2.7";
  return e;
}

TEST_CASE("a slim event says who by number only and what by codes only") {
  const auto slim = ToSlim(Viewed());
  REQUIRE(slim);
  CHECK(slim->user == 1251);
  CHECK(slim->course == 4);
  CHECK(slim->origin == SlimOrigin::kWeb);
  CHECK_FALSE(slim->acted_by_other);
}

TEST_CASE("what nobody needs or may hear is filtered out") {
  MoodleEvent e = Viewed();
  e.name = "\\core\\event\\grade_item_updated";
  CHECK_FALSE(ToSlim(e));
  e.name = "\\core\\event\\webservice_function_called";
  e.other["function"] = "local_compagnon_pull_events";
  CHECK_FALSE(ToSlim(e));
  e.other["function"] = "core_course_get_contents";
  CHECK(ToSlim(e));
  e.name = "\\local_compagnon\\event\\gap";
  CHECK_FALSE(ToSlim(e));
}

TEST_CASE("an administrator who acts as a person is marked and the person alone is not") {
  MoodleEvent e = Viewed();
  e.real_user = 2;
  CHECK(ToSlim(e)->acted_by_other);
  e.real_user = e.user;
  CHECK_FALSE(ToSlim(e)->acted_by_other);
}

TEST_CASE("a score travels in thousandths and a withdrawn one as none") {
  MoodleEvent e = Viewed();
  e.name = "\\core\\event\\user_graded";
  e.user = -1;
  e.related_user = 1242;
  e.other = {{"itemid", "117"}, {"finalgrade", "38"}, {"overridden", "0"}};
  auto slim = ToSlim(e);
  CHECK(slim->user == 0);
  CHECK(slim->grade_item == 117);
  CHECK(slim->has_score);
  CHECK(slim->score_milli == 38000);
  e.other.erase("finalgrade");
  slim = ToSlim(e);
  CHECK_FALSE(slim->has_score);
  CHECK(slim->score_milli == 0);
}

TEST_CASE("decimals become thousandths without passing through floating point") {
  CHECK(ThousandthsOf("71.5") == 71500);
  CHECK(ThousandthsOf("66.66667") == 66667);
  CHECK(ThousandthsOf("0.0005") == 1);
  CHECK(ThousandthsOf("0.00049") == 0);
  CHECK(ThousandthsOf("-1.2345") == -1235);
  CHECK(ThousandthsOf("100.00000") == 100000);
  CHECK(ThousandthsOf("1.0E+2") == 100000);
  CHECK(ThousandthsOf("8.1") == 8100);
  CHECK_FALSE(ThousandthsOf(""));
  CHECK_FALSE(ThousandthsOf("abc"));
  CHECK_FALSE(ThousandthsOf("."));
  CHECK_FALSE(ThousandthsOf("99999999999999999999"));
}

TEST_CASE("a completion carries its state and other events carry none") {
  MoodleEvent e = Viewed();
  CHECK(ToSlim(e)->completion_state == -1);
  e.name = "\\core\\event\\course_module_completion_updated";
  e.other["completionstate"] = "2";
  CHECK(ToSlim(e)->completion_state == 2);
  e.other["completionstate"] = "7";
  CHECK(ToSlim(e)->completion_state == -1);
}

TEST_CASE("Moodle's own number of a user hides in no other field") {
  MoodleEvent e = Viewed();
  e.object_table = "user";
  e.object_id = 1251;
  e.context_level = 30;
  e.context_instance = 1251;
  const auto slim = ToSlim(e);
  CHECK(slim->object == 0);
  CHECK(slim->context_instance == 0);
}

TEST_CASE("anonymous feedback loses who and when") {
  MoodleEvent e = Viewed();
  e.name = "\\mod_feedback\\event\\response_submitted";
  e.anonymous = true;
  e.related_user = e.user;
  e.real_user = 2;
  e.object_id = 142;
  const auto slim = ToSlim(e);
  CHECK(slim->user == 0);
  CHECK(slim->related_user == 0);
  CHECK(slim->object == 0);
  CHECK_FALSE(slim->acted_by_other);
  CHECK(slim->occurred_us % (int64_t{86400} * 1000000) == 0);
  CHECK(slim->recorded_us % (int64_t{86400} * 1000000) == 0);
  CHECK(slim->anonymous);
}

TEST_CASE("anonymous feedback is stripped at intake of its row as of its fields") {
  MoodleEvent e = Viewed();
  e.anonymous = true;
  e.related_user = 1251;
  e.object_id = 142;
  e.state_json = R"({"id":142,"userid":1251})";
  e.raw = nlohmann::json{{"seq", 1},
                         {"userid", 1251},
                         {"relateduserid", 1251},
                         {"ip", "192.0.2.7"},
                         {"realuserid", 3},
                         {"objectid", 142},
                         {"anonymous", 1},
                         {"timecreated", 1795282519},
                         {"occurred", e.occurred_us},
                         {"recorded", e.recorded_us},
                         {"state", {{"userid", 1251}}}}
              .dump();
  REQUIRE(RedactAtIntake(e));
  CHECK(e.user == 0);
  CHECK(e.ip.empty());
  CHECK(e.state_json.empty());
  CHECK(e.raw.find("1251") == std::string::npos);
  CHECK(e.raw.find("192.0.2.7") == std::string::npos);
  CHECK(e.raw.find("142") == std::string::npos);
  CHECK(e.raw.find("1795282519") == std::string::npos);
}

TEST_CASE("sessions and secrets are stripped at intake and the rest of the row stays byte for byte") {
  MoodleEvent e = Viewed();
  e.raw = R"({"seq":1,"userid":1251})";
  const std::string before = e.raw;
  CHECK_FALSE(RedactAtIntake(e));
  CHECK(e.raw == before);

  MoodleEvent out = Viewed();
  out.name = "\\core\\event\\user_loggedout";
  out.other["sessionid"] = "abc123";
  out.raw = R"({"seq":1,"other":{"sessionid":"abc123"}})";
  CHECK(RedactAtIntake(out));
  CHECK(out.other.empty());
  CHECK(out.raw.find("abc123") == std::string::npos);

  MoodleEvent config = Viewed();
  config.name = "\\core\\event\\config_log_created";
  config.other = {{"name", "smtpPassword"}, {"oldvalue", "hunter1"}, {"value", "hunter2"}};
  config.raw = R"({"seq":1,"other":{"name":"smtpPassword","oldvalue":"hunter1","value":"hunter2"}})";
  CHECK(RedactAtIntake(config));
  CHECK(config.raw.find("hunter") == std::string::npos);
  CHECK(config.other.count("value") == 0);

  MoodleEvent user = Viewed();
  user.state_json = R"({"id":7,"username":"l7","password":"$2y$10$x","secret":"s3","confirmed":1})";
  user.raw = R"({"seq":1,"state":{"id":7,"username":"l7","password":"$2y$10$x","secret":"s3","confirmed":1}})";
  CHECK(RedactAtIntake(user));
  CHECK(user.state_json.find("$2y$") == std::string::npos);
  CHECK(user.raw.find("s3") == std::string::npos);
  CHECK(user.raw.find("l7") != std::string::npos);
}

TEST_CASE("a time over five minutes ahead of its recording is flagged and brought back") {
  MoodleEvent e = Viewed();
  e.occurred_us = e.recorded_us + int64_t{300} * 1000000;
  FlagFutureTime(e);
  CHECK_FALSE(e.clock_flagged);
  e.occurred_us += 1;
  FlagFutureTime(e);
  CHECK(e.clock_flagged);
  CHECK(e.occurred_us == e.recorded_us);
}

TEST_CASE("a routing key is made of safe parts whatever the names hold") {
  CHECK(RoutingKey("sn1", "core", "course", "viewed") == "moodle.sn1.core.course.viewed");
  CHECK(RoutingKey("sn1", "a.b#", "*", "") == "moodle.sn1._._._");
  CHECK(RoutingKey("sn1", std::string(300, 'x'), "t", "a").size() < 255);
}

// Whatever stands in the identifying fields, nothing of it is in the slim event: its only texts are the event's name,
// which is a class name, and its numbers are ids, codes and times.
TEST_CASE("no name address or IP is ever in a slim event") {
  std::mt19937_64 random(20261121);
  const std::string secrets[] = {"Awa Diop", "awa.diop@example.org", "192.0.2.7", "2001:db8::7", "S3cret!", "جميلة"};
  for (int round = 0; round < 2000; ++round) {
    MoodleEvent e = Viewed();
    const auto pick = [&] { return secrets[random() % std::size(secrets)]; };
    e.name = random() % 2 ? "\\core\\event\\user_updated" : "\\core\\event\\user_graded";
    e.component = pick();
    e.target = pick();
    e.action = pick();
    e.object_table = random() % 2 ? "user" : pick();
    e.uuid = pick();
    e.ip = pick();
    e.origin = random() % 2 ? "ws" : pick();
    e.state_json = "{\"firstname\":\"" + pick() + "\"}";
    e.other = {{"username", pick()},
               {"email", pick()},
               {"itemid", pick()},
               {"finalgrade", pick()},
               {"completionstate", pick()}};
    e.raw = pick();
    const auto slim = ToSlim(e);
    REQUIRE(slim);
    CHECK(slim->name.data() == e.name.data());
    CHECK(IsEventName(slim->name));
    CHECK_FALSE(slim->has_score);
    CHECK(slim->grade_item == 0);
    CHECK(slim->completion_state == -1);
    const std::string key = RoutingKey("sn1", e.component, e.target, e.action);
    CHECK(key == "moodle.sn1._._._");
  }
}

TEST_CASE("days are counted from 1970 in UTC also before it") {
  CHECK(UtcDayOf(0) == 0);
  CHECK(UtcDayOf(-1) == -1);
  CHECK(UtcDayOf(int64_t{86400} * 1000000 - 1) == 0);
  CHECK(FloorToUtcDay(int64_t{86400} * 1000000 + 5) == int64_t{86400} * 1000000);
}

}  // namespace
}  // namespace compagnon::moodle
