#include "moodle_double/simulation/world.h"

#include <utility>

#include "moodle_double/simulation/concat.h"
#include "moodle_double/simulation/json_text.h"

namespace compagnon::moodle_double {
namespace {

struct Question {
  std::string_view typ, label, name, presentation;
};
constexpr Question kQuestions[] = {
    {"multichoicerated", "cmp_sat", "Êtes-vous satisfait de cette formation ?",
     "r>>>>>1####Pas du tout|2####Peu|3####Moyennement|4####Plutôt|5####Tout à fait"},
    {"numeric", "cmp_nps", "Recommanderiez-vous cette formation ? (0 à 10)", "0|10"},
    {"textarea", "commentaire", "Un commentaire ?", "40|20"},
};

}  // namespace

std::string_view ModuleName(ModuleKind kind) {
  static constexpr std::string_view kNames[] = {"page", "url", "forum", "quiz", "feedback", "scorm", "assign"};
  return kNames[static_cast<size_t>(kind)];
}

const std::array<Role, 7>& World::roles() {
  static constexpr std::array<Role, 7> kRoles = {{{1, "manager", "manager"},
                                                  {2, "coursecreator", "coursecreator"},
                                                  {3, "editingteacher", "editingteacher"},
                                                  {4, "teacher", "teacher"},
                                                  {5, "student", "student"},
                                                  {6, "guest", "guest"},
                                                  {7, "user", "user"}}};
  return kRoles;
}

World::World(std::string code, std::string title, std::string zone, uint64_t seed, EventSink* sink)
    : code_(std::move(code)),
      title_(std::move(title)),
      zone_(std::move(zone)),
      sink_(sink),
      random_(SeedFor(seed, "world")) {
  participations_of_.resize(1);
  // Moodle's own course 1 is the site's home page.
  Course home;
  home.id = 1;
  home.context = next_context_++;
  home.fullname = title_;
  home.shortname = code_;
  home.first_module = 0;
  courses_.push_back(std::move(home));
}

std::string World::Address(int64_t user, Origin origin) const {
  if (origin == Origin::kCli) return "";
  // Documentation ranges only (RFC 5737, RFC 3849); a person's address changes between a computer and a telephone.
  uint64_t h = SeedFor(0, "address", user * 2 + (origin == Origin::kMobile ? 1 : 0));
  if (h % 10 == 0) {
    static constexpr char kHex[] = "0123456789abcdef";
    std::string out = "2001:db8:";
    for (int i = 0; i < 4; ++i) out.push_back(kHex[(h >> (8 + 4 * i)) & 15]);
    return out + "::" + std::string(1, kHex[1 + (h >> 30) % 15]);
  }
  static constexpr std::string_view kRanges[] = {"192.0.2.", "198.51.100.", "203.0.113."};
  std::string out(kRanges[h % 3]);
  AppendInt(static_cast<int64_t>(1 + (h >> 20) % 254), &out);
  return out;
}

Event World::Start(const EventType& type, const Moment& at) {
  Event event;
  event.type = &type;
  event.context_id = kSystemContext;
  event.user = at.user;
  event.occurred_us = at.us;
  event.origin = at.origin;
  event.real_user = at.real_user;
  return event;
}

Event World::InCourse(const EventType& type, const Course& course, const Moment& at) {
  Event event = Start(type, at);
  event.context_id = course.context;
  event.context_instance = course.id;
  event.course = course.id;
  return event;
}

Event World::InModule(const EventType& type, const Module& module, const Moment& at) {
  Event event = Start(type, at);
  event.context_id = module.context;
  event.context_instance = module.id;
  event.course = module.course;
  return event;
}

void World::Emit(Event* event) {
  // Moodle's timecreated has whole seconds; the row is written a moment later, in the same request.
  event->occurred_us -= event->occurred_us % 1'000'000;
  event->recorded_us = event->occurred_us + random_.Between(300, 999'000);
  event->uuid_high = random_.Next();
  event->uuid_low = random_.Next();
  event->ip = Address(event->real_user != 0 ? event->real_user : event->user, event->origin);
  sink_->OnEvent(*event);
}

int64_t World::PrepareUser(User row) {
  row.id = static_cast<int64_t>(users_.size()) + 1;
  row.context = next_context_++;
  users_.push_back(std::move(row));
  participations_of_.emplace_back();
  return users_.back().id;
}

void World::CreateUser(int64_t id, const Moment& by) {
  User& row = mutable_user(id);
  row.created = row.modified = by.us / 1'000'000;
  Event event = Start(event_type::kUserCreated, by);
  event.object_id = event.related_user = event.context_instance = id;
  event.context_id = row.context;
  event.state = StateOf(*this, row);
  Emit(&event);
}

int64_t World::AddCategory(std::string name, std::string idnumber, int64_t parent, const Moment& by) {
  Category row;
  row.id = static_cast<int64_t>(categories_.size()) + 1;
  row.context = next_context_++;
  row.parent = parent;
  row.name = std::move(name);
  row.idnumber = std::move(idnumber);
  row.created = by.us / 1'000'000;
  row.order = static_cast<int>(row.id);
  if (parent != 0) {
    const Category& above = categories_[static_cast<size_t>(parent - 1)];
    row.path = above.path;
    row.depth = above.depth + 1;
  }
  row.path += "/" + std::to_string(row.id);
  categories_.push_back(std::move(row));
  Event event = Start(event_type::kCategoryCreated, by);
  event.object_id = event.context_instance = categories_.back().id;
  event.context_id = categories_.back().context;
  event.state = StateOf(*this, categories_.back());
  Emit(&event);
  return categories_.back().id;
}

int64_t World::AddCourse(Course row, const Moment& by, bool restored) {
  row.id = static_cast<int64_t>(courses_.size()) + 1;
  row.context = next_context_++;
  row.created = row.modified = by.us / 1'000'000;
  row.first_module = static_cast<int>(modules_.size());
  row.enrol_manual = next_enrol_++;
  row.enrol_cohort = next_enrol_++;
  row.enrol_self = next_enrol_++;
  courses_.push_back(std::move(row));
  Course& added = courses_.back();
  GradeItem total;
  total.id = static_cast<int64_t>(grade_items_.size()) + 1;
  total.course = added.id;
  total.type = "course";
  total.instance = added.id;
  total.max = 100'000;
  total.created = added.created;
  added.total_item = total.id;
  grade_items_.push_back(std::move(total));
  Event event = InCourse(event_type::kCourseCreated, added, by);
  event.object_id = added.id;
  JsonObject(&event.other).Text("fullname", added.fullname).Text("shortname", added.shortname).Close();
  event.state = StateOf(*this, added);
  Emit(&event);
  if (restored) {
    Moment restore = by;
    restore.origin = Origin::kRestore;
    Event again = InCourse(event_type::kCourseRestored, added, restore);
    again.object_id = added.id;
    again.other =
        R"({"type":"course","target":2,"mode":10,"operation":"restore","samesite":true,"originalcourseid":0})";
    Emit(&again);
  }
  return added.id;
}

int64_t World::AddModule(Module row, int64_t grade_max, int64_t grade_pass, const Moment& by) {
  row.id = static_cast<int64_t>(modules_.size()) + kFirstCmid;
  row.context = next_context_++;
  row.instance = next_instance_[static_cast<size_t>(row.kind)]++;
  row.added = by.us / 1'000'000;
  Course& in = mutable_course(row.course);
  ++in.modules;
  if (grade_max > 0) {
    GradeItem item;
    item.id = static_cast<int64_t>(grade_items_.size()) + 1;
    item.course = row.course;
    item.cmid = row.id;
    item.instance = row.instance;
    item.type = "mod";
    item.module = std::string(ModuleName(row.kind));
    item.name = row.name;
    item.max = grade_max;
    item.pass = grade_pass;
    item.created = row.added;
    row.item = item.id;
    grade_items_.push_back(std::move(item));
  }
  if (row.kind == ModuleKind::kFeedback) {
    for (const Question& q : kQuestions) {
      feedback_items_.push_back(
          {static_cast<int64_t>(feedback_items_.size()) + 1, row.instance, q.typ, q.label, q.name, q.presentation});
    }
  }
  modules_.push_back(std::move(row));
  const Module& added = modules_.back();
  Event event = InModule(event_type::kModuleCreated, added, by);
  event.object_id = added.id;
  JsonObject(&event.other)
      .Text("modulename", ModuleName(added.kind))
      .Int("instanceid", added.instance)
      .Text("name", added.name)
      .Close();
  event.state = StateOf(*this, added);
  Emit(&event);
  if (added.item != 0) {
    const GradeItem& item = grade_items_.back();
    Event created = InCourse(event_type::kGradeItemCreated, in, by);
    created.object_id = item.id;
    JsonObject(&created.other)
        .Text("itemname", item.name)
        .Text("itemtype", "mod")
        .Text("itemmodule", item.module)
        .Close();
    created.state = StateOf(*this, item);
    Emit(&created);
    // Setting weights updates every item of the course again: the volume that makes readers filter early.
    Event updated = InCourse(event_type::kGradeItemUpdated, in, by);
    updated.object_id = item.id;
    updated.other = created.other;
    updated.state = created.state;
    Emit(&updated);
  }
  return added.id;
}

int64_t World::AddGroup(Group row, const Moment& by) {
  row.id = static_cast<int64_t>(groups_.size()) + 1;
  row.created = by.us / 1'000'000;
  groups_.push_back(std::move(row));
  const Group& added = groups_.back();
  Event event = InCourse(event_type::kGroupCreated, course(added.course), by);
  event.object_id = added.id;
  event.state = StateOf(*this, added);
  Emit(&event);
  return added.id;
}

int64_t World::AddCohort(Cohort row, const Moment& by) {
  row.id = static_cast<int64_t>(cohorts_.size()) + 1;
  row.created = by.us / 1'000'000;
  cohorts_.push_back(std::move(row));
  Event event = Start(event_type::kCohortCreated, by);
  event.object_id = cohorts_.back().id;
  event.state = StateOf(*this, cohorts_.back());
  Emit(&event);
  return cohorts_.back().id;
}

void World::AddCohortMember(int64_t cohort, int64_t whom, const Moment& by) {
  cohort_members_.push_back({static_cast<int64_t>(cohort_members_.size()) + 1, cohort, whom, by.us / 1'000'000, false});
  Event event = Start(event_type::kCohortMemberAdded, by);
  event.object_id = cohort;
  event.related_user = whom;
  event.state = StateOf(*this, cohort_members_.back());
  Emit(&event);
}

int World::AddParticipation(int64_t whom, int64_t in, int64_t role) {
  Participation p;
  p.user = whom;
  p.course = in;
  p.role = role;
  const int index = static_cast<int>(participations_.size());
  participations_.push_back(std::move(p));
  enrolments_of_.emplace_back();
  roles_of_.emplace_back();
  participations_of_[static_cast<size_t>(whom)].push_back(index);
  return index;
}

bool World::IsOpen(int index) const {
  const Participation& p = participation(index);
  return p.open_enrolments > 0 && !user(p.user).deleted && !user(p.user).suspended;
}

bool World::IsEnrolled(int index) const {
  for (int row : enrolments_of_[static_cast<size_t>(index)]) {
    if (!enrolments_[static_cast<size_t>(row)].removed) return true;
  }
  return false;
}

int World::FindParticipation(int64_t whom, int64_t in) const {
  if (whom < 1 || whom >= static_cast<int64_t>(participations_of_.size())) return -1;
  for (int index : participations_of_[static_cast<size_t>(whom)]) {
    if (participation(index).course == in) return index;
  }
  return -1;
}

void World::CorrectUser(int64_t whom, const Moment& by) {
  User& row = mutable_user(whom);
  if (row.birth.empty()) {
    row.birth = Concat(1980 + whom % 25, "-0", 1 + whom % 9, "-", 10 + whom % 18);
  } else {
    row.area = row.area == "rural" ? "périurbain" : "rural";
  }
  row.modified = by.us / 1'000'000;
  Event event = Start(event_type::kUserUpdated, by);
  event.object_id = event.related_user = event.context_instance = whom;
  event.context_id = row.context;
  event.state = StateOf(*this, row);
  Emit(&event);
}

void World::MoveCourseEnd(int64_t id, int64_t end, const Moment& by) {
  Course& row = mutable_course(id);
  row.end = end;
  row.modified = by.us / 1'000'000;
  Event event = InCourse(event_type::kCourseUpdated, row, by);
  event.object_id = id;
  JsonObject fields(&event.other);
  fields.Text("shortname", row.shortname).Text("fullname", row.fullname);
  fields.Raw("updatedfields", "{\"enddate\":" + std::to_string(end) + "}").Close();
  event.state = StateOf(*this, row);
  Emit(&event);
}

}  // namespace compagnon::moodle_double
