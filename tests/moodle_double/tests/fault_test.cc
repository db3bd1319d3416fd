#include <catch2/catch.hpp>
#include <chrono>
#include <set>
#include <thread>

#include "moodle_double/tests/caller.h"

namespace compagnon::moodle_double {
namespace {

using Json = nlohmann::json;

constexpr char kSiteInfo[] = "core_webservice_get_site_info";

}  // namespace

TEST_CASE("every recorded error is answered as it was recorded and once") {
  Caller caller;
  const Json names = caller.Control("errors");
  CHECK(names.size() >= 40);
  const auto recordings = Recordings::Load("tests/moodle_double/recordings");
  REQUIRE(recordings.ok());
  for (const std::string name : names) {
    INFO(name);
    CHECK(caller.Control("fault", "name=" + name)["ok"] == true);
    const Answered answer = caller.Call(kSiteInfo);
    const HttpReply* recorded = recordings->Find(name);
    REQUIRE(recorded != nullptr);
    CHECK(answer.failure.empty());
    CHECK(answer.status == recorded->status);
    CHECK(answer.body == recorded->body);
    CHECK(answer.type == recorded->type);
    for (const auto& [header, value] : recorded->headers) {
      if (header == "Retry-After") CHECK(answer.headers.at("retry-after") == value);
    }
    CHECK(caller.Call(kSiteInfo).Json()["sitename"] == "Sénégal");
  }
}

TEST_CASE("a fault meets only the function it names and as often as it says") {
  Caller caller;
  caller.Control("fault", "name=error-database-down&function=core_course_get_courses&times=2");
  CHECK(caller.Call(kSiteInfo).ErrorCode().empty());
  CHECK(caller.Call("core_course_get_courses").ErrorCode() == "dbconnectionfailed");
  CHECK(caller.Call("core_course_get_courses").ErrorCode() == "dbconnectionfailed");
  CHECK(caller.Call("core_course_get_courses").ErrorCode().empty());
  caller.Control("fault", "name=exception&errorcode=dbupdateneeded&function=local_compagnon_*&times=-1");
  CHECK(caller.Call("local_compagnon_status").ErrorCode() == "dbupdateneeded");
  CHECK(caller.Call("local_compagnon_status").ErrorCode() == "dbupdateneeded");
  CHECK(caller.Call(kSiteInfo).ErrorCode().empty());
  caller.Control("clear");
  CHECK(caller.Call("local_compagnon_status").ErrorCode().empty());
  CHECK(caller.Control("fault", "name=nothing-of-the-kind")["ok"] == false);
  CHECK(caller.Control("nothing-of-the-kind")["ok"] == false);
}

TEST_CASE("servers fail in the ways servers do") {
  Caller caller;
  caller.Control("fault", "name=unavailable&amount=7");
  Answered answer = caller.Call(kSiteInfo);
  CHECK(answer.status == 503);
  CHECK(answer.headers.at("retry-after") == "7");
  caller.Control("fault", "name=throttled&amount=3");
  CHECK(caller.Call(kSiteInfo).status == 429);
  caller.Control("fault", "name=html");
  answer = caller.Call(kSiteInfo);
  CHECK(answer.status == 200);
  CHECK(answer.type.starts_with("text/html"));
  caller.Control("fault", "name=empty");
  answer = caller.Call(kSiteInfo);
  CHECK(answer.status == 200);
  CHECK(answer.body.empty());
  caller.Control("fault", "name=bad-json");
  answer = caller.Call(kSiteInfo);
  CHECK(answer.failure.empty());
  CHECK(answer.Json().is_discarded());
  caller.Control("fault", "name=wrong-shape");
  CHECK(caller.Call(kSiteInfo).Json().is_array());
}

TEST_CASE("connections fail in the ways connections do") {
  Caller caller;
  caller.Control("fault", "name=cut&amount=100");
  Answered answer = caller.Call(kSiteInfo);
  CHECK_FALSE(answer.failure.empty());
  CHECK(answer.body.size() == 100);
  caller.Control("fault", "name=closed");
  answer = caller.Call(kSiteInfo);
  CHECK_FALSE(answer.failure.empty());
  CHECK(answer.status == 0);
  caller.Control("fault", "name=endless");
  const Fields fields = {
      {"wstoken", caller.moodle().Token("sn1")}, {"wsfunction", kSiteInfo}, {"moodlewsrestformat", "json"}};
  answer = Post(caller.moodle().Url("sn1") + "/webservice/rest/server.php", fields, 20, 3 << 20);
  CHECK_FALSE(answer.failure.empty());
  CHECK(answer.body.size() > (2u << 20));
  caller.Control("fault", "name=late&amount=2500");
  CHECK_FALSE(Post(caller.moodle().Url("sn1") + "/webservice/rest/server.php", fields, 1).failure.empty());
  caller.Control("fault", "name=slow&amount=2000");
  answer = Post(caller.moodle().Url("sn1") + "/webservice/rest/server.php", fields, 1);
  CHECK_FALSE(answer.failure.empty());
  CHECK_FALSE(answer.body.empty());
  CHECK(caller.Call(kSiteInfo).failure.empty());
}

TEST_CASE("a refused port answers again after its time") {
  Caller caller;
  const std::string url = caller.moodle().Url("sn1") + "/webservice/rest/server.php";
  caller.Control("refuse", "seconds=1");
  bool refused = false;
  for (int i = 0; i < 100 && !refused; ++i) {
    const Answered answer = Post(url, {{"wstoken", "x"}, {"wsfunction", "y"}}, 1);
    refused =
        answer.failure.find("connect") != std::string::npos || answer.failure.find("Connect") != std::string::npos;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK(refused);
  bool back = false;
  for (int i = 0; i < 500 && !back; ++i) {
    back = caller.Call(kSiteInfo).failure.empty();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  CHECK(back);
}

TEST_CASE("tokens and forms are judged as Moodle judges them") {
  Caller caller;
  const std::string url = caller.moodle().Url("sn1") + "/webservice/rest/server.php";
  CHECK(Post(url, {{"wsfunction", kSiteInfo}, {"moodlewsrestformat", "json"}}).ErrorCode() == "invalidtoken");
  CHECK(Post(url, {{"wstoken", "wrong"}, {"wsfunction", kSiteInfo}, {"moodlewsrestformat", "json"}}).ErrorCode() ==
        "invalidtoken");
  CHECK(caller.Call("").ErrorCode() == "invalidparameter");
  CHECK(caller.Call("core_nosuch_function").ErrorCode() == "invalidrecord");
  CHECK(caller.Call("local_compagnon_status", {{"epoch", "x"}}).ErrorCode() == "invalidparameter");
  CHECK(caller.Call("core_enrol_get_users_courses", {{"userid", "10"}, {"course", "2"}}).ErrorCode() ==
        "invalidparameter");
  CHECK(caller.Call("local_compagnon_pull_events", {{"subscriber", "s"}, {"epoch", ""}, {"after", "0"}, {"since", "1"}})
            .ErrorCode() == "invalidparameter");
  CHECK(Post(url, {{"wstoken", caller.moodle().Token("sn1")}, {"wsfunction", "x"}}).type.find("xml") !=
        std::string::npos);
  CHECK(Post(caller.moodle().Url("sn1") + "/somewhere", {}).status == 404);
  caller.Control("revoke");
  CHECK(caller.Call(kSiteInfo).ErrorCode() == "invalidtoken");
  caller.Control("revoke", "as=error-user-suspended");
  CHECK(caller.Call(kSiteInfo).ErrorCode() == "wsaccessusersuspended");
  caller.Control("restore-token");
  CHECK(caller.Call(kSiteInfo).ErrorCode().empty());
}

TEST_CASE("a page is spoiled on its way and whole the next time") {
  Caller caller;
  caller.Control("pause");
  const auto whole = Caller::Rows(caller.Pull(0, 20));
  // The helper pulls once more to learn the epoch: two faults, of which the second is looked at.
  auto spoiled = [&](const std::string& name, int amount) {
    caller.Control("fault", "name=" + name + "&amount=" + std::to_string(amount) + "&times=2");
    return caller.Pull(0, 20);
  };
  auto rows = Caller::Rows(spoiled("bad-row", 4));
  REQUIRE(rows.size() == 20);
  CHECK(rows[4].is_discarded());
  CHECK(rows[5] == whole[5]);
  rows = Caller::Rows(spoiled("cut-row", 19));
  CHECK(rows[19].is_discarded());
  rows = Caller::Rows(spoiled("no-seq", 2));
  CHECK_FALSE(rows[2].contains("seq"));
  rows = Caller::Rows(spoiled("missing-seq", 7));
  REQUIRE(rows.size() == 19);
  CHECK(rows[7]["seq"] == 9);
  rows = Caller::Rows(spoiled("duplicate-seq", 7));
  REQUIRE(rows.size() == 21);
  CHECK(rows[7] == rows[8]);
  rows = Caller::Rows(spoiled("out-of-order", 0));
  CHECK(rows.front()["seq"] == 20);
  CHECK(rows.back()["seq"] == 1);
  rows = Caller::Rows(spoiled("bad-hash", 3));
  CHECK(rows[3]["hash"] != whole[3]["hash"]);
  caller.Control("fault", "name=bad-utf8&amount=1");
  const Answered raw = caller.Call("local_compagnon_pull_events",
                                   {{"subscriber", "suite"}, {"epoch", ""}, {"after", "0"}, {"limit", "20"}});
  CHECK(raw.body.find("\xC3\x28\xFF") != std::string::npos);
  CHECK(Caller::Rows(caller.Pull(0, 20)) == whole);
}

TEST_CASE("rows that only a broken plugin writes lie in the outbox") {
  Caller caller;
  caller.Control("pause");
  const int64_t begin = caller.Pull(0)["latest"];
  std::vector<std::string> kinds = {"plain",          "future",  "late",     "huge-state", "unknown",
                                    "string-ids",     "no-name", "negative", "bad-json",   "nul",
                                    "duplicate-uuid", "gap",     "huge"};
  for (const std::string& kind : kinds) CHECK(caller.Control("row", "kind=" + kind)["ok"] == true);
  std::vector<Json> rows;
  for (int64_t after = begin;;) {
    const auto page = Caller::Rows(caller.Pull(after));
    if (page.empty()) break;
    rows.insert(rows.end(), page.begin(), page.end());
    after += static_cast<int64_t>(page.size());
  }
  REQUIRE(rows.size() == kinds.size() + 1);
  const int64_t day = 86'400'000'000;
  CHECK(rows[1]["occurred"].get<int64_t>() > rows[1]["recorded"].get<int64_t>() + 2 * day);
  CHECK(rows[2]["occurred"].get<int64_t>() < rows[2]["recorded"].get<int64_t>() - 39 * day);
  CHECK(rows[3]["state_truncated"]["size"].get<int64_t>() > (256 << 10));
  CHECK(rows[4]["eventname"] == "\\local_other\\event\\thing_happened");
  CHECK(rows[5]["userid"] == "1");
  CHECK_FALSE(rows[6].contains("eventname"));
  CHECK(rows[7]["occurred"] == -5);
  CHECK(rows[8].is_discarded());
  CHECK(rows[9]["other"]["text"].get<std::string>().size() == 3);
  CHECK(rows[10]["uuid"] == rows[11]["uuid"]);
  CHECK(rows[10]["seq"] != rows[11]["seq"]);
  CHECK(rows[12]["eventname"] == "\\local_compagnon\\event\\gap");
  CHECK(rows[13]["other"]["text"].get<std::string>().size() == (5u << 20));
  caller.Control("row", "kind=bad-utf8");
  const std::string epoch = caller.Call("local_compagnon_status").Json()["epoch"];
  const Answered raw = caller.Call("local_compagnon_pull_events",
                                   {{"subscriber", "suite"}, {"epoch", epoch}, {"after", std::to_string(begin + 14)}});
  CHECK(raw.body.find("\xC3\x28\xFF") != std::string::npos);
  CHECK(caller.Control("row", "kind=nonsense")["ok"] == false);
}

TEST_CASE("a site off line answers nothing for its span and then everything") {
  DoubleOptions options = Caller::Small();
  options.sites.push_back({"ml1", "Mali", "", ""});
  Caller caller(options);
  caller.Control("offline", "site=ml1&after=0&seconds=3600");
  CHECK_FALSE(caller.Call("local_compagnon_status", {}, "ml1").failure.empty());
  CHECK(caller.Call("local_compagnon_status", {}, "sn1").failure.empty());
  const int64_t before = caller.Control("state")["sites"][1]["rows"];
  caller.Control("rows", "site=ml1&n=40");
  caller.Control("online", "site=ml1");
  const Json status = caller.Call("local_compagnon_status", {}, "ml1").Json();
  CHECK(status["latest"].get<int64_t>() + status["unnumbered"].get<int64_t>() >= before + 40);
}

TEST_CASE("an off line span given at the start passes with simulated time") {
  DoubleOptions options = Caller::Small();
  options.speed = 86'400;  // a day a second
  options.offline.push_back({"sn1", 0, 2 * 86'400});
  Caller caller(options);
  CHECK_FALSE(caller.Call("local_compagnon_status").failure.empty());
  bool back = false;
  for (int i = 0; i < 500 && !back; ++i) {
    back = caller.Call("local_compagnon_status").failure.empty();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  CHECK(back);
  CHECK(caller.moodle().NowUs() >= (options.now + 2 * 86'400) * 1'000'000);
}

TEST_CASE("a live site writes rows by itself and a paused one does not") {
  DoubleOptions options = Caller::Small();
  options.live_per_1000_s = 400'000;
  Caller caller(options);
  const auto rows = [&] { return caller.Control("state")["sites"][0]["rows"].get<int64_t>(); };
  const int64_t before = rows();
  bool grown = false;
  for (int i = 0; i < 500 && !grown; ++i) {
    grown = rows() > before + 100;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  CHECK(grown);
  caller.Control("pause");
  const int64_t paused = rows();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  CHECK(rows() == paused);
  caller.Control("resume");
  caller.Control("rate", "per_second=0");
}

TEST_CASE("a change that no event tells shows only in the hashes of an export") {
  Caller caller;
  caller.Control("pause");
  const auto exported = [&] {
    return caller.Call("local_compagnon_export", {{"kind", "users"}, {"hashes", "1"}, {"limit", "5000"}})
        .Json()["rows"];
  };
  const Json before = exported();
  const int64_t rows = caller.Control("state")["sites"][0]["rows"];
  CHECK(caller.Control("drift", "user=10&area=ailleurs")["ok"] == true);
  CHECK(exported() != before);
  CHECK(caller.Control("state")["sites"][0]["rows"] == rows);
}

}  // namespace compagnon::moodle_double
