#include "moodle_double/simulation/site_simulation.h"

namespace compagnon::moodle_double {

void SiteSimulation::PlanStaff(const CourseRun& run, int week) {
  constexpr int64_t kHour = 3'600;
  const int monday = 7 * week;
  if (monday + 6 < run.start_day - 7) return;
  if (run.end_day != 0 && monday > run.end_day + 14) return;
  std::vector<Happening> out;
  int64_t at = 0;
  int32_t who = 0;
  auto add = [&](Act act, int64_t gap, int32_t what = 0) {
    at += gap;
    out.push_back(Happening{AroundOutage(at) * 1'000'000, 0, act, Origin::kWeb, who, what, 0});
  };
  for (int tutor : run.tutors) {
    who = tutor;
    Random random(SeedFor(parameters_.seed, parameters_.code + "tutor", int64_t{tutor} * 4'096 + week));
    const int visits = 1 + random.Successes(3, 550);
    for (int i = 0; i < visits; ++i) {
      const int day = monday + static_cast<int>(random.Below(6));
      at = calendar_.DayStart(day) + random.Between(8 * kHour, 21 * kHour);
      add(Act::kLogIn, 0);
      add(Act::kViewCourse, random.Between(5, 30));
      add(Act::kViewModule, random.Between(5, 60), run.questions);
      if (random.Chance(500)) add(Act::kViewParticipants, random.Between(5, 60));
      if (random.Chance(300)) add(Act::kViewGraderReport, random.Between(5, 90));
      if (random.Chance(200) && !run.habits.empty()) {
        const int whom = run.habits[static_cast<size_t>(random.Below(static_cast<int64_t>(run.habits.size())))];
        const Participation& p = world_.participation(habits_[static_cast<size_t>(whom)].participation);
        if (world_.user(p.user).created != 0)
          add(Act::kViewProfile, random.Between(5, 60), static_cast<int32_t>(p.user));
      }
      if (random.Chance(150)) add(Act::kAnnounce, random.Between(60, 400), run.news);
    }
  }
  if (run.coordinator >= 0) {
    who = run.coordinator;
    Random random(SeedFor(parameters_.seed, parameters_.code + "coordinator", run.course * 4'096 + week));
    at = calendar_.DayStart(monday) + 9 * kHour + random.Below(2 * kHour);  // the weekly look, on Monday morning
    add(Act::kLogIn, 0);
    add(Act::kViewCourse, random.Between(5, 30));
    add(Act::kViewGraderReport, random.Between(5, 90));
    add(Act::kViewParticipants, random.Between(5, 60));
    if (run.start_day / 7 == week) add(Act::kAnnounce, random.Between(60, 400), run.news);
  }
  PlanAll(out);
}

}  // namespace compagnon::moodle_double
