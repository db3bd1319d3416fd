#include <nlohmann/json.hpp>

#include "moodle_double/server/core_answers.h"
#include "moodle_double/simulation/concat.h"

namespace compagnon::moodle_double {
namespace {

using Json = nlohmann::ordered_json;

bool KnowsCourse(const CoreCall& call, int64_t id) {
  return id >= 1 && id <= static_cast<int64_t>(call.world.courses().size());
}

// Recorded: activity completion of somebody not enrolled is an empty list, course completion an error.
CoreAnswer Activities(const CoreCall& call) {
  const int64_t course = call.form.Int("courseid", 0), user = call.form.Int("userid", 0);
  if (!KnowsCourse(call, course)) return {"", "error-course-not-found"};
  Json statuses = Json::array();
  const int index = call.world.FindParticipation(user, course);
  if (index >= 0 && call.world.IsEnrolled(index)) {
    const Participation& p = call.world.participation(index);
    const Course& c = call.world.course(course);
    for (int i = 0; i < c.modules; ++i) {
      const Module& m = call.world.module(c.first_module + i);
      if (m.tracking == 0) continue;
      const int64_t id = static_cast<size_t>(i) < p.completions.size() ? p.completions[static_cast<size_t>(i)] : 0;
      const Completion* row = id == 0 ? nullptr : &call.world.completions()[static_cast<size_t>(id - 1)];
      const int state = row == nullptr ? 0 : row->state;
      statuses.push_back({{"cmid", m.id},
                          {"modname", ModuleName(m.kind)},
                          {"instance", m.instance},
                          {"state", state},
                          {"timecompleted", row == nullptr ? 0 : row->modified},
                          {"tracking", m.tracking},
                          {"overrideby", nullptr},
                          {"valueused", false},
                          {"hascompletion", true},
                          {"isautomatic", m.tracking == 2},
                          {"istrackeduser", true},
                          {"uservisible", true},
                          {"details", Json::array()},
                          {"isoverallcomplete", state == 1 || state == 2}});
    }
  }
  return {Json{{"statuses", statuses}, {"warnings", Json::array()}}.dump(), ""};
}

CoreAnswer CourseStatus(const CoreCall& call) {
  const int64_t course = call.form.Int("courseid", 0), user = call.form.Int("userid", 0);
  if (!KnowsCourse(call, course)) return {"", "error-course-not-found"};
  if (course == 1) return {"", "error-course-completion-no-criteria"};
  const int index = call.world.FindParticipation(user, course);
  if (index < 0 || !call.world.IsEnrolled(index)) return {"", "error-course-completion-not-enrolled"};
  const Participation& p = call.world.participation(index);
  const Course& c = call.world.course(course);
  Json completions = Json::array();
  for (int i = 0; i < c.modules; ++i) {
    const Module& m = call.world.module(c.first_module + i);
    if (!m.criterion) continue;
    const int64_t id = static_cast<size_t>(i) < p.completions.size() ? p.completions[static_cast<size_t>(i)] : 0;
    const Completion* row = id == 0 ? nullptr : &call.world.completions()[static_cast<size_t>(id - 1)];
    const bool complete = row != nullptr && (row->state == 1 || row->state == 2);
    Json entry = {
        {"type", 4}, {"title", "Achèvement d'activité"}, {"status", complete ? "Oui" : "Non"}, {"complete", complete}};
    if (complete) {
      entry["timecompleted"] = row->modified;
    } else {
      entry["timecompleted"] = nullptr;
    }
    entry["details"] = {{"type", "Achèvement d'activité"},
                        {"criteria", Concat("<a href=\"", call.url, "/mod/", ModuleName(m.kind), "/view.php?id=", m.id,
                                            "\">", m.name, "</a>")},
                        {"requirement", ""},
                        {"status", ""}};
    completions.push_back(std::move(entry));
  }
  const Json status = {{"completed", p.completed != 0}, {"aggregation", 1}, {"completions", completions}};
  return {Json{{"completionstatus", status}, {"warnings", Json::array()}}.dump(), ""};
}

Json GradeItemRow(const CoreCall& call, const GradeItem& item, const Grade* grade) {
  Json row = {{"id", item.id}, {"itemname", item.name}, {"itemtype", item.type}};
  if (item.type == "course") {
    row["itemname"] = nullptr;
    row["itemmodule"] = nullptr;
  } else {
    row["itemmodule"] = item.module;
  }
  row["iteminstance"] = item.instance;
  row["itemnumber"] = 0;
  row["idnumber"] = "";
  row["categoryid"] = item.course;
  row["outcomeid"] = nullptr;
  row["scaleid"] = nullptr;
  row["locked"] = false;
  if (item.cmid != 0) row["cmid"] = item.cmid;
  if (grade == nullptr) {
    row["status"] = "novalue";
    row["graderaw"] = nullptr;
    row["gradedatesubmitted"] = nullptr;
    row["gradedategraded"] = nullptr;
  } else {
    row["graderaw"] = static_cast<double>(grade->final_grade) / 1000;
    row["gradedatesubmitted"] = nullptr;
    row["gradedategraded"] = grade->modified;
  }
  row["gradehiddenbydate"] = false;
  row["gradeneedsupdate"] = false;
  row["gradeishidden"] = false;
  row["gradeislocked"] = false;
  row["gradeisoverridden"] = false;
  row["gradeformatted"] = grade == nullptr ? "-" : Concat(grade->final_grade / 1000);
  row["grademin"] = 0;
  row["grademax"] = item.max / 1000;
  row["rangeformatted"] = Concat("0&ndash;", item.max / 1000);
  row["percentageformatted"] = grade == nullptr ? "-" : Concat(grade->final_grade * 100 / item.max, ".00 %");
  row["feedback"] = "";
  row["feedbackformat"] = 0;
  return row;
}

CoreAnswer GradeItems(const CoreCall& call) {
  const int64_t course = call.form.Int("courseid", 0), user = call.form.Int("userid", 0);
  if (!KnowsCourse(call, course)) return {"", "error-course-not-found"};
  const Course& c = call.world.course(course);
  Json users = Json::array();
  const auto& all = call.world.participations();
  for (int i = 0; i < static_cast<int>(all.size()); ++i) {
    const Participation& p = all[static_cast<size_t>(i)];
    if (p.course != course || p.role != 5 || (user != 0 && p.user != user) || !call.world.IsEnrolled(i)) continue;
    Json items = Json::array();
    for (int slot = 0; slot <= c.modules; ++slot) {
      const int64_t item = slot == c.modules ? c.total_item : call.world.module(c.first_module + slot).item;
      if (item == 0) continue;
      const int64_t id = static_cast<size_t>(slot) < p.grades.size() ? p.grades[static_cast<size_t>(slot)] : 0;
      items.push_back(GradeItemRow(call, call.world.grade_item(item),
                                   id == 0 ? nullptr : &call.world.grades()[static_cast<size_t>(id - 1)]));
    }
    const User& u = call.world.user(p.user);
    users.push_back({{"courseid", course},
                     {"courseidnumber", c.idnumber},
                     {"userid", u.id},
                     {"userfullname", u.firstname + " " + u.lastname},
                     {"useridnumber", u.idnumber},
                     {"maxdepth", 2},
                     {"gradeitems", items}});
  }
  return {Json{{"usergrades", users}, {"warnings", Json::array()}}.dump(), ""};
}

}  // namespace

std::optional<CoreAnswer> AnswerProgress(std::string_view function, const CoreCall& call) {
  if (function == "core_completion_get_activities_completion_status") return Activities(call);
  if (function == "core_completion_get_course_completion_status") return CourseStatus(call);
  if (function == "gradereport_user_get_grade_items") return GradeItems(call);
  return std::nullopt;
}

}  // namespace compagnon::moodle_double
