#ifndef COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_WORLD_H_
#define COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_WORLD_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "moodle_double/simulation/event.h"
#include "moodle_double/simulation/random.h"

namespace compagnon::moodle_double {

// Rows of the simulated Moodle's tables. Every table is sorted by id; ids are never used twice; `removed` rows are no
// longer shown. Times are UTC seconds, 0 = none; grades are thousandths. `created` 0 = not created yet.
struct User {
  int64_t id = 0, context = 0;
  std::string username, idnumber, firstname, lastname, email, lang, country, city, institution;
  std::string sex, birth, area, operator_name;  // the site's own profile fields; "" = not filled in
  bool suspended = false, deleted = false;
  int64_t created = 0, modified = 0, first_access = 0, last_access = 0;
};
struct Category {
  int64_t id = 0, context = 0, parent = 0, created = 0;
  int depth = 1, order = 0;
  std::string name, idnumber, path;
};
struct Course {
  int64_t id = 0, context = 0, category = 0, created = 0, modified = 0, start = 0, end = 0;
  int64_t enrol_manual = 0, enrol_cohort = 0, enrol_self = 0;
  std::string fullname, shortname, idnumber, programme;
  bool visible = true;
  int first_module = 0, modules = 0;  // indexes into World::modules
  int64_t total_item = 0;             // grade item of the course's total
};
enum class ModuleKind : uint8_t { kPage, kUrl, kForum, kQuiz, kFeedback, kScorm, kAssign };
std::string_view ModuleName(ModuleKind kind);
struct Module {
  int64_t id = 0, context = 0, course = 0, instance = 0, added = 0, due = 0;
  ModuleKind kind = ModuleKind::kPage;
  std::string name, idnumber;
  int section = 0, tracking = 2;  // 0 none, 1 manual, 2 automatic
  bool criterion = false, anonymous = false, announcements = false;
  int64_t item = 0;  // its grade item, 0 = none
};
struct GradeItem {
  int64_t id = 0, course = 0, cmid = 0, instance = 0, created = 0, max = 0, pass = 0;
  std::string type, module, name;
};
struct Role {
  int64_t id = 0;
  std::string_view shortname, archetype;
};
struct Enrolment {
  int64_t id = 0, enrol_id = 0, course = 0, user = 0, start = 0, end = 0, created = 0, modified = 0, modifier = 0;
  std::string_view method;
  bool suspended = false, removed = false;
};
struct RoleAssignment {
  int64_t id = 0, role = 0, context = 0, course = 0, user = 0, modified = 0;
  bool removed = false;
};
struct Group {
  int64_t id = 0, course = 0, created = 0;
  std::string name, idnumber;
};
struct GroupMember {
  int64_t id = 0, group = 0, course = 0, user = 0, added = 0;
  bool removed = false;
};
struct Cohort {
  int64_t id = 0, created = 0;
  std::string name, idnumber;
};
struct CohortMember {
  int64_t id = 0, cohort = 0, user = 0, added = 0;
  bool removed = false;
};
struct Completion {
  int64_t id = 0, cmid = 0, course = 0, user = 0, modified = 0;
  int state = 0;
};
struct CourseCompletion {
  int64_t id = 0, course = 0, user = 0, enrolled = 0, started = 0, completed = 0;
};
struct Grade {
  int64_t id = 0, item = 0, course = 0, user = 0, final_grade = 0, created = 0, modified = 0, grader = 0;
};
struct Post {
  int64_t id = 0, discussion = 0, forum = 0, cmid = 0, course = 0, user = 0, parent = 0, created = 0;
};
struct FeedbackItem {
  int64_t id = 0, feedback = 0;
  std::string_view typ, label, name, presentation;
};
struct Answer {
  int64_t id = 0, completed = 0, cmid = 0, course = 0, item = 0, user = 0, modified = 0;
  int value = 0;  // -1 for free text, which is never kept here
  bool anonymous = false;
};
struct Certificate {
  int64_t id = 0, user = 0, course = 0, created = 0;
  std::string code;
};

// One person in one course: what Moodle finds by a join, kept at hand.
struct Participation {
  int64_t user = 0, course = 0;
  int64_t role = 5;
  int64_t group = 0;
  int64_t group_member = 0;          // id in `group_members`
  int64_t open_attempt = 0;          // quiz attempt that was started last
  int64_t course_completion = 0;     // id, 0 = none
  int64_t completed = 0;             // when, 0 = not
  int open_enrolments = 0;           // methods that enrol the person now
  std::vector<int64_t> completions;  // id in `completions` per module of the course, 0 = none
  std::vector<int64_t> grades;       // id in `grades` per module; the last one is the course's total
  std::vector<uint8_t> attempts;     // quiz or SCORM attempts per module
};

// Who does something, when and from where.
struct Moment {
  int64_t us = 0;
  int64_t user = 0;
  Origin origin = Origin::kWeb;
  int64_t real_user = 0;
};

// The state of a simulated Moodle. Each action changes the tables and tells the sink the events Moodle would dispatch,
// in its order. Deterministic: no clock, and no randomness but the seed's. Not safe for concurrent use.
class World {
 public:
  World(std::string code, std::string title, std::string zone, uint64_t seed, EventSink* sink);

  void set_sink(EventSink* sink) { sink_ = sink; }

  // Setting the site up.
  // A person known in advance, who is nowhere to be seen until created; returns the id.
  int64_t PrepareUser(User user);
  void CreateUser(int64_t user, const Moment& by);
  int64_t AddCategory(std::string name, std::string idnumber, int64_t parent, const Moment& by);
  int64_t AddCourse(Course course, const Moment& by, bool restored);
  int64_t AddModule(Module module, int64_t grade_max, int64_t grade_pass, const Moment& by);
  int64_t AddGroup(Group group, const Moment& by);
  int64_t AddCohort(Cohort cohort, const Moment& by);
  void AddCohortMember(int64_t cohort, int64_t user, const Moment& by);
  // A participation without any enrolment yet; returns its index.
  int AddParticipation(int64_t user, int64_t course, int64_t role);

  // Enrolling. `method` is manual, cohort or self.
  void Enrol(int participation, std::string_view method, int64_t start, int64_t end, const Moment& by);
  void SetSuspended(int participation, bool suspended, const Moment& by);
  void Unenrol(int participation, std::string_view method, const Moment& by);
  void JoinGroup(int participation, int64_t group, const Moment& by);
  // Somebody in the office corrects what a person's profile says: a missing birth date, or the area.
  void CorrectUser(int64_t user, const Moment& by);
  void DeleteUser(int64_t user, const Moment& by);
  void MoveCourseEnd(int64_t course, int64_t end, const Moment& by);

  // What people do.
  void LogIn(const Moment& at);
  void LogInFailed(const Moment& at);
  void LogOut(const Moment& at);
  void LogInAs(int participation, const Moment& at);
  void ViewDashboard(const Moment& at);
  void ViewCourse(int64_t course, const Moment& at);
  void ViewModule(int module, const Moment& at);
  void ViewDiscussion(int module, int64_t discussion, const Moment& at);
  void ViewUserReport(int64_t course, const Moment& at);
  void ViewGraderReport(int64_t course, const Moment& at);
  void ViewParticipants(int64_t course, const Moment& at);
  void ViewProfile(int64_t whom, int64_t course, const Moment& at);
  void SendMessage(int64_t to, const Moment& at);
  void CallWebservice(std::string_view function, const Moment& at);
  void CompleteByView(int participation, int module, const Moment& at);
  void StartQuiz(int participation, int module, const Moment& at);
  void SubmitQuiz(int participation, int module, int64_t score, const Moment& at);
  void PlayScorm(int participation, int module, int64_t score, bool finished, const Moment& at);
  // Returns the post's id.
  int64_t StartDiscussion(int participation, int module, const Moment& at);
  int64_t Reply(int participation, int64_t post, const Moment& at);
  void AnswerFeedback(int participation, int module, int satisfaction, int recommendation, const Moment& at);
  void SubmitAssignment(int participation, int module, const Moment& at);
  void GradeAssignment(int participation, int module, int64_t score, const Moment& at);
  void IssueCertificate(int participation, bool badge, const Moment& at);
  // A change that nobody dispatches an event for.
  void ChangeSilently(int64_t user, std::string area) { mutable_user(user).area = std::move(area); }
  // A row of its own making, for provoking what a real site never says.
  void Tell(const Event& event) { sink_->OnEvent(event); }

  // Look-ups; the id must exist.
  const User& user(int64_t id) const { return users_[static_cast<size_t>(id - 1)]; }
  const Course& course(int64_t id) const { return courses_[static_cast<size_t>(id - 1)]; }
  const Module& module(int index) const { return modules_[static_cast<size_t>(index)]; }
  const GradeItem& grade_item(int64_t id) const { return grade_items_[static_cast<size_t>(id - 1)]; }
  const Participation& participation(int index) const { return participations_[static_cast<size_t>(index)]; }
  // False when the person is not enrolled, suspended or deleted.
  bool IsOpen(int participation) const;
  // True while an enrolment is there, suspended or not.
  bool IsEnrolled(int participation) const;
  // -1 when the person never had anything to do with the course.
  int FindParticipation(int64_t user, int64_t course) const;
  const std::vector<int>& participations_of(int64_t user) const {
    return participations_of_[static_cast<size_t>(user)];
  }
  int module_index(int64_t cmid) const { return static_cast<int>(cmid - kFirstCmid); }

  const std::string& code() const { return code_; }
  const std::string& title() const { return title_; }
  const std::string& zone() const { return zone_; }
  const std::vector<User>& users() const { return users_; }
  const std::vector<Category>& categories() const { return categories_; }
  const std::vector<Course>& courses() const { return courses_; }
  const std::vector<Module>& modules() const { return modules_; }
  const std::vector<GradeItem>& grade_items() const { return grade_items_; }
  const std::vector<Enrolment>& enrolments() const { return enrolments_; }
  const std::vector<RoleAssignment>& role_assignments() const { return role_assignments_; }
  const std::vector<Group>& groups() const { return groups_; }
  const std::vector<GroupMember>& group_members() const { return group_members_; }
  const std::vector<Cohort>& cohorts() const { return cohorts_; }
  const std::vector<CohortMember>& cohort_members() const { return cohort_members_; }
  const std::vector<Completion>& completions() const { return completions_; }
  const std::vector<CourseCompletion>& course_completions() const { return course_completions_; }
  const std::vector<Grade>& grades() const { return grades_; }
  const std::vector<Post>& posts() const { return posts_; }
  const std::vector<FeedbackItem>& feedback_items() const { return feedback_items_; }
  const std::vector<Answer>& answers() const { return answers_; }
  const std::vector<Certificate>& certificates() const { return certificates_; }
  const std::vector<Participation>& participations() const { return participations_; }
  static const std::array<Role, 7>& roles();

  static constexpr int64_t kSystemContext = 1;
  static constexpr int64_t kAdmin = 2;
  static constexpr int64_t kServiceAccount = 3;

 private:
  static constexpr int64_t kFirstCmid = 1;

  Event Start(const EventType& type, const Moment& at);
  Event InCourse(const EventType& type, const Course& course, const Moment& at);
  Event InModule(const EventType& type, const Module& module, const Moment& at);
  void Emit(Event* event);
  std::string Address(int64_t user, Origin origin) const;
  User& mutable_user(int64_t id) { return users_[static_cast<size_t>(id - 1)]; }
  Course& mutable_course(int64_t id) { return courses_[static_cast<size_t>(id - 1)]; }
  Participation& mutable_participation(int index) { return participations_[static_cast<size_t>(index)]; }
  int Slot(const Participation& p, int module) const { return module - course(p.course).first_module; }
  void SetCompletion(int participation, int module, int state, const Moment& at);
  void SetGrade(int participation, int slot, int64_t item, int64_t grade, int64_t grader, const Moment& at);
  void GradeModule(int participation, int module, int64_t grade, int64_t grader, const Moment& at);
  void CompleteCourseIfDone(int participation, const Moment& at);
  int64_t AddPost(int participation, Post post, const Moment& at);

  const std::string code_, title_, zone_;
  EventSink* sink_;
  Random random_;
  int64_t next_context_ = 2;
  int64_t next_attempt_ = 1, next_submission_ = 1, next_assign_grade_ = 1, next_message_ = 1, next_response_ = 1,
          next_sco_value_ = 1;
  int64_t next_discussion_ = 1, next_enrol_ = 1;
  std::array<int64_t, 7> next_instance_ = {1, 1, 1, 1, 1, 1, 1};
  std::vector<User> users_;
  std::vector<Category> categories_;
  std::vector<Course> courses_;
  std::vector<Module> modules_;
  std::vector<GradeItem> grade_items_;
  std::vector<Enrolment> enrolments_;
  std::vector<RoleAssignment> role_assignments_;
  std::vector<Group> groups_;
  std::vector<GroupMember> group_members_;
  std::vector<Cohort> cohorts_;
  std::vector<CohortMember> cohort_members_;
  std::vector<Completion> completions_;
  std::vector<CourseCompletion> course_completions_;
  std::vector<Grade> grades_;
  std::vector<Post> posts_;
  std::vector<FeedbackItem> feedback_items_;
  std::vector<Answer> answers_;
  std::vector<Certificate> certificates_;
  std::vector<Participation> participations_;
  std::vector<std::vector<int>> enrolments_of_;      // per participation: indexes into enrolments_
  std::vector<std::vector<int>> roles_of_;           // per participation: indexes into role_assignments_
  std::vector<std::vector<int>> participations_of_;  // per user id
};

// The state of a row, as the plugin stores it with an event and as the export answers it (proto/bridge/README.md).
std::string StateOf(const World& world, const User& row);
std::string StateOf(const World& world, const Category& row);
std::string StateOf(const World& world, const Course& row);
std::string StateOf(const World& world, const Module& row);
std::string StateOf(const World& world, const Role& row);
std::string StateOf(const World& world, const GradeItem& row);
std::string StateOf(const World& world, const Enrolment& row);
std::string StateOf(const World& world, const RoleAssignment& row);
std::string StateOf(const World& world, const Group& row);
std::string StateOf(const World& world, const GroupMember& row);
std::string StateOf(const World& world, const Cohort& row);
std::string StateOf(const World& world, const CohortMember& row);
std::string StateOf(const World& world, const Completion& row);
std::string StateOf(const World& world, const CourseCompletion& row);
std::string StateOf(const World& world, const Grade& row);
std::string StateOf(const World& world, const Post& row);
std::string StateOf(const World& world, const Answer& row);
std::string StateOf(const World& world, const Certificate& row);

}  // namespace compagnon::moodle_double

#endif  // COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_WORLD_H_
