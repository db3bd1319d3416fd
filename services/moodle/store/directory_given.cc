#include "moodle/store/directory.h"
#include "moodle/store/directory_batch.h"

namespace compagnon::moodle {

absl::Status Directory::GivePeople(store::Session& session, std::string_view site,
                                   const std::map<int64_t, std::map<std::string, std::string>>& people) {
  ASSIGN_OR_RETURN(DirectoryBatch batch, DirectoryBatch::Begin(*this, session, site));
  std::set<int64_t> users;
  for (const auto& [user, values] : people) users.insert(user);
  RETURN_IF_ERROR(batch.Load(users, {}));
  for (const auto& [user, values] : people) {
    PersonFacts& person = batch.Person(user);
    for (const auto& [dimension, text] : values) {
      if (dimension == "first_name" || dimension == "last_name") {
        std::string& name = dimension == "first_name" ? person.first_name : person.last_name;
        person.person_changed = person.person_changed || name != text;
        name = text;
        continue;
      }
      // A file's word holds from ever, and its correction takes the place of what it said before.
      const std::string field = "given:" + dimension;
      auto known = person.values.find(field);
      const std::string before = known == person.values.end() ? "" : known->second.begin()->second;
      if (before == text) continue;
      person.values.erase(field);
      if (!text.empty()) person.values[field][0] = text;
      person.values_changed = true;
    }
    if (person.values_changed) batch.TouchUser(user);
  }
  return batch.Finish();
}

absl::Status Directory::GiveCourses(store::Session& session, std::string_view site,
                                    absl::Span<const GivenCourse> courses) {
  ASSIGN_OR_RETURN(DirectoryBatch batch, DirectoryBatch::Begin(*this, session, site));
  std::set<int64_t> ids;
  for (const GivenCourse& course : courses) ids.insert(course.course);
  RETURN_IF_ERROR(batch.Load({}, ids));
  for (const GivenCourse& given : courses) {
    CourseFacts& course = batch.Course(given.course);
    const bool same = course.known && course.start_day == given.start_day && course.end_day == given.end_day &&
                      (given.short_name.empty() || given.short_name == course.short_name) &&
                      (given.full_name.empty() || given.full_name == course.full_name);
    if (same) continue;
    if (!given.short_name.empty()) course.short_name = given.short_name;
    if (!given.full_name.empty()) course.full_name = given.full_name;
    if (course.full_name.empty()) course.full_name = course.short_name;
    course.start_day = given.start_day;
    course.end_day = given.end_day;
    course.changed = true;
    batch.TouchCourse(given.course);
  }
  return batch.Finish();
}

absl::Status Directory::GiveActivities(store::Session& session, std::string_view site,
                                       absl::Span<const GivenActivity> activities) {
  std::set<int64_t> ids;
  std::vector<std::vector<store::Value>> rows;
  for (const GivenActivity& activity : activities) {
    if (!ids.insert(activity.cmid).second) continue;
    rows.push_back({std::string(site), activity.cmid, activity.course, activity.kind, std::string(), int64_t{1},
                    activity.due_us, activity.grade_item, activity.grade_max_milli, activity.grade_pass_milli,
                    int64_t{0}, int64_t{0}, int64_t{0}});
  }
  if (rows.empty()) return absl::OkStatus();
  const store::Value params[] = {std::string(site)};
  RETURN_IF_ERROR(
      session.Execute("DELETE FROM directory_module WHERE site = :p1 AND cmid IN (" + NumberList(ids) + ")", params)
          .status());
  return session.BulkInsert("directory_module",
                            {"site", "cmid", "course", "kind", "name", "visible", "due_us", "grade_item",
                             "grade_max_milli", "grade_pass_milli", "deleted", "seq", "pass"},
                            rows);
}

absl::Status Directory::GiveRoles(store::Session& session, std::string_view site,
                                  const std::map<std::string, CourseRole, std::less<>>& roles) {
  const std::string text = EncodeRoles(roles);
  bool changed = false;
  {
    // Begin locks the site's row and makes it when it is new.
    ASSIGN_OR_RETURN(DirectoryBatch batch, DirectoryBatch::Begin(*this, session, site));
    const store::Value params[] = {std::string(site), text};
    ASSIGN_OR_RETURN(
        const int64_t rows,
        session.Execute("UPDATE directory_site SET role_map = :p2 WHERE site = :p1 AND role_map <> :p2", params));
    changed = rows > 0;
  }
  if (!changed) return absl::OkStatus();
  ASSIGN_OR_RETURN(DirectoryBatch batch, DirectoryBatch::Begin(*this, session, site));
  batch.TouchAll();
  return batch.Finish();
}

}  // namespace compagnon::moodle
