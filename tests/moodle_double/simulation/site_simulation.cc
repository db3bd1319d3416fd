#include "moodle_double/simulation/site_simulation.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "moodle_double/simulation/names.h"

namespace compagnon::moodle_double {
namespace {

constexpr int64_t kHour = 3'600;
constexpr int64_t kSecondUs = 1'000'000;

SiteParameters Completed(SiteParameters p) {
  if (p.country.empty() && p.code.size() >= 2) {
    for (int i = 0; i < 2; ++i)
      p.country.push_back(static_cast<char>(std::toupper(static_cast<unsigned char>(p.code[static_cast<size_t>(i)]))));
  }
  if (p.country.empty() || CountryOf(p.country).code != p.country) p.country = "*";
  if (p.zone.empty()) p.zone = std::string(CountryOf(p.country).zone);
  return p;
}

std::string_view MethodName(int32_t method) {
  static constexpr std::string_view kNames[] = {"manual", "cohort", "self"};
  return method < 0 ? std::string_view() : kNames[method];
}

constexpr std::string_view kAppFunctions[] = {"core_course_get_contents",
                                              "core_completion_get_activities_completion_status",
                                              "tool_mobile_call_external_functions", "core_course_check_updates"};

// The making of a site walks from course to course; what it dispatches is put into the order of time.
class Sorted : public EventSink {
 public:
  void OnEvent(const Event& event) override { held_.push_back(event); }
  void PassOn(EventSink* sink) {
    std::stable_sort(held_.begin(), held_.end(),
                     [](const Event& a, const Event& b) { return a.recorded_us < b.recorded_us; });
    for (const Event& event : held_) sink->OnEvent(event);
  }

 private:
  std::vector<Event> held_;
};

}  // namespace

SiteSimulation::SiteSimulation(const SiteParameters& parameters, EventSink* sink)
    : parameters_(Completed(parameters)),
      calendar_(parameters_.zone, parameters_.now, parameters_.weeks),
      world_(parameters_.code, parameters_.title, parameters_.zone,
             SeedFor(parameters_.seed, parameters_.code + "rows"), nullptr),
      live_random_(SeedFor(parameters_.seed, parameters_.code + "live")) {
  Sorted sorted;
  world_.set_sink(&sorted);
  SetUp();
  world_.set_sink(sink);
  sorted.PassOn(sink);
}

int64_t SiteSimulation::AroundOutage(int64_t second) const {
  if (second < outage_begin_ || second >= outage_end_) return second;
  // Days of waiting are caught up in about a day and a half.
  const int64_t span = outage_end_ - outage_begin_;
  return outage_end_ + (second - outage_begin_) * (36 * kHour) / span;
}

void SiteSimulation::Plan(Happening happening) {
  happening.order = next_order_++;
  planned_.push(happening);
}

void SiteSimulation::PlanAll(const std::vector<Happening>& happenings) {
  for (const Happening& happening : happenings) Plan(happening);
}

void SiteSimulation::PlanWeek(int week) {
  for (size_t r = 0; r < runs_.size(); ++r) {
    for (int habit : runs_[r].habits) PlanLearner(&habits_[static_cast<size_t>(habit)], static_cast<int>(r), week);
    PlanStaff(runs_[r], week);
  }
}

void SiteSimulation::AdvanceTo(int64_t until_us) {
  for (;;) {
    const int64_t week_us = calendar_.DayStart(7 * next_week_) * kSecondUs;
    const int64_t first_us = planned_.empty() ? INT64_MAX : planned_.top().us;
    // A week is planned when it begins: what was done before decides what comes.
    if (week_us < until_us && week_us <= first_us) {
      PlanWeek(next_week_++);
      continue;
    }
    if (first_us >= until_us) return;
    const Happening next = planned_.top();
    planned_.pop();
    Apply(next);
  }
}

bool SiteSimulation::ActNow(int64_t now_us) {
  constexpr size_t kTogether = 24;  // people at work at the same time
  for (int tries = 0; live_.size() < kTogether && tries < 200; ++tries) {
    if (habits_.empty()) break;
    Habit& habit = habits_[static_cast<size_t>(live_random_.Below(static_cast<int64_t>(habits_.size())))];
    const CourseRun& run = runs_[static_cast<size_t>(run_of_[static_cast<size_t>(habit.participation)])];
    if (habit.fate == Fate::kNoShow || !MayAct(habit, now_us)) continue;
    std::vector<Happening> sitting;
    PlanSitting(&habit, run, now_us / kSecondUs, static_cast<int>(live_random_.Between(2, 5)), false, &sitting);
    live_.emplace_back(sitting.begin(), sitting.end());
  }
  while (!live_.empty()) {
    const size_t at = static_cast<size_t>(live_random_.Below(static_cast<int64_t>(live_.size())));
    if (live_[at].empty()) {
      live_[at].swap(live_.back());
      live_.pop_back();
      continue;
    }
    Happening next = live_[at].front();
    live_[at].pop_front();
    next.us = now_us;
    Apply(next);
    return true;
  }
  return false;
}

std::optional<Participation> SiteSimulation::WakeNow(int64_t now_us) {
  while (next_sleeper_ < habits_.size()) {
    const Habit& habit = habits_[next_sleeper_++];
    if (habit.fate != Fate::kNoShow || !MayAct(habit, now_us)) continue;
    Happening view;
    view.us = now_us;
    view.act = Act::kViewCourse;
    view.who = habit.participation;
    Apply(view);
    return world_.participation(habit.participation);
  }
  return std::nullopt;
}

bool SiteSimulation::MayAct(const Habit& habit, int64_t now_us) const {
  const CourseRun& run = runs_[static_cast<size_t>(run_of_[static_cast<size_t>(habit.participation)])];
  const int today = calendar_.DayOf(now_us / kSecondUs);
  return world_.IsOpen(habit.participation) && today >= habit.start_day && (run.end_day == 0 || today < run.end_day);
}

void SiteSimulation::FollowUp(const Happening& cause, int64_t post) {
  const int habit_index = habit_of_[static_cast<size_t>(cause.who)];
  if (habit_index < 0) return;
  Habit& habit = habits_[static_cast<size_t>(habit_index)];
  const CourseRun& run = runs_[static_cast<size_t>(run_of_[static_cast<size_t>(cause.who)])];
  Random& random = habit.random;
  const int64_t now = cause.us / kSecondUs;
  auto plan = [&](int64_t after, Act act, Origin origin, int32_t who, int32_t what, int32_t value) {
    Plan(Happening{AroundOutage(now + after) * kSecondUs, 0, act, origin, who, what, value});
  };
  switch (cause.act) {
    case Act::kAsk: {
      const int32_t discussion = static_cast<int32_t>(world_.posts()[static_cast<size_t>(post - 1)].discussion);
      const int32_t value = static_cast<int32_t>(post);
      const int tutor = habit.tutor >= 0 ? habit.tutor : run.coordinator;
      const size_t speed = random.Pick({700, 200, 100});  // soon, late, never
      if (speed < 2) {
        const int64_t delay =
            speed == 0 ? random.Between(1 * kHour, 40 * kHour) : random.Between(45 * kHour, 130 * kHour);
        plan(delay - 120, Act::kViewDiscussion, Origin::kWeb, tutor, cause.what, discussion);
        plan(delay, Act::kReply, Origin::kWeb, tutor, cause.what, value);
        if (random.Chance(600)) {
          plan(delay + random.Between(600, 30 * kHour), Act::kViewDiscussion, cause.origin, cause.who, cause.what,
               discussion);
        }
      }
      if (run.habits.size() > 1 && random.Chance(250)) {
        const int peer = run.habits[static_cast<size_t>(random.Below(static_cast<int64_t>(run.habits.size())))];
        const Habit& other = habits_[static_cast<size_t>(peer)];
        if (other.fate == Fate::kSteady && other.participation != cause.who) {
          plan(random.Between(300, 20 * kHour), Act::kReply, other.phone ? Origin::kMobile : Origin::kWeb,
               other.participation, cause.what, value);
        }
      }
      break;
    }
    case Act::kSubmitAssignment: {
      const int tutor = habit.tutor >= 0 ? habit.tutor : run.coordinator;
      if (tutor < 0 || random.Chance(60)) break;  // some work is never graded
      const int64_t max = world_.grade_item(world_.module(cause.what).item).max;
      const int64_t permille = std::clamp<int64_t>(habit.skill + random.Between(-250, 180), 50, 1000);
      plan(random.Between(20 * kHour, 220 * kHour), Act::kGradeAssignment, Origin::kWeb, cause.who, cause.what,
           static_cast<int32_t>(max * permille / 1000 / 1000 * 1000));
      break;
    }
    default:
      break;
  }
}

void SiteSimulation::Apply(const Happening& h) {
  Moment at{h.us, 0, h.origin, 0};
  const Moment coordinator{h.us, coordinator_, Origin::kWeb, 0};
  if (h.who >= 0) at.user = world_.participation(h.who).user;
  const int64_t course = h.who >= 0 ? world_.participation(h.who).course : 0;
  switch (h.act) {
    case Act::kCreateUser:
      return world_.CreateUser(h.what, coordinator);
    case Act::kUpdateUser: {
      if (world_.user(h.what).deleted) return;
      return world_.CorrectUser(h.what, coordinator);
    }
    case Act::kDeleteUser:
      return world_.DeleteUser(h.what, Moment{h.us, World::kAdmin, Origin::kWeb, 0});
    case Act::kEnrol: {
      if (world_.user(at.user).deleted) return;
      const int habit = habit_of_[static_cast<size_t>(h.who)];
      const auto method = static_cast<EnrolMethod>(h.value);
      // The manual method carries a begin date; the others begin when the row is made.
      const int64_t start = method == EnrolMethod::kManual && habit >= 0 ? h.us / kSecondUs : 0;
      return world_.Enrol(h.who, MethodName(h.value), start, 0, method == EnrolMethod::kSelf ? at : coordinator);
    }
    case Act::kUnenrol:
      return world_.Unenrol(h.who, MethodName(h.value), coordinator);
    case Act::kSuspend:
      return world_.SetSuspended(h.who, true, coordinator);
    case Act::kReactivate:
      return world_.SetSuspended(h.who, false, coordinator);
    case Act::kJoinGroup:
      return world_.JoinGroup(h.who, h.what, coordinator);
    case Act::kJoinCohort:
      return world_.AddCohortMember(h.what, at.user, coordinator);
    case Act::kMoveCourseEnd: {
      for (CourseRun& run : runs_) {
        if (run.course != h.what || run.end_day == 0) continue;
        run.end_day += h.value;
        world_.MoveCourseEnd(run.course, calendar_.DayStart(run.end_day - 1), coordinator);
      }
      return;
    }
    case Act::kLogInAs:
      return world_.LogInAs(h.who, coordinator);
    case Act::kGradeAssignment: {
      const int habit = habit_of_[static_cast<size_t>(h.who)];
      const int tutor = habits_[static_cast<size_t>(habit)].tutor;
      Moment by = coordinator;
      if (tutor >= 0) by.user = world_.participation(tutor).user;
      return world_.GradeAssignment(h.who, h.what, h.value, by);
    }
    case Act::kCertify: {
      const Moment cron{h.us, World::kAdmin, Origin::kCli, 0};
      world_.IssueCertificate(h.who, false, cron);
      if (h.value == 1) world_.IssueCertificate(h.who, true, cron);
      return;
    }
    case Act::kLogInFailed:
      return world_.LogInFailed(at);
    case Act::kLogIn:
      return world_.LogIn(at);
    case Act::kLogOut:
      return world_.LogOut(at);
    case Act::kViewDashboard:
      return world_.ViewDashboard(at);
    case Act::kSendMessage:
      return world_.SendMessage(h.what, at);
    case Act::kCallWebservice:
      return world_.CallWebservice(kAppFunctions[h.value], at);
    default:
      break;
  }
  // What follows is done inside the course: whoever is out of it, or suspended, is turned away.
  if (!world_.IsOpen(h.who)) return;
  const bool was_completed = world_.participation(h.who).completed != 0;
  switch (h.act) {
    case Act::kViewCourse:
      world_.ViewCourse(course, at);
      break;
    case Act::kViewModule:
      world_.ViewModule(h.what, at);
      break;
    case Act::kCompleteByView:
      world_.CompleteByView(h.who, h.what, at);
      break;
    case Act::kStartQuiz:
      world_.StartQuiz(h.who, h.what, at);
      break;
    case Act::kSubmitQuiz:
      world_.SubmitQuiz(h.who, h.what, h.value, at);
      break;
    case Act::kPlayScorm:
      world_.PlayScorm(h.who, h.what, h.value, h.value >= 0, at);
      break;
    case Act::kViewDiscussion:
      world_.ViewDiscussion(h.what, h.value, at);
      break;
    case Act::kAsk:
      FollowUp(h, world_.StartDiscussion(h.who, h.what, at));
      break;
    case Act::kReply:
      world_.Reply(h.who, h.value, at);
      break;
    case Act::kAnnounce:
      world_.StartDiscussion(h.who, h.what, at);
      break;
    case Act::kAnswerSurvey:
      world_.AnswerFeedback(h.who, h.what, h.value / 100, h.value % 100, at);
      break;
    case Act::kSubmitAssignment:
      world_.SubmitAssignment(h.who, h.what, at);
      FollowUp(h, 0);
      break;
    case Act::kViewUserReport:
      world_.ViewUserReport(course, at);
      break;
    case Act::kViewGraderReport:
      world_.ViewGraderReport(course, at);
      break;
    case Act::kViewParticipants:
      world_.ViewParticipants(course, at);
      break;
    case Act::kViewProfile:
      world_.ViewProfile(h.what, course, at);
      break;
    default:
      break;
  }
  if (was_completed || world_.participation(h.who).completed == 0) return;
  const int habit_index = habit_of_[static_cast<size_t>(h.who)];
  if (habit_index < 0) return;
  Habit& habit = habits_[static_cast<size_t>(habit_index)];
  const CourseRun& run = runs_[static_cast<size_t>(run_of_[static_cast<size_t>(h.who)])];
  const int64_t now = h.us / kSecondUs;
  if (habit.random.Chance(880)) {
    Plan(Happening{(now + habit.random.Between(60, 1'800)) * kSecondUs, 0, Act::kCertify, Origin::kCli, h.who, 0,
                   habit.random.Chance(400) ? 1 : 0});
  }
  if (run.survey >= 0 && habit.random.Chance(620)) {
    const int satisfaction = 1 + static_cast<int>(habit.random.Pick({3, 7, 18, 44, 28}));
    const int recommendation = std::min(10, satisfaction * 2 + static_cast<int>(habit.random.Between(-1, 1)));
    const int64_t later =
        now + (habit.random.Chance(600) ? habit.random.Between(40, 600) : habit.random.Between(6 * kHour, 80 * kHour));
    Plan(Happening{AroundOutage(later) * kSecondUs, 0, Act::kViewModule, h.origin, h.who, run.survey, 0});
    Plan(Happening{AroundOutage(later + 90) * kSecondUs, 0, Act::kAnswerSurvey, h.origin, h.who, run.survey,
                   satisfaction * 100 + recommendation});
  }
}

}  // namespace compagnon::moodle_double
