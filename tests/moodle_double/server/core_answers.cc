#include "moodle_double/server/core_answers.h"

#include <map>
#include <nlohmann/json.hpp>
#include <vector>

namespace compagnon::moodle_double {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kBridgeFunctions[] = {"local_compagnon_pull_events", "local_compagnon_ack",
                                                 "local_compagnon_export", "local_compagnon_status"};

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
  for (std::string_view function : kBridgeFunctions)
    info["functions"].push_back({{"name", function}, {"version", "2026052000"}});
  return {info.dump(), ""};
}

}  // namespace

bool DeclaresAll(std::string_view function, const Form& form) {
  // As Moodle 4.5 declares them; lists and options by the name before their first bracket.
  static const std::map<std::string_view, std::vector<std::string_view>> kDeclared = {
      {"core_webservice_get_site_info", {"serviceshortnames"}},
      {"core_course_get_courses", {"options"}},
      {"core_course_get_courses_by_field", {"field", "value"}},
      {"core_course_get_categories", {"criteria", "addsubcategories"}},
      {"core_course_get_contents", {"courseid", "options"}},
      {"core_enrol_get_enrolled_users", {"courseid", "options"}},
      {"core_enrol_get_users_courses", {"userid", "returnusercount"}},
      {"core_user_get_users_by_field", {"field", "values"}},
      {"core_group_get_course_groups", {"courseid"}},
      {"core_group_get_group_members", {"groupids"}},
      {"core_group_get_course_user_groups", {"courseid", "userid", "groupingid"}},
      {"core_cohort_get_cohorts", {"cohortids"}},
      {"core_cohort_get_cohort_members", {"cohortids"}},
      {"core_cohort_search_cohorts", {"query", "context", "includes", "limitfrom", "limitnum"}},
      {"core_completion_get_activities_completion_status", {"courseid", "userid"}},
      {"core_completion_get_course_completion_status", {"courseid", "userid"}},
      {"gradereport_user_get_grade_items", {"courseid", "userid", "groupid"}},
      {"mod_feedback_get_feedbacks_by_courses", {"courseids"}},
      {"mod_feedback_get_items", {"feedbackid", "courseid"}},
      {"mod_feedback_get_analysis", {"feedbackid", "groupid", "courseid"}},
      {"mod_feedback_get_responses_analysis", {"feedbackid", "groupid", "page", "perpage", "courseid"}},
      {"mod_feedback_get_non_respondents", {"feedbackid", "groupid", "sort", "page", "perpage", "courseid"}},
      {"local_compagnon_pull_events", {"subscriber", "epoch", "after", "limit", "maxbytes"}},
      {"local_compagnon_ack", {"subscriber", "epoch", "upto"}},
      {"local_compagnon_export", {"kind", "after_id", "limit", "hashes", "courseid"}},
      {"local_compagnon_status", {}},
      {"local_compagnon_apply", {"step", "precondition"}},
  };
  const auto found = kDeclared.find(function);
  if (found == kDeclared.end()) return true;
  for (const auto& [name, value] : form.fields()) {
    if (name == "wstoken" || name == "wsfunction" || name == "moodlewsrestformat") continue;
    const std::string_view base = std::string_view(name).substr(0, name.find('['));
    bool known = false;
    for (std::string_view declared : found->second) known |= declared == base;
    if (!known) return false;
  }
  return true;
}

std::optional<CoreAnswer> AnswerCore(std::string_view function, const CoreCall& call) {
  if (function == "core_webservice_get_site_info") return SiteInfo(call);
  if (auto answer = AnswerCourses(function, call)) return answer;
  if (auto answer = AnswerPeople(function, call)) return answer;
  if (auto answer = AnswerProgress(function, call)) return answer;
  return AnswerFeedback(function, call);
}

}  // namespace compagnon::moodle_double
