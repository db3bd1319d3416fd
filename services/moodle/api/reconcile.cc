#include "moodle/api/reconcile.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "moodle/domain/ws_fault.h"
#include "moodle/intake/core_answer.h"

namespace compagnon::moodle {
namespace {

using nlohmann::json;

constexpr int kUsersAPage = 500;
constexpr int64_t kGuardPercent = 5;
constexpr int64_t kGuardObjects = 20;

class SiteReconciliation {
 public:
  SiteReconciliation(WsClient& client, store::Database& database, Directory& directory, const std::string& site,
                     const std::set<std::string>& person_fields, const Clock& clock, const std::function<bool()>& alive)
      : client_(client),
        database_(database),
        directory_(directory),
        site_(site),
        person_fields_(person_fields),
        alive_(alive),
        pass_(absl::ToUnixSeconds(clock.Now())) {}

  absl::StatusOr<Reconciliation> Run() {
    ASSIGN_OR_RETURN(const json info, Ask("core_webservice_get_site_info", json::object(), json::value_t::object));
    for (const json& function : ListOf(info, "functions")) {
      if (TextOf(function, "name") == "local_compagnon_pull_events") result_.with_plugin = true;
    }
    if (!result_.with_plugin) RETURN_IF_ERROR(Categories());
    RETURN_IF_ERROR(Courses());
    for (const auto& [course, start] : courses_) RETURN_IF_ERROR(People(course));
    if (!result_.with_plugin) {
      RETURN_IF_ERROR(Cohorts());
      for (std::string_view kind :
           {"courses", "role_assignments", "groups", "group_members", "cohorts", "cohort_members"}) {
        if (skipped_.contains(kind)) continue;
        RETURN_IF_ERROR(database_.Write(
            [&](store::Session& session) { return directory_.SweepPass(session, site_, kind, pass_); }));
      }
    }
    RETURN_IF_ERROR(Enrolments());
    return result_;
  }

 private:
  absl::StatusOr<json> Ask(std::string_view function, const json& params, json::value_t type) {
    if (!alive_()) return absl::CancelledError("stopped");
    ASSIGN_OR_RETURN(const std::string body, client_.Read(function, params));
    json answer = json::parse(body, nullptr, false);
    if (answer.is_discarded() || answer.type() != type)
      return FaultStatus({FaultCategory::kOperator, "protocol", {}}, function);
    return answer;
  }

  absl::Status Tell(std::string_view kind, const std::vector<std::string>& rows) {
    if (result_.with_plugin) return absl::OkStatus();
    // Core functions tell no sequence: as_of 0 holds against objects that no event of the bridge has touched, which is
    // all of them here.
    return database_.Write(
        [&](store::Session& session) { return directory_.ApplyExportPage(session, site_, kind, pass_, 0, rows); });
  }

  // A function this account may not call leaves its kind as it was; everything else goes on.
  bool Skippable(const absl::Status& status) const {
    const FaultCategory category = FaultOf(status).category;
    return !status.ok() && !absl::IsCancelled(status) && category != FaultCategory::kRetry;
  }

  absl::Status Categories() {
    auto answer = Ask("core_course_get_categories", json::object(), json::value_t::array);
    if (Skippable(answer.status())) return absl::OkStatus();
    RETURN_IF_ERROR(answer.status());
    std::vector<std::string> rows;
    for (const json& category : *answer) {
      if (!category.is_object()) continue;
      rows.push_back(
          json{{"id", IdOf(category, "id")}, {"name", TextOf(category, "name")}, {"parent", IdOf(category, "parent")}}
              .dump(-1, ' ', false, json::error_handler_t::replace));
    }
    return Tell("categories", rows);
  }

  absl::Status Courses() {
    ASSIGN_OR_RETURN(const json answer, Ask("core_course_get_courses", json::object(), json::value_t::array));
    std::vector<std::string> rows;
    for (const json& course : answer) {
      if (!course.is_object()) continue;
      const int64_t id = IdOf(course, "id");
      if (id <= 1) continue;
      courses_[id] = IdOf(course, "startdate");
      json state = {{"id", id},
                    {"shortname", TextOf(course, "shortname")},
                    {"fullname", TextOf(course, "fullname")},
                    {"category", IdOf(course, "categoryid")},
                    {"startdate", IdOf(course, "startdate")},
                    {"enddate", IdOf(course, "enddate")}};
      if (course.contains("visible")) state["visible"] = IdOf(course, "visible");
      for (const json& field : ListOf(course, "customfields")) {
        if (!field.is_object() || TextOf(field, "shortname").empty()) continue;
        if (!field.contains("valueraw") && !field.contains("value")) continue;
        const json& value = field.contains("valueraw") ? field["valueraw"] : field["value"];
        if (value.is_string() || value.is_number()) state["customfields"][TextOf(field, "shortname")] = value;
      }
      rows.push_back(state.dump(-1, ' ', false, json::error_handler_t::replace));
    }
    result_.courses = static_cast<int64_t>(courses_.size());
    return Tell("courses", rows);
  }

  json Options(int from, bool active_only) const {
    std::string fields = "id,firstname,lastname,roles,groups";
    bool custom = false;
    for (const std::string& field : person_fields_) {
      if (field.starts_with("user:")) fields += "," + field.substr(5);
      custom = custom || field.starts_with("profile:");
    }
    if (custom) fields += ",customfields";
    // Asked without userfields the answer lists every course of every user.
    json options = json::array({{{"name", "userfields"}, {"value", active_only ? "id" : fields}},
                                {{"name", "sortby"}, {"value", "id"}},
                                {{"name", "limitfrom"}, {"value", std::to_string(from)}},
                                {{"name", "limitnumber"}, {"value", std::to_string(kUsersAPage)}}});
    if (active_only) options.push_back({{"name", "onlyactive"}, {"value", "1"}});
    return options;
  }

  absl::Status People(int64_t course) {
    std::set<int64_t> enrolled, active;
    for (int from = 0;; from += kUsersAPage) {
      auto answer = Ask("core_enrol_get_enrolled_users", {{"courseid", course}, {"options", Options(from, false)}},
                        json::value_t::array);
      if (Skippable(answer.status())) {
        // Nothing is known about this course tonight: neither its people nor that it has none.
        skipped_.insert({"role_assignments", "group_members", "groups"});
        return absl::OkStatus();
      }
      RETURN_IF_ERROR(answer.status());
      RETURN_IF_ERROR(TellPeople(course, *answer, enrolled));
      if (answer->size() < kUsersAPage) break;
    }
    for (int from = 0;; from += kUsersAPage) {
      auto answer = Ask("core_enrol_get_enrolled_users", {{"courseid", course}, {"options", Options(from, true)}},
                        json::value_t::array);
      if (Skippable(answer.status())) {
        // Without the right to see who is suspended, everybody enrolled counts as active.
        active = enrolled;
        break;
      }
      RETURN_IF_ERROR(answer.status());
      for (const json& user : *answer) {
        if (user.is_object()) active.insert(IdOf(user, "id"));
      }
      if (answer->size() < kUsersAPage) break;
    }
    active.erase(0);
    active_[course] = std::move(active);
    return absl::OkStatus();
  }

  absl::Status TellPeople(int64_t course, const json& answer, std::set<int64_t>& enrolled) {
    std::vector<std::string> users, roles, assignments, groups, members;
    std::set<int64_t> roles_met, groups_met;
    const auto dump = [](const json& object) { return object.dump(-1, ' ', false, json::error_handler_t::replace); };
    for (const json& user : answer) {
      if (!user.is_object()) continue;
      const int64_t id = IdOf(user, "id");
      if (id <= 0) continue;
      enrolled.insert(id);
      json state = {{"id", id}};
      for (const auto& [key, value] : user.items()) {
        if (value.is_string() && key != "fullname" && key != "email" && key != "username") state[key] = value;
      }
      for (const json& field : ListOf(user, "customfields")) {
        if (field.is_object() && !TextOf(field, "shortname").empty() && field.contains("value"))
          state["profile"][TextOf(field, "shortname")] = field["value"];
      }
      users.push_back(dump(state));
      for (const json& role : ListOf(user, "roles")) {
        const int64_t role_id = IdOf(role, "roleid");
        if (role_id <= 0) continue;
        if (roles_met.insert(role_id).second)
          roles.push_back(dump({{"id", role_id}, {"shortname", TextOf(role, "shortname")}}));
        assignments.push_back(
            dump({{"id", 1}, {"roleid", role_id}, {"contextlevel", 50}, {"courseid", course}, {"userid", id}}));
      }
      for (const json& group : ListOf(user, "groups")) {
        const int64_t group_id = IdOf(group, "id");
        if (group_id <= 0) continue;
        if (groups_met.insert(group_id).second) {
          groups.push_back(dump({{"id", group_id},
                                 {"courseid", course},
                                 {"name", TextOf(group, "name")},
                                 {"idnumber", TextOf(group, "idnumber")}}));
        }
        members.push_back(dump({{"id", 1}, {"groupid", group_id}, {"courseid", course}, {"userid", id}}));
      }
    }
    RETURN_IF_ERROR(Tell("users", users));
    RETURN_IF_ERROR(Tell("roles", roles));
    RETURN_IF_ERROR(Tell("groups", groups));
    RETURN_IF_ERROR(Tell("role_assignments", assignments));
    return Tell("group_members", members);
  }

  absl::Status Cohorts() {
    auto answer = Ask("core_cohort_get_cohorts", json::object(), json::value_t::array);
    if (Skippable(answer.status())) {
      skipped_.insert({"cohorts", "cohort_members"});
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(answer.status());
    std::vector<std::string> rows;
    json ids = json::array();
    for (const json& cohort : *answer) {
      if (!cohort.is_object() || IdOf(cohort, "id") <= 0) continue;
      ids.push_back(IdOf(cohort, "id"));
      rows.push_back(
          json{{"id", IdOf(cohort, "id")}, {"name", TextOf(cohort, "name")}, {"idnumber", TextOf(cohort, "idnumber")}}
              .dump(-1, ' ', false, json::error_handler_t::replace));
    }
    RETURN_IF_ERROR(Tell("cohorts", rows));
    for (size_t from = 0; from < ids.size(); from += 20) {
      json some = json::array();
      for (size_t i = from; i < std::min(ids.size(), from + 20); ++i) some.push_back(ids[i]);
      auto members = Ask("core_cohort_get_cohort_members", {{"cohortids", some}}, json::value_t::array);
      if (Skippable(members.status())) {
        skipped_.insert("cohort_members");
        return absl::OkStatus();
      }
      RETURN_IF_ERROR(members.status());
      std::vector<std::string> member_rows;
      for (const json& cohort : *members) {
        for (const json& user : ListOf(cohort, "userids")) {
          if (user.is_number_integer())
            member_rows.push_back(json{{"id", 1}, {"cohortid", IdOf(cohort, "cohortid")}, {"userid", user}}.dump());
        }
      }
      RETURN_IF_ERROR(Tell("cohort_members", member_rows));
    }
    return absl::OkStatus();
  }

  absl::Status Enrolments() {
    // Counted over the whole site before anything is closed: one course that ends is normal, half a site that vanishes
    // is not.
    int64_t open = 0;
    for (const auto& [course, active] : active_) {
      if (!alive_()) return absl::CancelledError("stopped");
      RETURN_IF_ERROR(database_.Write([&, course = course, &active = active](store::Session& session) -> absl::Status {
        ASSIGN_OR_RETURN(const EnrolmentDifferences differences,
                         directory_.ReconcileEnrolments(session, site_, course, active, false));
        counted_[course] = differences;
        return absl::OkStatus();
      }));
      open += counted_[course].open;
      result_.missing += counted_[course].missing;
      result_.stale += counted_[course].stale;
    }
    if (result_.with_plugin) return absl::OkStatus();
    if (result_.stale > kGuardObjects && result_.stale * 100 > open * kGuardPercent) {
      return WithReason(absl::FailedPreconditionError(
                            fmt::format("the reconciliation would close {} of {} enrolments", result_.stale, open)),
                        "mass_delete_guard");
    }
    for (const auto& [course, active] : active_) {
      if (counted_[course].missing == 0 && counted_[course].stale == 0) continue;
      RETURN_IF_ERROR(database_.Write([&, course = course, &active = active](store::Session& session) {
        return directory_.ReconcileEnrolments(session, site_, course, active, true).status();
      }));
    }
    return absl::OkStatus();
  }

  WsClient& client_;
  store::Database& database_;
  Directory& directory_;
  const std::string& site_;
  const std::set<std::string>& person_fields_;
  const std::function<bool()>& alive_;
  const int64_t pass_;
  Reconciliation result_;
  std::map<int64_t, int64_t> courses_;
  std::map<int64_t, std::set<int64_t>> active_;
  std::map<int64_t, EnrolmentDifferences> counted_;
  std::set<std::string, std::less<>> skipped_;
};

}  // namespace

absl::StatusOr<Reconciliation> ReconcileSite(WsClient& client, store::Database& database, Directory& directory,
                                             const std::string& site, const std::set<std::string>& person_fields,
                                             const Clock& clock, const std::function<bool()>& alive) {
  // What the readers of intake/core_answer.h do not foresee ends this night of this site, not the process.
  try {
    return SiteReconciliation(client, database, directory, site, person_fields, clock, alive).Run();
  } catch (const json::exception&) {
    return FaultStatus({FaultCategory::kOperator, "protocol", {}}, "an answer of a core function");
  }
}

}  // namespace compagnon::moodle
