#include "moodle_double/simulation/json_text.h"
#include "moodle_double/simulation/world.h"

namespace compagnon::moodle_double {

void World::Enrol(int index, std::string_view method, int64_t start, int64_t end, const Moment& by) {
  Participation& p = mutable_participation(index);
  const Course& in = course(p.course);
  const int64_t now = by.us / 1'000'000;
  for (int row_index : enrolments_of_[static_cast<size_t>(index)]) {
    const Enrolment& there = enrolments_[static_cast<size_t>(row_index)];
    if (!there.removed && there.method == method) return;  // a method enrols a person once
  }
  Enrolment row;
  row.id = static_cast<int64_t>(enrolments_.size()) + 1;
  row.enrol_id = method == "cohort" ? in.enrol_cohort : method == "self" ? in.enrol_self : in.enrol_manual;
  row.method = method;
  row.course = p.course;
  row.user = p.user;
  row.start = start;
  row.end = end;
  row.created = row.modified = now;
  row.modifier = by.user;
  enrolments_of_[static_cast<size_t>(index)].push_back(static_cast<int>(enrolments_.size()));
  enrolments_.push_back(row);
  ++p.open_enrolments;
  Event enrolled = InCourse(event_type::kEnrolmentCreated, in, by);
  enrolled.object_id = row.id;
  enrolled.related_user = p.user;
  JsonObject(&enrolled.other).Text("enrol", method).Close();
  enrolled.state = StateOf(*this, row);
  Emit(&enrolled);

  // A second method finds the role already assigned.
  auto& roles = roles_of_[static_cast<size_t>(index)];
  if (!roles.empty() && !role_assignments_[static_cast<size_t>(roles.back())].removed) return;
  RoleAssignment role;
  role.id = static_cast<int64_t>(role_assignments_.size()) + 1;
  role.role = p.role;
  role.context = in.context;
  role.course = p.course;
  role.user = p.user;
  role.modified = now;
  roles.push_back(static_cast<int>(role_assignments_.size()));
  role_assignments_.push_back(role);
  Event assigned = InCourse(event_type::kRoleAssigned, in, by);
  assigned.object_id = role.role;
  assigned.related_user = p.user;
  JsonObject(&assigned.other).Int("id", role.id).Text("component", "").Int("itemid", 0).Close();
  assigned.state = StateOf(*this, role);
  Emit(&assigned);
}

void World::SetSuspended(int index, bool suspended, const Moment& by) {
  Participation& p = mutable_participation(index);
  for (int row_index : enrolments_of_[static_cast<size_t>(index)]) {
    Enrolment& row = enrolments_[static_cast<size_t>(row_index)];
    if (row.removed || row.suspended == suspended) continue;
    row.suspended = suspended;
    row.modified = by.us / 1'000'000;
    p.open_enrolments += suspended ? -1 : 1;
    Event event = InCourse(event_type::kEnrolmentUpdated, course(p.course), by);
    event.object_id = row.id;
    event.related_user = p.user;
    JsonObject(&event.other).Text("enrol", row.method).Close();
    event.state = StateOf(*this, row);
    Emit(&event);
  }
}

void World::Unenrol(int index, std::string_view method, const Moment& by) {
  Participation& p = mutable_participation(index);
  const Course& in = course(p.course);
  bool left = false;
  for (int row_index : enrolments_of_[static_cast<size_t>(index)]) {
    Enrolment& row = enrolments_[static_cast<size_t>(row_index)];
    if (row.removed) continue;
    if (!method.empty() && row.method != method) {
      left = true;
      continue;
    }
    row.removed = true;
    if (!row.suspended) --p.open_enrolments;
    Event event = InCourse(event_type::kEnrolmentDeleted, in, by);
    event.object_id = row.id;
    event.related_user = p.user;
    std::string before;
    JsonObject fields(&before);
    fields.Text("id", std::to_string(row.id))
        .Text("status", row.suspended ? "1" : "0")
        .Text("enrolid", std::to_string(row.enrol_id));
    fields.Text("userid", std::to_string(row.user))
        .Text("timestart", std::to_string(row.start))
        .Text("timeend", std::to_string(row.end));
    fields.Text("modifierid", std::to_string(row.modifier)).Text("timecreated", std::to_string(row.created));
    fields.Text("timemodified", std::to_string(row.modified)).Raw("lastenrol", "true").Int("courseid", row.course);
    fields.Text("enrol", row.method).Close();
    JsonObject(&event.other).Raw("userenrolment", before).Text("enrol", row.method).Close();
    Emit(&event);
  }
  if (left) return;  // another method still enrols the person: role and group stay
  for (int role_index : roles_of_[static_cast<size_t>(index)]) {
    RoleAssignment& role = role_assignments_[static_cast<size_t>(role_index)];
    if (role.removed) continue;
    role.removed = true;
    Event event = InCourse(event_type::kRoleUnassigned, in, by);
    event.object_id = role.role;
    event.related_user = p.user;
    JsonObject(&event.other).Text("id", std::to_string(role.id)).Text("component", "").Text("itemid", "0").Close();
    Emit(&event);
  }
  if (p.group == 0) return;
  group_members_[static_cast<size_t>(p.group_member - 1)].removed = true;
  Event event = InCourse(event_type::kGroupMemberRemoved, in, by);
  event.object_id = p.group;
  event.related_user = p.user;
  Emit(&event);
  p.group = 0;
}

void World::JoinGroup(int index, int64_t group, const Moment& by) {
  Participation& p = mutable_participation(index);
  p.group = group;
  p.group_member = static_cast<int64_t>(group_members_.size()) + 1;
  group_members_.push_back({p.group_member, group, p.course, p.user, by.us / 1'000'000, false});
  Event event = InCourse(event_type::kGroupMemberAdded, course(p.course), by);
  event.object_id = group;
  event.related_user = p.user;
  event.other = R"({"component":"","itemid":0})";
  event.state = StateOf(*this, group_members_.back());
  Emit(&event);
}

void World::DeleteUser(int64_t whom, const Moment& by) {
  // Moodle leaves the courses first, then marks the account deleted and scrambles its name.
  for (int index : participations_of_[static_cast<size_t>(whom)]) Unenrol(index, "", by);
  for (CohortMember& member : cohort_members_) member.removed |= member.user == whom;
  User& row = mutable_user(whom);
  Event event = Start(event_type::kUserDeleted, by);
  event.object_id = event.related_user = event.context_instance = whom;
  event.context_id = row.context;
  JsonObject other(&event.other);
  other.Text("username", row.username).Text("email", row.email).Text("idnumber", row.idnumber).Text("picture", "0");
  other.Text("mnethostid", "1").Close();
  const int64_t now = by.us / 1'000'000;
  row.deleted = true;
  row.modified = now;
  row.username = row.email + "." + std::to_string(now);
  row.email = "0123456789abcdef0123456789abcdef";  // an MD5 in Moodle: nothing of the address is left
  row.idnumber.clear();
  Emit(&event);
}

}  // namespace compagnon::moodle_double
