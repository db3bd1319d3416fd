#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "moodle/intake/ws_answer.h"

namespace compagnon::moodle {
namespace {

// What a real Moodle answered (tests/moodle_double/recordings), and what it means to us.
TEST_CASE("every recorded error of a real Moodle is known by its code") {
  const std::map<std::string, std::pair<std::string, FaultCategory>> expected = {
      {"error-bad-token", {"invalidtoken", FaultCategory::kOperator}},
      {"error-missing-token", {"invalidtoken", FaultCategory::kOperator}},
      {"error-token-expired", {"accessexception", FaultCategory::kOperator}},
      {"error-token-ip-restricted", {"accessexception", FaultCategory::kOperator}},
      {"error-service-disabled", {"accessexception", FaultCategory::kOperator}},
      {"error-function-not-in-service", {"accessexception", FaultCategory::kOperator}},
      {"error-unknown-function", {"missingfunction", FaultCategory::kOperator}},
      {"error-debug-unknown-function", {"missingfunction", FaultCategory::kOperator}},
      {"error-invalid-parameter-type", {"invalidparameter", FaultCategory::kCaller}},
      {"error-course-not-found", {"invalidrecord", FaultCategory::kGone}},
      {"error-course-completion-no-criteria", {"nocriteriaset", FaultCategory::kGone}},
      {"error-course-completion-disabled", {"cannotviewreport", FaultCategory::kCaller}},
      {"error-course-completion-not-enrolled", {"usernotenroled", FaultCategory::kGone}},
      {"error-missing-capability-role", {"requireloginerror", FaultCategory::kOperator}},
      {"error-core_course_create_courses-duplicate-shortname", {"shortnametaken", FaultCategory::kCaller}},
      {"error-core_course_create_courses-duplicate-idnumber", {"courseidnumbertaken", FaultCategory::kCaller}},
      {"error-user-suspended", {"wsaccessusersuspended", FaultCategory::kOperator}},
      {"error-maintenance-admin-setting", {"sitemaintenance", FaultCategory::kRetry}},
      {"error-maintenance-cli-script", {"maintenance", FaultCategory::kRetry}},
      {"error-maintenance-cli-custom-page", {"maintenance", FaultCategory::kRetry}},
      {"error-upgrade-running", {"upgraderunning", FaultCategory::kRetry}},
      {"error-database-down", {"dbconnectionfailed", FaultCategory::kRetry}},
      {"error-webservices-disabled", {"webservices_disabled", FaultCategory::kOperator}},
      {"error-rest-protocol-disabled", {"webservices_disabled", FaultCategory::kOperator}},
      {"error-xml-default-format", {"not_json", FaultCategory::kRetry}},
  };
  int faults = 0, matched = 0;
  for (const auto& file : std::filesystem::directory_iterator("tests/moodle_double/recordings")) {
    const std::string name = file.path().stem().string();
    std::ifstream in(file.path());
    std::stringstream text;
    text << in.rdbuf();
    const auto recording = nlohmann::json::parse(text.str());
    const auto& response = recording.at("response");
    const std::string body = response.is_string() ? response.get<std::string>() : response.dump();
    std::string retry_after;
    if (recording.contains("headers")) retry_after = recording["headers"].value("Retry-After", "");
    const absl::Status status =
        CheckAnswer(recording.value("status", 200), "", retry_after, body, absl::FromUnixSeconds(1795282600));
    CAPTURE(name, status.ToString());
    if (name.rfind("error-", 0) != 0) {
      CHECK((status.ok() || IsKnownCode(FaultOf(status).code)));
      continue;
    }
    if (!status.ok()) {
      ++faults;
      CHECK(IsKnownCode(FaultOf(status).code));
    }
    if (const auto found = expected.find(name); found != expected.end()) {
      ++matched;
      CHECK(FaultOf(status).code == found->second.first);
      CHECK(FaultOf(status).category == found->second.second);
      if (name == "error-maintenance-cli-script") CHECK(FaultOf(status).retry_after == absl::Seconds(300));
    }
  }
  CHECK(faults >= 30);
  CHECK(matched == static_cast<int>(expected.size()));
}

TEST_CASE("a Retry-After may be a date") {
  const absl::Time now = absl::FromCivil(absl::CivilSecond(2026, 11, 21, 12, 0, 0), absl::UTCTimeZone());
  CHECK(FaultOf(CheckAnswer(503, "", "Sat, 21 Nov 2026 12:02:00 GMT", "", now)).retry_after == absl::Minutes(2));
  CHECK(FaultOf(CheckAnswer(503, "", "Sat, 21 Nov 2026 11:02:00 GMT", "", now)).retry_after == absl::ZeroDuration());
  CHECK(FaultOf(CheckAnswer(503, "", "soon", "", now)).retry_after == absl::ZeroDuration());
  CHECK(FaultOf(CheckAnswer(503, "", "99999999", "", now)).retry_after == absl::Hours(24));
}

TEST_CASE("void functions answer null and that is an answer") {
  CHECK(CheckAnswer(200, "", "", "null", absl::Now()).ok());
  CHECK(CheckAnswer(200, "", "", "[]", absl::Now()).ok());
  CHECK_FALSE(CheckAnswer(200, "", "", "", absl::Now()).ok());
  CHECK_FALSE(CheckAnswer(200, "", "", "{\"a\":1", absl::Now()).ok());
}

TEST_CASE("an answer with a byte that is no UTF-8 is left to its reader") {
  CHECK(CheckAnswer(200, "", "", "{\"events\":\"\xff\"}", absl::Now()).ok());
  CHECK_FALSE(CheckAnswer(200, "", "", "{\"exception\":\"\xff\"}", absl::Now()).ok());
}

TEST_CASE("an errorcode that is no identifier does not reach the logs as it came") {
  const absl::Status status = CheckAnswer(
      200, "", "", R"({"exception":"x","errorcode":"Awa Diop <a@example.org>","message":"m"})", absl::Now());
  CHECK(FaultOf(status).code == "AwaDiopaexampleorg");
  CHECK(std::string(status.message()).find('@') == std::string::npos);
}

TEST_CASE("every fault that an operator can mend says what to do next") {
  for (const char* code :
       {"invalidtoken", "accessexception", "missingfunction", "nopermissions", "wsaccessusersuspended", "cursorreset",
        "fingerprint_changed", "epoch_changed", "webservices_disabled", "redirect_refused", "tls", "private_address",
        "http_404", "unknownsubscriber", "never_seen"}) {
    CAPTURE(code);
    CHECK(CategoryOf(code) == FaultCategory::kOperator);
    CHECK_FALSE(NextStep(code).empty());
    CHECK_FALSE(NextStep(code, "en").empty());
    CHECK(NextStep(code, "en") != NextStep(code));
  }
}

}  // namespace
}  // namespace compagnon::moodle
