#include <algorithm>

#include "moodle_double/simulation/json_text.h"
#include "moodle_double/simulation/world.h"

namespace compagnon::moodle_double {
namespace {

constexpr int64_t kNobody = -1;  // Moodle writes -1 for a grade nobody gave

}  // namespace

void World::LogIn(const Moment& at) {
  User& row = mutable_user(at.user);
  row.last_access = at.us / 1'000'000;
  if (row.first_access == 0) row.first_access = row.last_access;
  Event event = Start(event_type::kUserLoggedIn, at);
  event.object_id = at.user;
  JsonObject(&event.other).Text("username", row.username).Raw("extrauserinfo", "[]").Close();
  Emit(&event);
}

void World::LogInFailed(const Moment& at) {
  Event event = Start(event_type::kUserLoginFailed, at);
  JsonObject(&event.other).Text("username", user(at.user).username).Int("reason", 3).Close();
  Emit(&event);
}

void World::LogOut(const Moment& at) {
  Event event = Start(event_type::kUserLoggedOut, at);
  event.object_id = at.user;
  event.other = R"({"sessionid":"REDACTED"})";
  Emit(&event);
}

void World::LogInAs(int index, const Moment& at) {
  const Participation& p = participation(index);
  Event event = InCourse(event_type::kUserLoggedInAs, course(p.course), at);
  event.object_id = at.user;
  event.related_user = p.user;
  JsonObject(&event.other)
      .Text("originalusername", user(at.user).username)
      .Text("loggedinasusername", user(p.user).username)
      .Close();
  Emit(&event);
  // What follows is done under the learner's id, by somebody else.
  Moment as = at;
  as.user = p.user;
  as.real_user = at.user;
  as.us += 4'000'000;
  ViewCourse(p.course, as);
}

void World::ViewDashboard(const Moment& at) {
  Event event = Start(event_type::kDashboardViewed, at);
  event.context_id = user(at.user).context;
  event.context_instance = event.related_user = at.user;
  Emit(&event);
}

void World::ViewCourse(int64_t id, const Moment& at) {
  mutable_user(at.user).last_access = at.us / 1'000'000;
  Event event = InCourse(event_type::kCourseViewed, course(id), at);
  Emit(&event);
}

void World::ViewModule(int index, const Moment& at) {
  const Module& m = module(index);
  Event event = InModule(event_type::ModuleViewed(ModuleName(m.kind)), m, at);
  event.object_id = m.instance;
  if (m.kind == ModuleKind::kFeedback) event.other = m.anonymous ? R"({"anonymous":"1"})" : R"({"anonymous":"2"})";
  Emit(&event);
}

void World::ViewDiscussion(int index, int64_t discussion, const Moment& at) {
  Event event = InModule(event_type::kForumDiscussionViewed, module(index), at);
  event.object_id = discussion;
  Emit(&event);
}

void World::ViewUserReport(int64_t id, const Moment& at) {
  Event event = InCourse(event_type::kUserReportViewed, course(id), at);
  event.related_user = at.user;
  Emit(&event);
}

void World::ViewGraderReport(int64_t id, const Moment& at) {
  Event event = InCourse(event_type::kGraderReportViewed, course(id), at);
  Emit(&event);
}

void World::ViewParticipants(int64_t id, const Moment& at) {
  const Course& in = course(id);
  Event event = InCourse(event_type::kUserListViewed, in, at);
  event.object_id = id;
  JsonObject(&event.other).Text("courseshortname", in.shortname).Text("coursefullname", in.fullname).Close();
  Emit(&event);
}

void World::ViewProfile(int64_t whom, int64_t in, const Moment& at) {
  Event event = Start(event_type::kUserProfileViewed, at);
  event.object_id = event.related_user = event.context_instance = whom;
  event.context_id = user(whom).context;
  event.course = in;
  JsonObject(&event.other).Int("courseid", in).Text("courseshortname", course(in).shortname).Close();
  Emit(&event);
}

void World::SendMessage(int64_t to, const Moment& at) {
  Event event = Start(event_type::kMessageSent, at);
  event.object_id = next_message_++;
  event.related_user = to;
  event.other = R"({"courseid":1})";
  Emit(&event);
}

void World::CallWebservice(std::string_view function, const Moment& at) {
  Event event = Start(event_type::kWebserviceCalled, at);
  JsonObject(&event.other).Text("function", function).Close();
  Emit(&event);
}

void World::SetCompletion(int index, int module_index, int state, const Moment& at) {
  Participation& p = mutable_participation(index);
  const Module& m = module(module_index);
  if (m.tracking == 0) return;
  const size_t slot = static_cast<size_t>(Slot(p, module_index));
  if (p.completions.size() <= slot) p.completions.resize(static_cast<size_t>(course(p.course).modules));
  int64_t& id = p.completions[slot];
  if (id == 0) {
    id = static_cast<int64_t>(completions_.size()) + 1;
    completions_.push_back({id, m.id, p.course, p.user, 0, -1});
  }
  Completion& row = completions_[static_cast<size_t>(id - 1)];
  if (row.state == state || row.state == 2) return;
  row.state = state;
  row.modified = at.us / 1'000'000;
  Event event = InModule(event_type::kModuleCompletionUpdated, m, at);
  event.object_id = id;
  event.related_user = p.user;
  JsonObject(&event.other).Int("relateduserid", p.user).Raw("overrideby", "").Int("completionstate", state).Close();
  event.state = StateOf(*this, row);
  Emit(&event);
  CompleteCourseIfDone(index, at);
}

void World::CompleteCourseIfDone(int index, const Moment& at) {
  Participation& p = mutable_participation(index);
  if (p.completed != 0) return;
  const Course& in = course(p.course);
  bool any = false;
  for (int i = 0; i < in.modules; ++i) {
    if (!module(in.first_module + i).criterion) continue;
    any = true;
    if (static_cast<size_t>(i) >= p.completions.size() || p.completions[static_cast<size_t>(i)] == 0) return;
    const int state = completions_[static_cast<size_t>(p.completions[static_cast<size_t>(i)] - 1)].state;
    if (state != 1 && state != 2) return;
  }
  if (!any) return;
  p.completed = at.us / 1'000'000;
  const auto& enrolled = enrolments_of_[static_cast<size_t>(index)];
  CourseCompletion row;
  row.id = p.course_completion = static_cast<int64_t>(course_completions_.size()) + 1;
  row.course = p.course;
  row.user = p.user;
  row.enrolled = enrolled.empty() ? 0 : enrolments_[static_cast<size_t>(enrolled.front())].created;
  row.started = user(p.user).first_access;
  row.completed = p.completed;
  course_completions_.push_back(row);
  // Dispatched in the request of the last criterion; the person it happened to is also its actor there.
  Moment self = at;
  if (self.origin != Origin::kCli) self.user = p.user;
  Event event = InCourse(event_type::kCourseCompleted, in, self);
  event.object_id = row.id;
  event.related_user = p.user;
  JsonObject(&event.other).Int("relateduserid", p.user).Close();
  event.state = StateOf(*this, row);
  Emit(&event);
}

void World::SetGrade(int index, int slot, int64_t item, int64_t grade, int64_t grader, const Moment& at) {
  Participation& p = mutable_participation(index);
  const size_t size = static_cast<size_t>(course(p.course).modules) + 1;
  if (p.grades.size() < size) p.grades.resize(size);
  int64_t& id = p.grades[static_cast<size_t>(slot)];
  const int64_t now = at.us / 1'000'000;
  if (id == 0) {
    id = static_cast<int64_t>(grades_.size()) + 1;
    grades_.push_back({id, item, p.course, p.user, 0, now, now, grader});
  }
  Grade& row = grades_[static_cast<size_t>(id - 1)];
  row.final_grade = grade;
  row.modified = now;
  row.grader = grader == kNobody ? 0 : grader;
  Moment by = at;
  by.user = grader;
  Event event = InCourse(event_type::kUserGraded, course(p.course), by);
  event.object_id = id;
  event.related_user = p.user;
  JsonObject(&event.other)
      .Text("itemid", std::to_string(item))
      .Raw("overridden", "false")
      .Thousandths("finalgrade", grade)
      .Close();
  event.state = StateOf(*this, row);
  Emit(&event);
}

void World::GradeModule(int index, int module_index, int64_t grade, int64_t grader, const Moment& at) {
  const Module& m = module(module_index);
  if (m.item == 0) return;
  const Participation& p = participation(index);
  const Course& in = course(p.course);
  SetGrade(index, module_index - in.first_module, m.item, grade, grader, at);
  // The course's total is the mean of what is graded so far, in percent of each maximum.
  int64_t sum = 0, n = 0;
  for (int i = 0; i < in.modules; ++i) {
    const int64_t id = participation(index).grades[static_cast<size_t>(i)];
    if (id == 0) continue;
    const Grade& g = grades_[static_cast<size_t>(id - 1)];
    sum += g.final_grade * 100'000 / grade_item(g.item).max;
    ++n;
  }
  SetGrade(index, in.modules, in.total_item, n == 0 ? 0 : sum / n, kNobody, at);
}

void World::CompleteByView(int index, int module_index, const Moment& at) { SetCompletion(index, module_index, 1, at); }

void World::StartQuiz(int index, int module_index, const Moment& at) {
  Participation& p = mutable_participation(index);
  Event event = InModule(event_type::kQuizAttemptStarted, module(module_index), at);
  event.object_id = p.open_attempt = next_attempt_++;
  event.related_user = p.user;
  if (p.attempts.size() <= static_cast<size_t>(Slot(p, module_index)))
    p.attempts.resize(static_cast<size_t>(course(p.course).modules));
  const int attempt = ++p.attempts[static_cast<size_t>(Slot(p, module_index))];
  JsonObject state(&event.state);
  state.Int("id", event.object_id)
      .Int("quiz", module(module_index).instance)
      .Int("userid", p.user)
      .Int("attempt", attempt);
  state.Text("state", "inprogress")
      .Int("timestart", at.us / 1'000'000)
      .Int("timefinish", 0)
      .Raw("sumgrades", "")
      .Close();
  Emit(&event);
}

void World::SubmitQuiz(int index, int module_index, int64_t score, const Moment& at) {
  const Participation& p = participation(index);
  const Module& m = module(module_index);
  const GradeItem& item = grade_item(m.item);
  const int64_t before = p.grades.empty() ? 0 : p.grades[static_cast<size_t>(Slot(p, module_index))];
  Event event = InModule(event_type::kQuizAttemptSubmitted, m, at);
  event.object_id = p.open_attempt;
  event.related_user = p.user;
  JsonObject(&event.other)
      .Raw("submitterid", "")
      .Text("quizid", std::to_string(m.instance))
      .Raw("studentisonline", "false")
      .Close();
  JsonObject state(&event.state);
  state.Int("id", event.object_id).Int("quiz", m.instance).Int("userid", p.user);
  state.Int("attempt", p.attempts.empty() ? 1 : p.attempts[static_cast<size_t>(Slot(p, module_index))])
      .Text("state", "finished");
  state.Int("timestart", 0).Int("timefinish", at.us / 1'000'000).Thousandths("sumgrades", score).Close();
  Emit(&event);
  // The best attempt counts; Moodle grades again even when nothing changes.
  const int64_t best = before == 0 ? score : std::max(score, grades_[static_cast<size_t>(before - 1)].final_grade);
  GradeModule(index, module_index, best, kNobody, at);
  SetCompletion(index, module_index, best >= item.pass ? 2 : 3, at);
}

void World::PlayScorm(int index, int module_index, int64_t score, bool finished, const Moment& at) {
  const Participation& p = participation(index);
  const Module& m = module(module_index);
  Event launched = InModule(event_type::kScormScoLaunched, m, at);
  launched.object_id = m.instance * 2;
  JsonObject(&launched.other).Int("instanceid", m.instance).Text("loadedcontent", "launch.php").Close();
  Emit(&launched);
  auto submit = [&](const EventType& type, std::string_view element, std::string_view value) {
    Event event = InModule(type, m, at);
    event.object_id = next_sco_value_++;
    event.related_user = p.user;
    JsonObject(&event.other).Text("attemptid", "1").Text("cmielement", element).Text("cmivalue", value).Close();
    Emit(&event);
  };
  submit(event_type::kScormStatusSubmitted, "cmi.core.lesson_status", finished ? "completed" : "incomplete");
  if (!finished) return;
  submit(event_type::kScormScoreSubmitted, "cmi.core.score.raw", std::to_string(score / 1000));
  GradeModule(index, module_index, score, kNobody, at);
  SetCompletion(index, module_index, 1, at);
}

int64_t World::AddPost(int index, Post post, const Moment& at) {
  const Participation& p = participation(index);
  const Module& m = module(module_index(post.cmid));
  post.id = static_cast<int64_t>(posts_.size()) + 1;
  post.forum = m.instance;
  post.course = p.course;
  post.user = p.user;
  post.created = at.us / 1'000'000;
  const bool first = post.discussion == 0;
  if (first) post.discussion = next_discussion_++;
  posts_.push_back(post);
  Event event = InModule(first ? event_type::kForumDiscussionCreated : event_type::kForumPostCreated, m, at);
  event.object_id = first ? post.discussion : post.id;
  if (first) {
    JsonObject(&event.other).Text("forumid", std::to_string(m.instance)).Close();
  } else {
    JsonObject other(&event.other);
    other.Int("discussionid", post.discussion).Text("forumid", std::to_string(m.instance));
    other.Text("forumtype", m.announcements ? "news" : "general").Close();
  }
  event.state = StateOf(*this, post);
  Emit(&event);
  return post.id;
}

int64_t World::StartDiscussion(int index, int module_index, const Moment& at) {
  Post post;
  post.cmid = module(module_index).id;
  return AddPost(index, post, at);
}

int64_t World::Reply(int index, int64_t to, const Moment& at) {
  const Post& parent = posts_[static_cast<size_t>(to - 1)];
  Post post;
  post.cmid = parent.cmid;
  post.discussion = parent.discussion;
  post.parent = parent.id;
  return AddPost(index, post, at);
}

void World::AnswerFeedback(int index, int module_index, int satisfaction, int recommendation, const Moment& at) {
  const Participation& p = participation(index);
  const Module& m = module(module_index);
  const int64_t completed = next_response_++;
  for (const FeedbackItem& item : feedback_items_) {
    if (item.feedback != m.instance) continue;
    const int value = item.label == "cmp_sat" ? satisfaction : item.label == "cmp_nps" ? recommendation : -1;
    answers_.push_back({static_cast<int64_t>(answers_.size()) + 1, completed, m.id, p.course, item.id, p.user,
                        at.us / 1'000'000, value, m.anonymous});
  }
  Event event = InModule(event_type::kFeedbackSubmitted, m, at);
  event.object_id = completed;
  event.related_user = p.user;
  event.anonymous = m.anonymous;
  JsonObject other(&event.other);
  other.Text("cmid", std::to_string(m.id))
      .Text("instanceid", std::to_string(m.instance))
      .Text("anonymous", m.anonymous ? "1" : "2")
      .Close();
  JsonObject state(&event.state);
  state.Int("id", completed).Int("feedback", m.instance).Int("userid", p.user).Int("timemodified", at.us / 1'000'000);
  state.Int("anonymous_response", m.anonymous ? 1 : 2).Int("courseid", p.course).Close();
  Emit(&event);
  // An anonymous feedback that tracks completion would give the person away by the very next event.
  if (!m.anonymous) SetCompletion(index, module_index, 1, at);
}

void World::SubmitAssignment(int index, int module_index, const Moment& at) {
  const Participation& p = participation(index);
  const Module& m = module(module_index);
  Event event = InModule(event_type::kAssignSubmitted, m, at);
  event.object_id = next_submission_++;
  event.other = R"({"submission_editable":false})";
  JsonObject state(&event.state);
  state.Int("id", event.object_id)
      .Int("assignment", m.instance)
      .Int("userid", p.user)
      .Int("timemodified", at.us / 1'000'000);
  state.Text("status", "submitted").Int("attemptnumber", 0).Close();
  Emit(&event);
  SetCompletion(index, module_index, 1, at);
}

void World::GradeAssignment(int index, int module_index, int64_t score, const Moment& at) {
  const Participation& p = participation(index);
  Event event = InModule(event_type::kAssignGraded, module(module_index), at);
  event.object_id = next_assign_grade_++;
  event.related_user = p.user;
  Emit(&event);
  GradeModule(index, module_index, score, at.user, at);
}

void World::IssueCertificate(int index, bool badge, const Moment& at) {
  const Participation& p = participation(index);
  const Course& in = course(p.course);
  if (badge) {
    Event event = InCourse(event_type::kBadgeAwarded, in, at);
    event.object_id = p.course;
    event.related_user = p.user;
    JsonObject(&event.other).Raw("expiredate", "").Int("badgeissuedid", p.course_completion).Close();
    Emit(&event);
    return;
  }
  Certificate row;
  row.id = static_cast<int64_t>(certificates_.size()) + 1;
  row.user = p.user;
  row.course = p.course;
  row.created = at.us / 1'000'000;
  for (int i = 0; i < 10; ++i) row.code.push_back("ABCDEFGHJKLMNPQRSTUVWXYZ23456789"[random_.Below(32)]);
  certificates_.push_back(row);
  Event event = InCourse(event_type::kCertificateIssued, in, at);
  event.object_id = row.id;
  event.related_user = p.user;
  JsonObject(&event.other).Text("code", row.code).Close();
  event.state = StateOf(*this, row);
  Emit(&event);
}

}  // namespace compagnon::moodle_double
