#include "moodle/store/directory_apply.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "moodle/domain/local_day.h"
#include "moodle/intake/flat_json.h"

namespace compagnon::moodle {
namespace {

bool Newer(const Told& a, const Told& b) { return std::tie(a.at_us, a.ord) >= std::tie(b.at_us, b.ord); }

void Stamp(const Told& told, int64_t pass, int64_t* seq_kept, int64_t* pass_kept) {
  if (told.seq > 0) *seq_kept = std::max(*seq_kept, told.seq);
  if (pass > 0) *pass_kept = pass;
}

int64_t Seconds(const FlatMap& state, std::string_view key) {
  return std::max<int64_t>(IntAt(state, key), 0) * kSecondUs;
}

// Whether the account can be used after all that is known.
ChangeKind AccountStatus(const PersonFacts& person) {
  const Change* last = person.LastAccountChange();
  return last == nullptr || last->kind == ChangeKind::kCreated ? ChangeKind::kActivated : last->kind;
}

ChangeKind RowStatus(const MethodRow& row) {
  Change last{INT64_MIN, 0, ChangeKind::kDeleted};
  for (const Change& change : row.changes) {
    if (std::make_tuple(change.at_us, change.order, static_cast<int>(change.kind)) >=
        std::make_tuple(last.at_us, last.order, static_cast<int>(last.kind))) {
      last = change;
    }
  }
  return last.kind == ChangeKind::kCreated ? ChangeKind::kActivated : last.kind;
}

MethodFacts& MethodOf(PersonFacts& person, int64_t course, int64_t row_id, bool live) {
  if (MethodFacts* method = person.FindMethod(course, row_id)) return *method;
  person.methods_changed = true;
  MethodFacts& method = person.methods.emplace_back();
  method.course = course;
  method.row_id = row_id;
  method.live = live;
  return method;
}

void Enrol(DirectoryBatch& batch, const Occurrence& one, const Told& told, bool from_log) {
  const MoodleEvent& event = *one.event;
  PersonFacts& person = batch.Person(event.related_user);
  batch.TouchUser(person.user);
  if (one.kind == Kind::kEnrolmentDeleted) {
    auto id = event.other.find("userenrolment.id");
    const int64_t in_other = id == event.other.end() ? 0 : IntAt(event.other, "userenrolment.id");
    const int64_t row_id = in_other > 0 ? in_other : event.object_id;
    const bool unknown = person.FindMethod(event.course, row_id) == nullptr;
    MethodFacts& method = MethodOf(person, event.course, row_id, !from_log);
    if (unknown && one.has_state && IntAt(one.state, "timecreated") > 0) {
      // The bridge sends the row as it was before it went: its whole life is known from its end.
      method.row.time_start_us = Seconds(one.state, "timestart");
      method.row.time_end_us = Seconds(one.state, "timeend");
      person.AddMethodChange(method, {Seconds(one.state, "timecreated"), 0, ChangeKind::kCreated});
      if (IntAt(one.state, "status") == 1)
        person.AddMethodChange(method, {Seconds(one.state, "timemodified"), 0, ChangeKind::kSuspended});
    }
    person.AddMethodChange(method, {told.at_us, told.ord, ChangeKind::kDeleted});
    Stamp(told, 0, &method.seq, &method.pass);
    method.pass = -1;  // no pass looks for it any more
    // What core functions told knows no method: it ends with the one that does.
    if (MethodFacts* undated = person.FindMethod(event.course, kUndatedRow))
      person.AddMethodChange(*undated, {told.at_us, told.ord, ChangeKind::kDeleted});
    return;
  }
  if (one.has_state) {
    TellEnrolment(person, one.state, told, 0);
    return;
  }
  // Without a state an update says nothing about dates or status.
  if (one.kind != Kind::kEnrolmentCreated) return;
  MethodFacts& method = MethodOf(person, event.course, event.object_id, !from_log);
  person.AddMethodChange(method, {told.at_us, told.ord, ChangeKind::kCreated});
  Stamp(told, 0, &method.seq, &method.pass);
}

void HoldRole(DirectoryBatch& batch, const Occurrence& one, const Told& told, bool from_log) {
  const MoodleEvent& event = *one.event;
  batch.SawRoles(!from_log);
  if (UserOf(one) == 0) return;
  PersonFacts& person = batch.Person(event.related_user);
  const bool assigned = one.kind == Kind::kRoleAssigned;
  RoleFacts* role = person.FindRole(event.course, event.object_id);
  if (role == nullptr) {
    // Taken back without having been given: the bridge then tells of a role held before it listened; a file proves
    // nothing.
    if (!assigned && from_log) return;
    person.roles.push_back({event.course, event.object_id, assigned, told, 0});
  } else if (Newer(told, role->told)) {
    role->held = assigned;
    const int64_t seq = std::max(role->told.seq, told.seq);
    role->told = told;
    role->told.seq = seq;
  } else {
    return;
  }
  person.roles_changed = true;
  batch.TouchUser(person.user);
}

void Join(DirectoryBatch& batch, const Occurrence& one, const Told& told) {
  const MoodleEvent& event = *one.event;
  const bool group = one.kind == Kind::kGroupJoined || one.kind == Kind::kGroupLeft;
  const bool member = one.kind == Kind::kGroupJoined || one.kind == Kind::kCohortJoined;
  const int64_t kind = group ? kKindGroup : kKindCohort;
  PersonFacts& person = batch.Person(event.related_user);
  MembershipFacts* membership = person.FindMembership(kind, event.object_id);
  if (membership == nullptr) {
    person.memberships.push_back({kind, event.object_id, group ? event.course : 0, member, told, 0});
  } else if (Newer(told, membership->told)) {
    membership->member = member;
    const int64_t seq = std::max(membership->told.seq, told.seq);
    membership->told = told;
    membership->told.seq = seq;
  } else {
    return;
  }
  person.memberships_changed = true;
  batch.TouchUser(person.user);
}

void NameCourse(CourseFacts& course, const MoodleEvent& event) {
  // A log names a course where it tells of its creation or change.
  for (auto [key, field] : {std::pair{"shortname", &course.short_name}, std::pair{"fullname", &course.full_name}}) {
    const std::string name = TextAt(event.other, key);
    if (!name.empty() && name != *field) {
      *field = name;
      course.changed = true;
    }
  }
}

absl::Status Upsert(store::Session& session, std::string_view table, std::string_view key, int64_t id,
                    std::string_view site, absl::Span<const std::string_view> columns, std::vector<store::Value> row) {
  const store::Value params[] = {std::string(site), id};
  auto deleted = session.Execute(fmt::format("DELETE FROM {} WHERE site = :p1 AND {} = :p2", table, key), params);
  if (!deleted.ok()) return deleted.status();
  const std::vector<store::Value> rows[] = {std::move(row)};
  return session.BulkInsert(table, columns, rows);
}

}  // namespace

int64_t UserOf(const Occurrence& one) {
  const MoodleEvent& event = *one.event;
  switch (one.kind) {
    case Kind::kEnrolmentCreated:
    case Kind::kEnrolmentUpdated:
    case Kind::kEnrolmentDeleted:
      return event.course > 0 ? event.related_user : 0;
    case Kind::kRoleAssigned:
    case Kind::kRoleUnassigned:
      return event.context_level == 50 && event.course > 0 ? event.related_user : 0;
    case Kind::kGroupJoined:
    case Kind::kGroupLeft:
    case Kind::kCohortJoined:
    case Kind::kCohortLeft:
      return event.object_id > 0 ? event.related_user : 0;
    case Kind::kUserTold:
    case Kind::kUserDeleted:
      return event.related_user > 0 ? event.related_user : event.object_id;
    default:
      return 0;
  }
}

int64_t CourseOf(const Occurrence& one) {
  switch (one.kind) {
    case Kind::kCourseTold:
    case Kind::kCourseDeleted:
      return one.event->object_id > 0 ? one.event->object_id : one.event->course;
    default:
      return 0;
  }
}

void TellEnrolment(PersonFacts& person, const FlatMap& state, const Told& told, int64_t pass) {
  MethodFacts& method = MethodOf(person, IntAt(state, "courseid"), IntAt(state, "id"), true);
  const int64_t start = Seconds(state, "timestart");
  const int64_t end = Seconds(state, "timeend");
  if (method.row.time_start_us != start || method.row.time_end_us != end) {
    method.row.time_start_us = start;
    method.row.time_end_us = end;
    person.methods_changed = true;
  }
  const bool known = std::any_of(method.row.changes.begin(), method.row.changes.end(),
                                 [](const Change& change) { return change.kind == ChangeKind::kCreated; });
  const int64_t created = IntAt(state, "timecreated") > 0 ? Seconds(state, "timecreated") : told.at_us;
  if (!known) person.AddMethodChange(method, {created, 0, ChangeKind::kCreated});
  const ChangeKind status = IntAt(state, "status") == 1 ? ChangeKind::kSuspended : ChangeKind::kActivated;
  const ChangeKind before = RowStatus(method.row);
  if (before == ChangeKind::kDeleted) {
    // It is there again: what was taken for its end was none, or it came back.
    person.AddMethodChange(method, {told.at_us, told.ord, ChangeKind::kCreated});
  }
  if (status != (before == ChangeKind::kDeleted ? ChangeKind::kActivated : before)) {
    // A row created suspended was never open.
    const int64_t at = known ? told.at_us : std::max(created, std::min(told.at_us, Seconds(state, "timemodified")));
    person.AddMethodChange(method, {at, told.ord, status});
  }
  if (told.seq > method.seq || (pass > 0 && pass != method.pass)) person.methods_changed = true;
  Stamp(told, pass, &method.seq, &method.pass);
}

void TellUser(DirectoryBatch& batch, PersonFacts& person, const FlatMap& state, const Told& told, int64_t pass) {
  const bool deleted = IntAt(state, "deleted") == 1;
  // Moodle keeps a deleted account's row, with an address in place of the name: nothing of it is needed.
  const std::string first = deleted ? "" : TextAt(state, "firstname");
  const std::string last = deleted ? "" : TextAt(state, "lastname");
  if (Has(state, "firstname") || deleted) {
    if (first != person.first_name || last != person.last_name) person.person_changed = true;
    person.first_name = first;
    person.last_name = last;
  }
  if (person.created_us == 0 && Has(state, "timecreated")) {
    person.created_us = Seconds(state, "timecreated");
    person.person_changed = true;
  }
  const ChangeKind before = AccountStatus(person);
  if (deleted) {
    if (before != ChangeKind::kDeleted) person.AddAccountChange({told.at_us, told.ord, ChangeKind::kDeleted});
  } else {
    if (Has(state, "suspended")) {
      const ChangeKind status = IntAt(state, "suspended") == 1 ? ChangeKind::kSuspended : ChangeKind::kActivated;
      if (status != before) person.AddAccountChange({told.at_us, told.ord, status});
    }
    for (const std::string& field : batch.mapping().PersonFields()) {
      const bool profile = field.starts_with("profile:");
      const std::string key = profile ? "profile." + field.substr(8) : field.substr(5);
      if (profile || Has(state, key)) person.SetValue(field, told.at_us, TextAt(state, key));
    }
  }
  if (told.seq > person.seq || (pass > 0 && pass != person.pass)) person.person_changed = true;
  Stamp(told, pass, &person.seq, &person.pass);
  batch.TouchUser(person.user);
}

void TellCourse(DirectoryBatch& batch, CourseFacts& course, const FlatMap& state, const Told& told, int64_t pass) {
  const auto day = [&](std::string_view key) -> std::optional<int32_t> {
    const int64_t at = Seconds(state, key);
    return at > 0 ? std::optional(LocalDayOf(at, batch.zone())) : std::nullopt;
  };
  course.short_name = TextAt(state, "shortname");
  course.full_name = TextAt(state, "fullname");
  course.start_day = day("startdate");
  course.end_day = day("enddate");
  course.category = Has(state, "category") ? IntAt(state, "category") : IntAt(state, "categoryid");
  // Core functions leave `visible` out for accounts that may not edit the course.
  course.visible = !Has(state, "visible") || IntAt(state, "visible") != 0;
  course.deleted = false;
  course.changed = true;
  for (const std::string& field : batch.mapping().CourseFields()) {
    const std::string value = TextAt(state, "customfields." + field);
    auto known = course.values.find(field);
    if (known == course.values.end() ? value.empty() : known->second == value) continue;
    course.values[field] = value;
    course.values_changed = true;
  }
  Stamp(told, pass, &course.seq, &course.pass);
  batch.TouchCourse(course.course);
}

absl::Status TellCategory(DirectoryBatch& batch, const FlatMap& state, const Told& told, int64_t pass) {
  const int64_t id = IntAt(state, "id");
  if (id <= 0) return absl::OkStatus();
  return Upsert(batch.session(), "directory_category", "category", id, batch.site(),
                {"site", "category", "name", "parent", "seq", "pass"},
                {batch.site(), id, TextAt(state, "name"), IntAt(state, "parent"), told.seq, pass});
}

absl::Status TellModule(DirectoryBatch& batch, const FlatMap& state, const Told& told, int64_t pass) {
  const int64_t id = IntAt(state, "id");
  if (id <= 0) return absl::OkStatus();
  return Upsert(batch.session(), "directory_module", "cmid", id, batch.site(),
                {"site", "cmid", "course", "kind", "name", "visible", "due_us", "grade_item", "grade_max_milli",
                 "grade_pass_milli", "deleted", "seq", "pass"},
                {batch.site(), id, IntAt(state, "course"), TextAt(state, "modname"), TextAt(state, "name"),
                 int64_t{IntAt(state, "visible") != 0}, Seconds(state, "duedate"), int64_t{0}, int64_t{0}, int64_t{0},
                 int64_t{0}, told.seq, pass});
}

absl::Status TellSet(DirectoryBatch& batch, int64_t kind, int64_t target, int64_t course, const FlatMap& state,
                     const Told& told, int64_t pass, bool deleted) {
  if (target <= 0) return absl::OkStatus();
  batch.TouchSet(kind, target);
  const store::Value params[] = {batch.site(), kind, target};
  auto gone =
      batch.session().Execute("DELETE FROM directory_group WHERE site = :p1 AND kind = :p2 AND target = :p3", params);
  if (!gone.ok()) return gone.status();
  const std::vector<store::Value> rows[] = {{batch.site(), kind, target, course, TextAt(state, "name"),
                                             TextAt(state, "idnumber"), int64_t{deleted}, told.seq, pass}};
  return batch.session().BulkInsert(
      "directory_group", {"site", "kind", "target", "course", "name", "idnumber", "deleted", "seq", "pass"}, rows);
}

absl::Status ApplyOccurrence(DirectoryBatch& batch, const Occurrence& one, bool from_log) {
  const MoodleEvent& event = *one.event;
  const Told told{event.occurred_us, event.seq, from_log ? 0 : event.seq};
  const int64_t user = UserOf(one);
  const int64_t course = CourseOf(one);
  switch (one.kind) {
    case Kind::kNone:
      return absl::OkStatus();
    case Kind::kEnrolmentCreated:
    case Kind::kEnrolmentUpdated:
    case Kind::kEnrolmentDeleted:
      if (user > 0) Enrol(batch, one, told, from_log);
      return absl::OkStatus();
    case Kind::kRoleAssigned:
    case Kind::kRoleUnassigned:
      HoldRole(batch, one, told, from_log);
      return absl::OkStatus();
    case Kind::kGroupJoined:
    case Kind::kGroupLeft:
    case Kind::kCohortJoined:
    case Kind::kCohortLeft:
      if (user > 0) Join(batch, one, told);
      return absl::OkStatus();
    case Kind::kUserTold:
      if (user <= 0) return absl::OkStatus();
      if (one.has_state) {
        TellUser(batch, batch.Person(user), one.state, told, 0);
      } else if (PersonFacts& person = batch.Person(user); person.created_us == 0 && event.name.ends_with("created")) {
        person.created_us = event.occurred_us;
        person.person_changed = true;
      }
      return absl::OkStatus();
    case Kind::kUserDeleted: {
      if (user <= 0) return absl::OkStatus();
      PersonFacts& person = batch.Person(user);
      person.AddAccountChange({told.at_us, told.ord, ChangeKind::kDeleted});
      person.first_name.clear();
      person.last_name.clear();
      person.person_changed = true;
      Stamp(told, 0, &person.seq, &person.pass);
      person.pass = -1;
      batch.TouchUser(user);
      return absl::OkStatus();
    }
    case Kind::kCourseTold:
      if (course <= 0) return absl::OkStatus();
      if (one.has_state) {
        TellCourse(batch, batch.Course(course), one.state, told, 0);
      } else {
        NameCourse(batch.Course(course), event);
        Stamp(told, 0, &batch.Course(course).seq, &batch.Course(course).pass);
        batch.TouchCourse(course);
      }
      return absl::OkStatus();
    case Kind::kCourseDeleted: {
      if (course <= 0) return absl::OkStatus();
      CourseFacts& facts = batch.Course(course);
      NameCourse(facts, event);
      facts.deleted = facts.changed = true;
      Stamp(told, 0, &facts.seq, &facts.pass);
      batch.TouchCourse(course);
      return absl::OkStatus();
    }
    case Kind::kCategoryTold: {
      if (!one.has_state) return absl::OkStatus();
      const auto of_category = [](const ValueRule& rule) { return rule.source == ValueSource::kCategory; };
      for (const auto* rules :
           {&batch.mapping().sex, &batch.mapping().country, &batch.mapping().area, &batch.mapping().age_band}) {
        if (std::any_of(rules->begin(), rules->end(), of_category)) batch.TouchAll();
      }
      return TellCategory(batch, one.state, told, 0);
    }
    case Kind::kModuleTold:
      return one.has_state ? TellModule(batch, one.state, told, 0) : absl::OkStatus();
    case Kind::kModuleDeleted: {
      const store::Value params[] = {batch.site(), event.object_id, told.seq};
      return batch.session()
          .Execute("UPDATE directory_module SET deleted = 1, seq = :p3 WHERE site = :p1 AND cmid = :p2", params)
          .status();
    }
    case Kind::kGroupTold:
      return one.has_state ? TellSet(batch, kKindGroup, event.object_id, event.course, one.state, told, 0, false)
                           : absl::OkStatus();
    case Kind::kCohortTold:
      return one.has_state ? TellSet(batch, kKindCohort, event.object_id, 0, one.state, told, 0, false)
                           : absl::OkStatus();
    case Kind::kGroupDeleted:
      return TellSet(batch, kKindGroup, event.object_id, event.course, one.state, told, 0, true);
    case Kind::kCohortDeleted:
      return TellSet(batch, kKindCohort, event.object_id, 0, one.state, told, 0, true);
  }
  return absl::OkStatus();
}

}  // namespace compagnon::moodle
