#include <algorithm>
#include <array>

#include "moodle_double/simulation/site_simulation.h"

namespace compagnon::moodle_double {
namespace {

constexpr int64_t kHour = 3'600;

// Evenings, with a smaller peak at noon; at weekends afternoons.
constexpr std::array<int, 24> kWorkdayHours = {6,  2,  1,  1,  1,  4,  10, 18, 22, 24, 22, 24,
                                               40, 34, 22, 20, 22, 30, 46, 66, 82, 76, 48, 18};
constexpr std::array<int, 24> kWeekendHours = {8,  4,  2,  1,  1,  3,  6,  10, 20, 34, 44, 42,
                                               34, 36, 56, 66, 66, 56, 48, 46, 50, 44, 30, 16};
constexpr std::array<int, 7> kWeekdays = {13, 12, 15, 12, 9, 19, 20};

// Seconds after local midnight. (Draws are never two in one expression: the order of evaluation would be the
// compiler's.)
int64_t TimeOfDay(Random* random, int weekday, int shift) {
  const int hour = static_cast<int>(random->Pick(weekday < 5 ? kWorkdayHours : kWeekendHours)) + shift;
  return std::clamp(hour, 0, 23) * kHour + random->Below(kHour);
}

}  // namespace

void SiteSimulation::PlanLearner(Habit* habit, int run_index, int week) {
  const CourseRun& run = runs_[static_cast<size_t>(run_index)];
  Random& random = habit->random;
  const int monday = 7 * week;
  if (habit->fate == Fate::kNoShow || monday + 6 < habit->start_day || monday >= habit->quit_day) return;
  const Participation& p = world_.participation(habit->participation);
  const int age = (monday - habit->start_day + 6) / 7;  // 0 in the week of the start
  const bool over = run.end_day != 0 && monday >= run.end_day;

  int slots = 5, permille = 0;
  if (over) {
    permille = p.completed != 0 ? 12 : 4;
  } else if (p.completed != 0) {
    permille = 35;
  } else if (age == 0) {
    permille = 480;  // everybody looks in at the start
  } else {
    permille = habit->rate * std::max(350, 1000 - (run.tutored ? 45 : 110) * age) / 1000;
    if (habit->fate == Fate::kSlow) permille = permille * 55 / 100;
  }
  std::vector<Happening> sittings;
  if (habit->offline && !over) {
    // Works without a line and synchronises once or twice a week, where there is one.
    const int syncs = random.Successes(2, std::min(900, permille * 2));
    for (int i = 0; i < syncs; ++i) {
      const int weekday = i == 0 ? static_cast<int>(random.Below(3)) : static_cast<int>(random.Between(4, 6));
      const int day = monday + weekday;
      const int64_t at = AroundOutage(calendar_.DayStart(day) + TimeOfDay(&random, weekday, habit->hour_shift));
      if (day < habit->start_day || day >= habit->quit_day) continue;
      if (at - habit->last_sync < 30 * kHour) continue;  // a burst follows a day of silence
      habit->last_sync = at;
      PlanSitting(habit, run, at, static_cast<int>(random.Between(2, 5)), true, &sittings);
    }
    PlanAll(sittings);
    return;
  }
  const int n = random.Successes(slots, permille);
  for (int i = 0; i < n; ++i) {
    int weekday = static_cast<int>(random.Pick(kWeekdays));
    if (age == 0 && random.Chance(450)) weekday = static_cast<int>(random.Below(2));  // the start's burst
    const int day = monday + weekday;
    const int64_t at = calendar_.DayStart(day) + TimeOfDay(&random, weekday, habit->hour_shift);
    if (day < habit->start_day || day >= habit->quit_day) continue;
    // The site is down: many give up, the others come back when it is.
    if (at >= outage_begin_ && at < outage_end_ && random.Chance(350)) continue;
    const int steps = p.completed != 0 || over ? 1 : static_cast<int>(random.Between(1, 4));
    PlanSitting(habit, run, AroundOutage(at), steps, false, &sittings);
  }
  // The tutored course meets on Wednesday evenings.
  const int wednesday = monday + 2;
  if (run.tutored && !over && !habit->phone && wednesday >= habit->start_day && wednesday < habit->quit_day &&
      p.completed == 0 && random.Chance(habit->fate == Fate::kSlow ? 160 : 330)) {
    const int64_t at = calendar_.DayStart(wednesday) + 19 * kHour + random.Between(-300, 900);
    if (at < outage_begin_ || at >= outage_end_) PlanSitting(habit, run, at, 2, false, &sittings);
  }
  PlanAll(sittings);
}

void SiteSimulation::PlanSitting(Habit* habit, const CourseRun& run, int64_t second, int steps, bool burst,
                                 std::vector<Happening>* out) {
  Random& random = habit->random;
  const int32_t who = habit->participation;
  const Origin origin = habit->phone ? Origin::kMobile : Origin::kWeb;
  int64_t at = second;
  auto add = [&](Act act, int64_t gap, int32_t what = 0, int32_t value = 0) {
    at += gap;
    out->push_back(Happening{at * 1'000'000, 0, act, origin, who, what, value});
  };
  // Gaps within a synchronisation are seconds: what was done off line is stamped when it arrives.
  auto gap = [&](int64_t low, int64_t high) { return burst ? random.Between(0, 3) : random.Between(low, high); };
  if (habit->phone) {
    add(Act::kCallWebservice, 0, 0, static_cast<int32_t>(random.Below(4)));
  } else {
    if (random.Chance(25)) add(Act::kLogInFailed, 0);
    if (random.Chance(650)) {
      add(Act::kLogIn, gap(5, 20));
      if (random.Chance(700)) add(Act::kViewDashboard, gap(1, 3));
    }
  }
  add(Act::kViewCourse, gap(3, 25));

  const int size = static_cast<int>(run.path.size());
  // How far the course's plan is by now; people run a little ahead of it or after it.
  const int length = run.end_day == 0 ? 70 : run.end_day - run.start_day;
  const int days = std::max(0, calendar_.DayOf(second) - habit->start_day) + 7;
  const int pace = habit->fate == Fate::kSlow ? 55 : habit->fate == Fate::kSteady ? 118 + habit->skill / 30 : 100;
  const int target = std::min(size, size * days * pace / (100 * length));
  bool worked = false;
  if (habit->retry >= 0 && random.Chance(800)) {
    const int module = habit->retry;
    habit->retry = -1;
    at += gap(5, 40);
    at += PlanActivity(habit, run, module, at, burst, out);
    worked = true;
  }
  if (burst) steps = std::max(steps, 3);
  for (int i = 0; i < steps; ++i) {
    if (habit->next < target || (habit->next < size && !worked && random.Chance(500))) {
      const int module = run.path[static_cast<size_t>(habit->next++)];
      at += gap(5, 40);
      at += PlanActivity(habit, run, module, at, burst, out);
      worked = true;
      // Short pauses: many work in pieces of a few minutes.
      if (!burst && random.Chance(300)) at += random.Between(200, 560);
    } else {
      const int module = run.path[static_cast<size_t>(random.Below(std::max(1, habit->next)))];
      add(Act::kViewModule, gap(10, 120), module);
    }
  }
  if (random.Chance(180)) {
    add(Act::kViewModule, gap(10, 60), run.questions);
    if (random.Chance(run.tutored ? 260 : 120)) add(Act::kAsk, gap(60, 400), run.questions);
  }
  if (random.Chance(110)) add(Act::kViewModule, gap(5, 40), run.news);
  if (random.Chance(90)) add(Act::kViewUserReport, gap(10, 60));
  if (random.Chance(50)) add(Act::kViewParticipants, gap(10, 60));
  if (habit->tutor >= 0 && random.Chance(25)) {
    add(Act::kSendMessage, gap(30, 200), static_cast<int32_t>(world_.participation(habit->tutor).user));
  }
  if (run.anonymous_survey >= 0 && habit->next > size / 2 && habit->next <= size / 2 + 4 && random.Chance(180)) {
    add(Act::kViewModule, gap(10, 40), run.anonymous_survey);
    const int64_t satisfaction = random.Between(2, 5);
    const int64_t recommendation = random.Between(5, 10);
    add(Act::kAnswerSurvey, gap(20, 90), run.anonymous_survey,
        static_cast<int32_t>(satisfaction * 100 + recommendation));
  }
  if (!habit->phone && random.Chance(220)) add(Act::kLogOut, gap(5, 60));
}

int SiteSimulation::PlanActivity(Habit* habit, const CourseRun& run, int module, int64_t second, bool burst,
                                 std::vector<Happening>* out) {
  Random& random = habit->random;
  const Origin origin = habit->phone ? Origin::kMobile : Origin::kWeb;
  int64_t at = second;
  auto add = [&](Act act, int64_t gap, int32_t value = 0) {
    at += burst ? std::min<int64_t>(gap, random.Between(0, 2)) : gap;
    out->push_back(Happening{at * 1'000'000, 0, act, origin, habit->participation, module, value});
  };
  auto score = [&](int64_t max) {
    const int64_t permille = std::clamp<int64_t>(habit->skill + random.Between(-220, 200), 50, 1000);
    // Whole and half points, as teachers give them.
    return static_cast<int32_t>(max * permille / 1000 / 500 * 500);
  };
  const Module& m = world_.module(module);
  add(Act::kViewModule, random.Between(1, 5));
  switch (m.kind) {
    case ModuleKind::kPage:
    case ModuleKind::kUrl:
      add(Act::kCompleteByView, 0);
      at += burst ? 0 : random.Between(60, 420);
      break;
    case ModuleKind::kScorm: {
      const bool finished = random.Chance(820);
      const int32_t mark = finished ? score(world_.grade_item(m.item).max) : -1;
      add(Act::kPlayScorm, random.Between(180, 1'100), mark);
      if (!finished) habit->retry = module;
      break;
    }
    case ModuleKind::kQuiz: {
      add(Act::kStartQuiz, random.Between(5, 30));
      const int32_t mark = score(world_.grade_item(m.item).max);
      add(Act::kSubmitQuiz, random.Between(150, 900), mark);
      if (mark < world_.grade_item(m.item).pass) {
        habit->retry = module;
        habit->skill = std::min(950, habit->skill + 60);  // one learns from it
      }
      break;
    }
    case ModuleKind::kAssign:
      add(Act::kSubmitAssignment, random.Between(120, 900));
      break;
    default:
      break;
  }
  return static_cast<int>(at - second) + (burst ? 0 : 5);
}

}  // namespace compagnon::moodle_double
