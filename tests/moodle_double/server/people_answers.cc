#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "moodle_double/server/core_answers.h"

namespace compagnon::moodle_double {
namespace {

using Json = nlohmann::ordered_json;

std::string FullName(const User& u) { return u.firstname + " " + u.lastname; }

Json CustomFields(const User& u) {
  Json fields = Json::array();
  auto add = [&fields](std::string_view shortname, std::string_view name, const std::string& value) {
    if (!value.empty())
      fields.push_back(
          {{"type", "text"}, {"value", value}, {"displayvalue", value}, {"name", name}, {"shortname", shortname}});
  };
  add("sexe", "Sexe", u.sex);
  add("datenaissance", "Date de naissance", u.birth);
  add("zone", "Zone", u.area);
  add("operateur", "Opérateur", u.operator_name);
  return fields;
}

// As core_user_get_users_by_field answers. Nothing marks a deleted account.
Json UserRow(const CoreCall& call, const User& u) {
  Json row = {{"id", u.id},
              {"username", u.username},
              {"firstname", u.firstname},
              {"lastname", u.lastname},
              {"fullname", FullName(u)}};
  row["email"] = u.email;
  row["department"] = "";
  if (!u.institution.empty()) row["institution"] = u.institution;
  if (!u.idnumber.empty()) row["idnumber"] = u.idnumber;
  row["firstaccess"] = u.first_access;
  row["lastaccess"] = u.last_access;
  row["auth"] = "manual";
  row["suspended"] = u.suspended;
  row["confirmed"] = true;
  row["lang"] = u.lang;
  row["theme"] = "";
  row["timezone"] = "99";
  row["mailformat"] = 1;
  row["trackforums"] = 0;
  if (!u.city.empty()) row["city"] = u.city;
  if (!u.country.empty()) row["country"] = u.country;
  row["profileimageurlsmall"] = call.url + "/theme/image.php/boost/core/1/u/f2";
  row["profileimageurl"] = call.url + "/theme/image.php/boost/core/1/u/f1";
  const Json custom = CustomFields(u);
  if (!custom.empty()) row["customfields"] = custom;
  return row;
}

CoreAnswer UsersByField(const CoreCall& call) {
  const std::string field = call.form.Text("field");
  if (field != "id" && field != "idnumber" && field != "username" && field != "email")
    return {"", "error-invalid-parameter-type"};
  const auto values = call.form.List("values");
  const std::set<std::string> wanted(values.begin(), values.end());
  Json rows = Json::array();
  for (const User& u : call.world.users()) {
    if (u.created == 0) continue;
    const std::string value = field == "id"         ? std::to_string(u.id)
                              : field == "idnumber" ? u.idnumber
                              : field == "username" ? u.username
                                                    : u.email;
    // Deleted accounts come back only by id.
    if (!wanted.contains(value) || (u.deleted && field != "id")) continue;
    rows.push_back(UserRow(call, u));
  }
  return {rows.dump(), ""};
}

Json GroupBrief(const Group& g) {
  return {{"id", g.id}, {"name", g.name}, {"description", ""}, {"descriptionformat", 0}};
}

CoreAnswer EnrolledUsers(const CoreCall& call) {
  const int64_t course = call.form.Int("courseid", 0);
  if (course < 1 || course > static_cast<int64_t>(call.world.courses().size())) return {"", "error-course-not-found"};
  const auto options = call.form.Options("options");
  auto option = [&options](const char* name, const char* otherwise) {
    const auto found = options.find(name);
    return found == options.end() ? std::string(otherwise) : found->second;
  };
  const std::string sort = option("sortby", "id");
  if (sort != "id" && sort != "firstname" && sort != "lastname" && sort != "siteorder")
    return {"", "error-invalid-parameter-type"};
  std::set<std::string> fields;
  const std::string asked = option("userfields", "");
  for (size_t at = 0; at < asked.size();) {
    size_t end = std::min(asked.find(',', at), asked.size());
    std::string field = asked.substr(at, end - at);
    field.erase(std::remove(field.begin(), field.end(), ' '), field.end());
    fields.insert(field);
    at = end + 1;
  }
  const int64_t group = std::atoll(option("groupid", "0").c_str());
  const bool only_active = option("onlyactive", "0") == "1", only_suspended = option("onlysuspended", "0") == "1";
  std::vector<int> members;
  const auto& all = call.world.participations();
  for (int i = 0; i < static_cast<int>(all.size()); ++i) {
    const Participation& p = all[static_cast<size_t>(i)];
    if (p.course != course || !call.world.IsEnrolled(i) || call.world.user(p.user).deleted) continue;
    if (group != 0 && p.group != group) continue;
    if ((only_active && p.open_enrolments == 0) || (only_suspended && p.open_enrolments > 0)) continue;
    members.push_back(i);
  }
  auto key = [&](int i) -> std::pair<std::string, int64_t> {
    const User& u = call.world.user(all[static_cast<size_t>(i)].user);
    return {sort == "firstname" ? u.firstname : sort == "lastname" ? u.lastname : "", u.id};
  };
  std::sort(members.begin(), members.end(), [&](int a, int b) { return key(a) < key(b); });
  if (option("sortdirection", "ASC") == "DESC") std::reverse(members.begin(), members.end());
  const size_t from = static_cast<size_t>(std::max<long long>(0, std::atoll(option("limitfrom", "0").c_str())));
  size_t count = static_cast<size_t>(std::max<long long>(0, std::atoll(option("limitnumber", "0").c_str())));
  if (count == 0) count = members.size();

  Json rows = Json::array();
  for (size_t n = from; n < members.size() && n < from + count; ++n) {
    const Participation& p = all[static_cast<size_t>(members[n])];
    const User& u = call.world.user(p.user);
    Json row;
    auto add = [&](const char* name, Json value) {
      if (fields.empty() || fields.contains(name) || std::string_view(name) == "id") row[name] = std::move(value);
    };
    add("id", u.id);
    add("username", u.username);
    add("firstname", u.firstname);
    add("lastname", u.lastname);
    add("fullname", FullName(u));
    add("email", u.email);
    add("department", "");
    add("institution", u.institution);
    if (!u.idnumber.empty()) add("idnumber", u.idnumber);
    add("firstaccess", u.first_access);
    add("lastaccess", u.last_access);
    add("lastcourseaccess", u.last_access);
    if (!u.city.empty()) add("city", u.city);
    if (!u.country.empty()) add("country", u.country);
    const Json custom = CustomFields(u);
    if (!custom.empty()) add("customfields", custom);
    Json groups = Json::array();
    if (p.group != 0) groups.push_back(GroupBrief(call.world.groups()[static_cast<size_t>(p.group - 1)]));
    add("groups", groups);
    const Role& role = World::roles()[static_cast<size_t>(p.role - 1)];
    add("roles", Json::array({{{"roleid", role.id}, {"name", ""}, {"shortname", role.shortname}, {"sortorder", 0}}}));
    if (fields.empty()) {
      Json courses = Json::array();
      for (int other : call.world.participations_of(u.id)) {
        if (!call.world.IsEnrolled(other)) continue;
        const Course& c = call.world.course(call.world.participation(other).course);
        courses.push_back({{"id", c.id}, {"fullname", c.fullname}, {"shortname", c.shortname}});
      }
      row["enrolledcourses"] = courses;
    }
    rows.push_back(std::move(row));
  }
  return {rows.dump(), ""};
}

CoreAnswer UsersCourses(const CoreCall& call) {
  const int64_t user = call.form.Int("userid", 0);
  Json rows = Json::array();
  if (user < 1 || user > static_cast<int64_t>(call.world.users().size())) return {rows.dump(), ""};
  for (int index : call.world.participations_of(user)) {
    if (!call.world.IsOpen(index)) continue;
    const Participation& p = call.world.participation(index);
    const Course& c = call.world.course(p.course);
    int done = 0, all = 0;
    for (int i = 0; i < c.modules; ++i) {
      if (call.world.module(c.first_module + i).tracking == 0) continue;
      ++all;
      const int64_t id = static_cast<size_t>(i) < p.completions.size() ? p.completions[static_cast<size_t>(i)] : 0;
      if (id == 0) continue;
      const int state = call.world.completions()[static_cast<size_t>(id - 1)].state;
      done += state == 1 || state == 2 ? 1 : 0;
    }
    rows.push_back({{"id", c.id},
                    {"shortname", c.shortname},
                    {"fullname", c.fullname},
                    {"displayname", c.fullname},
                    {"idnumber", c.idnumber},
                    {"visible", 1},
                    {"summary", ""},
                    {"summaryformat", 1},
                    {"format", "topics"},
                    {"showgrades", true},
                    {"lang", ""},
                    {"enablecompletion", true},
                    {"completionhascriteria", true},
                    {"completionusertracked", true},
                    {"category", c.category},
                    {"progress", all == 0 ? 0 : 100 * done / all},
                    {"completed", p.completed != 0},
                    {"startdate", c.start},
                    {"enddate", c.end},
                    {"lastaccess", call.world.user(user).last_access},
                    {"timemodified", c.modified}});
  }
  return {rows.dump(), ""};
}

CoreAnswer Groups(std::string_view function, const CoreCall& call) {
  const World& world = call.world;
  if (function == "core_group_get_course_groups") {
    const int64_t course = call.form.Int("courseid", 0);
    if (course < 1 || course > static_cast<int64_t>(world.courses().size())) return {"", "error-course-not-found"};
    Json rows = Json::array();
    for (const Group& g : world.groups()) {
      if (g.course != course) continue;
      rows.push_back({{"id", g.id},
                      {"courseid", g.course},
                      {"name", g.name},
                      {"description", ""},
                      {"descriptionformat", 0},
                      {"enrolmentkey", nullptr},
                      {"idnumber", g.idnumber},
                      {"visibility", 0},
                      {"participation", true}});
    }
    return {rows.dump(), ""};
  }
  if (function == "core_group_get_group_members") {
    Json rows = Json::array();
    for (const std::string& id : call.form.List("groupids")) {
      Json users = Json::array();
      for (const GroupMember& m : world.group_members()) {
        if (!m.removed && std::to_string(m.group) == id) users.push_back(m.user);
      }
      rows.push_back({{"groupid", std::atoll(id.c_str())}, {"userids", users}});
    }
    return {rows.dump(), ""};
  }
  const int64_t course = call.form.Int("courseid", 0), user = call.form.Int("userid", 0);
  Json groups = Json::array();
  for (const GroupMember& m : world.group_members()) {
    if (m.removed || m.user != user || (course != 0 && m.course != course)) continue;
    const Group& g = world.groups()[static_cast<size_t>(m.group - 1)];
    Json row = GroupBrief(g);
    row["idnumber"] = g.idnumber;
    row["courseid"] = g.course;
    groups.push_back(std::move(row));
  }
  return {Json{{"groups", groups}, {"warnings", Json::array()}}.dump(), ""};
}

Json CohortRow(const Cohort& c) {
  return {{"id", c.id},
          {"name", c.name},
          {"idnumber", c.idnumber},
          {"description", ""},
          {"descriptionformat", 1},
          {"visible", true},
          {"theme", ""},
          {"customfields", Json::array()}};
}

CoreAnswer Cohorts(std::string_view function, const CoreCall& call) {
  Json rows = Json::array();
  if (function == "core_cohort_get_cohort_members") {
    for (const std::string& id : call.form.List("cohortids")) {
      Json users = Json::array();
      for (const CohortMember& m : call.world.cohort_members()) {
        if (!m.removed && std::to_string(m.cohort) == id) users.push_back(m.user);
      }
      rows.push_back({{"cohortid", std::atoll(id.c_str())}, {"userids", users}});
    }
    return {rows.dump(), ""};
  }
  if (function == "core_cohort_search_cohorts") {
    const std::string query = call.form.Text("query");
    for (const Cohort& c : call.world.cohorts()) {
      if (c.name.find(query) != std::string::npos || c.idnumber.find(query) != std::string::npos)
        rows.push_back(CohortRow(c));
    }
    return {Json{{"cohorts", rows}}.dump(), ""};
  }
  const auto ids = call.form.List("cohortids");
  for (const Cohort& c : call.world.cohorts()) {
    if (ids.empty() || std::find(ids.begin(), ids.end(), std::to_string(c.id)) != ids.end())
      rows.push_back(CohortRow(c));
  }
  return {rows.dump(), ""};
}

}  // namespace

std::optional<CoreAnswer> AnswerPeople(std::string_view function, const CoreCall& call) {
  if (function == "core_user_get_users_by_field") return UsersByField(call);
  if (function == "core_enrol_get_enrolled_users") return EnrolledUsers(call);
  if (function == "core_enrol_get_users_courses") return UsersCourses(call);
  if (function == "core_group_get_course_groups" || function == "core_group_get_group_members" ||
      function == "core_group_get_course_user_groups") {
    return Groups(function, call);
  }
  if (function == "core_cohort_get_cohorts" || function == "core_cohort_get_cohort_members" ||
      function == "core_cohort_search_cohorts") {
    return Cohorts(function, call);
  }
  return std::nullopt;
}

}  // namespace compagnon::moodle_double
