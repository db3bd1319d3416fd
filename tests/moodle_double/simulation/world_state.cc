#include "moodle_double/simulation/json_text.h"
#include "moodle_double/simulation/world.h"

namespace compagnon::moodle_double {
namespace {

constexpr int64_t kDay = 86'400;

constexpr int kActivityCriterion = 4;  // COMPLETION_CRITERIA_TYPE_ACTIVITY

}  // namespace

std::string StateOf(const World&, const User& u) {
  std::string profile;
  JsonObject fields(&profile);
  fields.Text("sexe", u.sex).Text("datenaissance", u.birth).Text("zone", u.area).Text("operateur", u.operator_name);
  fields.Close();
  std::string out;
  JsonObject o(&out);
  o.Int("id", u.id).Text("username", u.username).Text("idnumber", u.idnumber).Text("firstname", u.firstname);
  o.Text("lastname", u.lastname)
      .Text("email", u.email)
      .Text("auth", "manual")
      .Text("lang", u.lang)
      .Text("country", u.country);
  o.Text("city", u.city)
      .Text("institution", u.institution)
      .Text("department", "")
      .Text("timezone", "99")
      .Int("confirmed", 1);
  o.Int("suspended", u.suspended)
      .Int("deleted", u.deleted)
      .Int("timecreated", u.created)
      .Int("timemodified", u.modified);
  o.Raw("profile", profile).Close();
  return out;
}

std::string StateOf(const World&, const Category& c) {
  std::string out;
  JsonObject o(&out);
  o.Int("id", c.id).Text("name", c.name).Text("idnumber", c.idnumber).Int("parent", c.parent).Text("path", c.path);
  o.Int("depth", c.depth).Int("visible", 1).Int("sortorder", c.order * 10'000).Int("timemodified", c.created).Close();
  return out;
}

std::string StateOf(const World& world, const Course& c) {
  std::string criteria = "[";
  for (int i = 0; i < c.modules; ++i) {
    const Module& m = world.module(c.first_module + i);
    if (!m.criterion) continue;
    if (criteria.size() > 1) criteria.push_back(',');
    JsonObject(&criteria)
        .Int("criteriatype", kActivityCriterion)
        .Int("moduleinstance", m.id)
        .Int("timeend", 0)
        .Raw("gradepass", "")
        .Close();
  }
  criteria.push_back(']');
  std::string fields;
  JsonObject(&fields).Text("programme", c.programme).Close();
  std::string out;
  JsonObject o(&out);
  o.Int("id", c.id)
      .Int("category", c.category)
      .Text("fullname", c.fullname)
      .Text("shortname", c.shortname)
      .Text("idnumber", c.idnumber);
  o.Text("format", "topics").Text("lang", "").Int("startdate", c.start).Int("enddate", c.end).Int("visible", c.visible);
  o.Int("enablecompletion", 1).Int("timecreated", c.created).Int("timemodified", c.modified).Raw("criteria", criteria);
  o.Int("aggregation", 1).Raw("customfields", fields).Close();
  return out;
}

std::string StateOf(const World&, const Module& m) {
  std::string out;
  JsonObject o(&out);
  o.Int("id", m.id)
      .Int("course", m.course)
      .Text("modname", ModuleName(m.kind))
      .Int("instance", m.instance)
      .Text("name", m.name);
  o.Text("idnumber", m.idnumber)
      .Int("section", m.section)
      .Int("visible", 1)
      .Int("completion", m.tracking)
      .Int("completionexpected", 0);
  o.Raw("availability", "").Int("duedate", m.due).Int("added", m.added).Close();
  return out;
}

std::string StateOf(const World&, const Role& r) {
  std::string out;
  JsonObject(&out)
      .Int("id", r.id)
      .Text("shortname", r.shortname)
      .Text("name", "")
      .Text("archetype", r.archetype)
      .Close();
  return out;
}

std::string StateOf(const World&, const GradeItem& g) {
  std::string out;
  JsonObject o(&out);
  o.Int("id", g.id).Int("courseid", g.course).Text("itemtype", g.type);
  if (g.module.empty()) {
    o.Raw("itemmodule", "");
  } else {
    o.Text("itemmodule", g.module);
  }
  o.Id("iteminstance", g.instance);
  if (g.name.empty()) {
    o.Raw("itemname", "");
  } else {
    o.Text("itemname", g.name);
  }
  o.Id("cmid", g.cmid)
      .Int("grademin", 0)
      .Thousandths("grademax", g.max)
      .Thousandths("gradepass", g.pass)
      .Int("hidden", 0);
  o.Int("timecreated", g.created).Int("timemodified", g.created).Close();
  return out;
}

std::string StateOf(const World&, const Enrolment& e) {
  std::string out;
  JsonObject o(&out);
  o.Int("id", e.id).Int("enrolid", e.enrol_id).Text("enrol", e.method).Int("courseid", e.course).Int("userid", e.user);
  o.Int("status", e.suspended)
      .Int("enrolstatus", 0)
      .Int("timestart", e.start)
      .Int("timeend", e.end)
      .Int("timecreated", e.created);
  o.Int("timemodified", e.modified).Close();
  return out;
}

std::string StateOf(const World& world, const RoleAssignment& r) {
  std::string out;
  JsonObject o(&out);
  o.Int("id", r.id).Int("roleid", r.role).Text("shortname", World::roles()[static_cast<size_t>(r.role - 1)].shortname);
  o.Int("contextid", r.context)
      .Int("contextlevel", r.course == 0 ? 10 : 50)
      .Int("contextinstanceid", r.course)
      .Int("courseid", r.course);
  o.Int("userid", r.user).Text("component", "").Int("itemid", 0).Int("timemodified", r.modified).Close();
  return out;
}

std::string StateOf(const World&, const Group& g) {
  std::string out;
  JsonObject o(&out);
  o.Int("id", g.id)
      .Int("courseid", g.course)
      .Text("name", g.name)
      .Text("idnumber", g.idnumber)
      .Int("timecreated", g.created);
  o.Int("timemodified", g.created).Close();
  return out;
}

std::string StateOf(const World&, const GroupMember& m) {
  std::string out;
  JsonObject o(&out);
  o.Int("id", m.id)
      .Int("groupid", m.group)
      .Int("courseid", m.course)
      .Int("userid", m.user)
      .Int("timeadded", m.added)
      .Close();
  return out;
}

std::string StateOf(const World&, const Cohort& c) {
  std::string out;
  JsonObject o(&out);
  o.Int("id", c.id)
      .Int("contextid", World::kSystemContext)
      .Text("name", c.name)
      .Text("idnumber", c.idnumber)
      .Int("visible", 1);
  o.Int("timecreated", c.created).Int("timemodified", c.created).Close();
  return out;
}

std::string StateOf(const World&, const CohortMember& m) {
  std::string out;
  JsonObject(&out).Int("id", m.id).Int("cohortid", m.cohort).Int("userid", m.user).Int("timeadded", m.added).Close();
  return out;
}

std::string StateOf(const World&, const Completion& c) {
  std::string out;
  JsonObject o(&out);
  o.Int("id", c.id)
      .Int("coursemoduleid", c.cmid)
      .Int("courseid", c.course)
      .Int("userid", c.user)
      .Int("completionstate", c.state);
  o.Raw("overrideby", "").Int("timemodified", c.modified).Close();
  return out;
}

std::string StateOf(const World&, const CourseCompletion& c) {
  std::string out;
  JsonObject o(&out);
  o.Int("id", c.id)
      .Int("userid", c.user)
      .Int("course", c.course)
      .Int("timeenrolled", c.enrolled)
      .Int("timestarted", c.started);
  o.Int("timecompleted", c.completed).Close();
  return out;
}

std::string StateOf(const World&, const Grade& g) {
  std::string out;
  JsonObject o(&out);
  o.Int("id", g.id)
      .Int("itemid", g.item)
      .Int("courseid", g.course)
      .Int("userid", g.user)
      .Thousandths("rawgrade", g.final_grade);
  o.Thousandths("finalgrade", g.final_grade)
      .Id("usermodified", g.grader)
      .Int("overridden", 0)
      .Int("timecreated", g.created);
  o.Int("timemodified", g.modified).Close();
  return out;
}

std::string StateOf(const World&, const Post& p) {
  std::string out;
  JsonObject o(&out);
  o.Int("id", p.id).Int("discussion", p.discussion).Int("forum", p.forum).Int("cmid", p.cmid).Int("courseid", p.course);
  o.Int("userid", p.user).Int("parent", p.parent).Int("created", p.created).Int("modified", p.created).Close();
  return out;
}

// Who answered an anonymous feedback, in which submission and at what hour, never leaves the site.
std::string StateOf(const World& world, const Answer& a) {
  const FeedbackItem& item = world.feedback_items()[static_cast<size_t>(a.item - 1)];
  std::string out;
  JsonObject o(&out);
  o.Int("id", a.id).Int("feedback", item.feedback).Int("completed", a.anonymous ? 0 : a.completed).Int("cmid", a.cmid);
  o.Int("courseid", a.course)
      .Int("item", a.item)
      .Text("label", item.label)
      .Text("typ", item.typ)
      .Int("anonymous", a.anonymous);
  o.Int("userid", a.anonymous ? 0 : a.user);
  if (a.value < 0) {
    o.Raw("value", "");
  } else {
    o.Text("value", std::to_string(a.value));
  }
  o.Int("timemodified", a.anonymous ? a.modified - a.modified % kDay : a.modified).Close();
  return out;
}

std::string StateOf(const World&, const Certificate& c) {
  std::string out;
  JsonObject o(&out);
  o.Int("id", c.id).Int("userid", c.user).Int("courseid", c.course).Text("kind", "certificate").Text("code", c.code);
  o.Int("timecreated", c.created).Int("expires", 0).Close();
  return out;
}

}  // namespace compagnon::moodle_double
