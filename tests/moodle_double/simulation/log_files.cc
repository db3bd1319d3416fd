#include "moodle_double/simulation/log_files.h"

#include <cstdio>
#include <utility>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "moodle_double/simulation/concat.h"
#include "moodle_double/simulation/json_text.h"
#include "platform/base/status.h"

namespace compagnon::moodle_double {
namespace {

std::string Day(int64_t second, const absl::TimeZone& zone) {
  if (second == 0) return "";
  const absl::CivilDay day = absl::ToCivilDay(absl::FromUnixSeconds(second), zone);
  char text[16];
  std::snprintf(text, sizeof text, "%04d-%02d-%02d", static_cast<int>(day.year()), day.month(), day.day());
  return text;
}

// The values dimensions.toml gives them, so that a site filled from files and one read over the bridge give the same
// figures.
std::string_view Mapped(std::string_view written) {
  static constexpr std::pair<std::string_view, std::string_view> kValues[] = {
      {"Femme", "F"}, {"Homme", "M"}, {"Autre", "other"}, {"urbain", "urban"}, {"périurbain", "periurban"}};
  for (const auto& [from, to] : kValues) {
    if (from == written) return to;
  }
  return written;
}

std::string People(const World& world) {
  std::string out = "id,sex,birth_date,country,area,operator\n";
  for (const User& user : world.users()) {
    if (user.id <= World::kServiceAccount || user.created == 0) continue;
    out += Concat(user.id, ",", Mapped(user.sex), ",", user.birth, ",", user.country, ",", Mapped(user.area), ",",
                  user.operator_name, "\n");
  }
  return out;
}

std::string Courses(const World& world) {
  absl::TimeZone zone;
  if (!absl::LoadTimeZone(world.zone(), &zone)) Die("time zone unknown to this machine: " + world.zone());
  std::string out = "id,shortname,startdate,enddate\n";
  for (const Course& course : world.courses()) {
    if (course.id != 1)
      out += Concat(course.id, ",", course.shortname, ",", Day(course.start, zone), ",", Day(course.end, zone), "\n");
  }
  return out;
}

std::string Assessments(const World& world) {
  absl::TimeZone zone;
  if (!absl::LoadTimeZone(world.zone(), &zone)) Die("time zone unknown to this machine: " + world.zone());
  std::string out = "cmid,itemid,courseid,type,due,grademax,gradepass\n";
  for (const Module& module : world.modules()) {
    if (module.item == 0) continue;
    const GradeItem& item = world.grade_item(module.item);
    out += Concat(module.id, ",", item.id, ",", module.course, ",", ModuleName(module.kind), ",", Day(module.due, zone),
                  ",");
    AppendThousandths(item.max, &out);
    out.push_back(',');
    AppendThousandths(item.pass, &out);
    out.push_back('\n');
  }
  return out;
}

}  // namespace

std::string FileBesideLog(const World& world, std::string_view name) {
  if (name == "people.csv") return People(world);
  if (name == "courses.csv") return Courses(world);
  if (name == "assessments.csv") return Assessments(world);
  return "";
}

}  // namespace compagnon::moodle_double
