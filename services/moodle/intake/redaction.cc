#include "moodle/intake/redaction.h"

#include <array>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/ascii.h"
#include "moodle/domain/slim.h"

namespace compagnon::moodle {
namespace {

constexpr int64_t kFutureUs = int64_t{5} * 60 * 1000000;

constexpr std::array<std::string_view, 5> kSecretWords = {"password", "secret", "key", "token", "salt"};

bool NamesSecret(std::string_view name) {
  const std::string lower = absl::AsciiStrToLower(absl::string_view(name.data(), name.size()));
  for (std::string_view word : kSecretWords) {
    if (lower.find(word) != std::string::npos) return true;
  }
  return false;
}

// A state's own secrets: a user's password hash, an enrolment key, a tool's shared secret. Numbers and booleans hold
// none.
bool StripSecrets(nlohmann::json& state) {
  bool changed = false;
  if (state.is_object()) {
    for (auto it = state.begin(); it != state.end();) {
      if (it->is_string() && NamesSecret(it.key())) {
        it = state.erase(it);
        changed = true;
      } else {
        changed = StripSecrets(*it) || changed;
        ++it;
      }
    }
  } else if (state.is_array()) {
    for (auto& item : state) changed = StripSecrets(item) || changed;
  }
  return changed;
}

bool MayHoldSecret(std::string_view json) {
  for (std::string_view word : kSecretWords) {
    if (json.find(word) != std::string_view::npos) return true;
  }
  return false;
}

constexpr int64_t kSecondsADay = 86400;

void RewriteAnonymous(nlohmann::json& row) {
  for (const char* field : {"relateduserid", "objectid", "ip", "realuserid", "state"}) {
    if (row.contains(field)) row[field] = nullptr;
  }
  row["userid"] = 0;
  for (const char* field : {"occurred", "recorded"}) {
    if (row.contains(field) && row[field].is_number_integer()) row[field] = FloorToUtcDay(row[field].get<int64_t>());
  }
  if (row.contains("timecreated") && row["timecreated"].is_number_integer()) {
    row["timecreated"] = row["timecreated"].get<int64_t>() / kSecondsADay * kSecondsADay;
  }
  if (row.contains("other") && row["other"].is_object()) {
    for (const char* field : {"userid", "relateduserid", "completedid"}) row["other"].erase(field);
  }
}

}  // namespace

void FlagFutureTime(MoodleEvent& event) {
  if (event.occurred_us > event.recorded_us + kFutureUs) {
    event.occurred_us = event.recorded_us;
    event.clock_flagged = true;
  }
}

bool RedactAtIntake(MoodleEvent& event) {
  const bool anonymous = event.anonymous;
  const bool session = event.other.contains("sessionid");
  const bool config = event.name == "\\core\\event\\config_log_created" && event.other.contains("name") &&
                      NamesSecret(event.other.find("name")->second);
  const bool deleted_user = event.name == "\\core\\event\\user_deleted";
  const bool message = event.object_table == "messages" && !event.state_json.empty();
  const bool state = !event.state_json.empty() && MayHoldSecret(event.state_json);
  if (!(anonymous || session || config || deleted_user || message || state)) return false;

  bool state_changed = false;
  if (message || anonymous) {
    state_changed = !event.state_json.empty();
    event.state_json.clear();
  } else if (state) {
    auto json = nlohmann::json::parse(event.state_json, nullptr, false);
    if (json.is_discarded()) {
      event.state_json.clear();
      state_changed = true;
    } else if (StripSecrets(json)) {
      event.state_json = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
      state_changed = true;
    }
  }
  if (anonymous) {
    event.user = event.related_user = event.real_user = event.object_id = 0;
    event.ip.clear();
    event.occurred_us = FloorToUtcDay(event.occurred_us);
    event.recorded_us = FloorToUtcDay(event.recorded_us);
    for (const char* field : {"userid", "relateduserid", "completedid"}) event.other.erase(field);
  }
  if (session) event.other.erase("sessionid");
  if (config) {
    event.other.erase("value");
    event.other.erase("oldvalue");
  }
  if (deleted_user) {
    for (const char* field : {"username", "email", "idnumber", "firstname", "lastname"}) event.other.erase(field);
  }
  if (!(anonymous || session || config || deleted_user || state_changed)) return false;

  if (!event.raw.empty()) {
    auto row = nlohmann::json::parse(event.raw, nullptr, false);
    if (row.is_discarded() || !row.is_object()) {
      event.raw.clear();
      return true;
    }
    if (anonymous) RewriteAnonymous(row);
    if (row.contains("other") && row["other"].is_object()) {
      auto& other = row["other"];
      if (session) other.erase("sessionid");
      if (config) {
        other.erase("value");
        other.erase("oldvalue");
      }
      if (deleted_user) {
        for (const char* field : {"username", "email", "idnumber", "firstname", "lastname"}) other.erase(field);
      }
    }
    if (state_changed)
      row["state"] =
          event.state_json.empty() ? nlohmann::json(nullptr) : nlohmann::json::parse(event.state_json, nullptr, false);
    event.raw = row.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  return true;
}

}  // namespace compagnon::moodle
