#include "moodle_double/server/core_answers.h"

#include <nlohmann/json.hpp>

namespace compagnon::moodle_double {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kBridgeFunctions[] = {"local_compagnon_pull_events", "local_compagnon_ack", "local_compagnon_export",
                                                 "local_compagnon_status"};

CoreAnswer SiteInfo(const CoreCall& call) {
  const HttpReply* recorded = call.recordings.Find("core_webservice_get_site_info");
  Json info = recorded == nullptr ? Json::object() : Json::parse(recorded->body);
  const User& account = call.world.user(World::kServiceAccount);
  info["sitename"] = call.world.title();
  info["username"] = account.username;
  info["firstname"] = account.firstname;
  info["lastname"] = account.lastname;
  info["fullname"] = account.firstname + " " + account.lastname;
  info["lang"] = account.lang;
  info["userid"] = World::kServiceAccount;
  info["siteurl"] = call.url;
  info["userpictureurl"] = call.url + "/theme/image.php/boost/core/1/u/f1";
  for (std::string_view function : kBridgeFunctions) info["functions"].push_back({{"name", function}, {"version", "2026052000"}});
  return {info.dump(), ""};
}

}  // namespace

std::optional<CoreAnswer> AnswerCore(std::string_view function, const CoreCall& call) {
  if (function == "core_webservice_get_site_info") return SiteInfo(call);
  if (auto answer = AnswerCourses(function, call)) return answer;
  if (auto answer = AnswerPeople(function, call)) return answer;
  if (auto answer = AnswerProgress(function, call)) return answer;
  return AnswerFeedback(function, call);
}

}  // namespace compagnon::moodle_double
