#include <algorithm>
#include <nlohmann/json.hpp>

#include "moodle_double/server/core_answers.h"
#include "moodle_double/simulation/concat.h"

namespace compagnon::moodle_double {
namespace {

using Json = nlohmann::ordered_json;

const Course* CourseById(const World& world, int64_t id) {
  return id >= 1 && id <= static_cast<int64_t>(world.courses().size()) ? &world.course(id) : nullptr;
}

Json CourseRow(const World& world, const Course& c) {
  Json row = {{"id", c.id},
              {"shortname", c.shortname},
              {"categoryid", c.category},
              {"fullname", c.fullname},
              {"displayname", c.fullname}};
  row["summary"] = "";
  row["summaryformat"] = c.id == 1 ? 0 : 1;
  row["format"] = c.id == 1 ? "site" : "topics";
  row["startdate"] = c.start;
  row["enddate"] = c.end;
  int sections = 1;
  for (int i = 0; i < c.modules; ++i) sections = std::max(sections, world.module(c.first_module + i).section);
  row["numsections"] = sections;
  row["showactivitydates"] = false;
  if (c.id == 1) {
    row["showcompletionconditions"] = nullptr;
  } else {
    row["showcompletionconditions"] = true;
  }
  return row;
}

Json FullCourseRow(const CoreCall& call, const Course& c) {
  const Category* category = c.category == 0 ? nullptr : &call.world.categories()[static_cast<size_t>(c.category - 1)];
  Json row = {{"id", c.id}, {"fullname", c.fullname}, {"displayname", c.fullname}, {"shortname", c.shortname}};
  row["courseimage"] = call.url + "/pluginfile.php/" + std::to_string(c.context) + "/course/generated/course.svg";
  row["categoryid"] = c.category;
  row["categoryname"] = category == nullptr ? "" : category->name;
  row["sortorder"] = c.id * 10'000 + 1;
  row["summary"] = "";
  row["summaryformat"] = 1;
  row["summaryfiles"] = Json::array();
  row["overviewfiles"] = Json::array();
  row["showactivitydates"] = false;
  row["showcompletionconditions"] = true;
  row["contacts"] = Json::array();
  row["enrollmentmethods"] = {"manual"};
  row["customfields"] = {{{"name", "Programme"},
                          {"shortname", "programme"},
                          {"type", "text"},
                          {"valueraw", c.programme},
                          {"value", c.programme}}};
  row["format"] = "topics";
  row["showgrades"] = 1;
  row["startdate"] = c.start;
  row["enddate"] = c.end;
  row["visible"] = 1;
  row["enablecompletion"] = 1;
  row["lang"] = "";
  return row;
}

CoreAnswer CoursesByField(const CoreCall& call) {
  const std::string field = call.form.Text("field"), value = call.form.Text("value");
  std::vector<int64_t> ids;
  if (field == "ids") {
    for (size_t at = 0; at < value.size();) {
      const size_t end = std::min(value.find(',', at), value.size());
      ids.push_back(std::atoll(value.substr(at, end - at).c_str()));
      at = end + 1;
    }
  }
  Json rows = Json::array();
  for (const Course& c : call.world.courses()) {
    const bool fits = field.empty() || (field == "id" && std::to_string(c.id) == value) ||
                      (field == "shortname" && c.shortname == value) || (field == "idnumber" && c.idnumber == value) ||
                      (field == "category" && std::to_string(c.category) == value) ||
                      (field == "ids" && std::find(ids.begin(), ids.end(), c.id) != ids.end());
    if (fits) rows.push_back(FullCourseRow(call, c));
  }
  return {Json{{"courses", rows}, {"warnings", Json::array()}}.dump(), ""};
}

CoreAnswer Categories(const CoreCall& call) {
  const auto criteria = call.form.Options("criteria", "key");
  // Needs moodle/category:manage, which a reader's account has not.
  if (criteria.contains("idnumber")) {
    return {
        R"({"exception":"core\\exception\\moodle_exception","errorcode":"criteriaerror","message":"Invalid criteria"})",
        ""};
  }
  Json rows = Json::array();
  for (const Category& c : call.world.categories()) {
    bool fits = true;
    for (const auto& [key, value] : criteria) {
      fits &= (key == "id" && std::to_string(c.id) == value) ||
              (key == "parent" && std::to_string(c.parent) == value) || (key == "name" && c.name == value) ||
              key == "ids";
    }
    if (!fits) continue;
    const auto count = std::count_if(call.world.courses().begin(), call.world.courses().end(),
                                     [&c](const Course& k) { return k.category == c.id; });
    rows.push_back({{"id", c.id},
                    {"name", c.name},
                    {"description", ""},
                    {"descriptionformat", 0},
                    {"parent", c.parent},
                    {"sortorder", c.order * 10'000},
                    {"coursecount", count},
                    {"depth", c.depth},
                    {"path", c.path}});
  }
  return {rows.dump(), ""};
}

CoreAnswer Contents(const CoreCall& call) {
  const Course* course = CourseById(call.world, call.form.Int("courseid", 0));
  if (course == nullptr) return {"", "error-course-not-found"};
  Json sections = Json::array();
  for (int i = 0; i < course->modules; ++i) {
    const Module& m = call.world.module(course->first_module + i);
    while (static_cast<int>(sections.size()) <= m.section) {
      const int number = static_cast<int>(sections.size());
      sections.push_back({{"id", course->id * 100 + number},
                          {"name", number == 0 ? "Généralités" : Concat("Séance ", number)},
                          {"visible", 1},
                          {"summary", ""},
                          {"summaryformat", 1},
                          {"section", number},
                          {"hiddenbynumsections", 0},
                          {"uservisible", true},
                          {"modules", Json::array()}});
    }
    Json row = {{"id", m.id}, {"name", m.name}, {"instance", m.instance}, {"contextid", m.context}};
    row["url"] = Concat(call.url, "/mod/", ModuleName(m.kind), "/view.php?id=", m.id);
    row["visible"] = 1;
    row["uservisible"] = true;
    row["visibleoncoursepage"] = 1;
    row["modname"] = ModuleName(m.kind);
    row["modplural"] = ModuleName(m.kind);
    row["availability"] = nullptr;
    row["indent"] = 0;
    row["completion"] = m.tracking;
    row["dates"] = Json::array();
    sections[static_cast<size_t>(m.section)]["modules"].push_back(std::move(row));
  }
  return {sections.dump(), ""};
}

}  // namespace

std::optional<CoreAnswer> AnswerCourses(std::string_view function, const CoreCall& call) {
  if (function == "core_course_get_courses") {
    const auto ids = call.form.List("options[ids]");
    Json rows = Json::array();
    for (const Course& c : call.world.courses()) {
      if (ids.empty() || std::find(ids.begin(), ids.end(), std::to_string(c.id)) != ids.end())
        rows.push_back(CourseRow(call.world, c));
    }
    return CoreAnswer{rows.dump(), ""};
  }
  if (function == "core_course_get_courses_by_field") return CoursesByField(call);
  if (function == "core_course_get_categories") return Categories(call);
  if (function == "core_course_get_contents") return Contents(call);
  return std::nullopt;
}

}  // namespace compagnon::moodle_double
