#ifndef COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_SITE_SIMULATION_H_
#define COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_SITE_SIMULATION_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "moodle_double/simulation/calendar.h"
#include "moodle_double/simulation/event.h"
#include "moodle_double/simulation/happening.h"
#include "moodle_double/simulation/world.h"

namespace compagnon::moodle_double {

// What a simulated site is made of. The same values give the same events, byte for byte, on every machine.
struct SiteParameters {
  std::string code = "sn1";
  std::string title = "Sénégal";
  // ISO 3166-1 alpha-2: a national site, whose learners live there but for a few. "" = from the code's first two
  // letters if they name a country of the simulation, else a regional site with learners of all of them ("*").
  std::string country;
  std::string zone;  // IANA; "" = the country's
  int learners = 400;
  int weeks = 16;  // of activity before `now`
  uint64_t seed = 1;
  bool suspensions = true;  // false: no enrolment is ever suspended, which a log alone cannot tell
  int64_t now = 0;          // UTC seconds: where the first AdvanceTo is expected to end; courses are laid around it
};

// What a learner does with a course, decided when the site is made.
enum class Fate : uint8_t {
  kNoShow,    // enrolled, never acts
  kSilent,    // stops one day without a word
  kDeclared,  // is unenrolled one day
  kSteady,    // works to the end
  kSlow,      // keeps coming, does not finish in time
};

struct Habit {
  int participation = 0;
  Fate fate = Fate::kSteady;
  bool phone = false;      // works with the mobile app
  bool offline = false;    // and mostly without a line: synchronises in bursts
  int rate = 0;            // permille per weekly slot
  int skill = 0;           // permille
  int hour_shift = 0;      // early and late people
  int start_day = 0;       // local day, of Calendar
  int quit_day = 1 << 20;  // first day without action, for good
  int tutor = -1;          // participation of the tutor
  int next = 0;            // position on the course's path
  int retry = -1;          // module failed, to be done again
  int64_t last_sync = 0;   // seconds
  Random random{0};
};

struct CourseRun {
  int64_t course = 0;
  int start_day = 0, end_day = 0;  // end_day: first day after; 0 = never ends
  bool tutored = true;
  std::vector<int> path;        // modules a learner works through, in order
  int news = 0, questions = 0;  // forums
  int survey = -1, anonymous_survey = -1;
  std::vector<int> tutors;  // participations
  int coordinator = -1;
  std::vector<int> habits;
};

class SiteSimulation {
 public:
  // Makes the site; events of its making go to `sink` at once. `sink` must outlive the simulation.
  SiteSimulation(const SiteParameters& parameters, EventSink* sink);

  // Lets everything planned before `until_us` happen. Weeks beyond the parameters' `now` are planned as they come.
  void AdvanceTo(int64_t until_us);

  // One more action of somebody, at `now_us`, beside what is planned: keeps a demonstration moving and a bench fed.
  // Returns false when no course is open now, so that nobody can act.
  bool ActNow(int64_t now_us);

  // A learner of an open course who has never acted, and would not, views it at `now_us`; each time another. Nothing
  // when there is none (left). So that a bench knows which figure must move, and when.
  std::optional<Participation> WakeNow(int64_t now_us);

  const World& world() const { return world_; }
  World* mutable_world() { return &world_; }
  const SiteParameters& parameters() const { return parameters_; }
  const std::vector<Habit>& habits() const { return habits_; }
  const std::vector<CourseRun>& runs() const { return runs_; }
  const Calendar& calendar() const { return calendar_; }
  // Span when the site could not be reached by its own users, UTC seconds; equal when there is none.
  int64_t outage_begin() const { return outage_begin_; }
  int64_t outage_end() const { return outage_end_; }

 private:
  // site_setup.cc
  void SetUp();
  int64_t SetUpStaff(std::string_view role, int number);
  void SetUpRun(std::string_view name, int edition, int start_day, int length_weeks, bool tutored, int64_t category);
  void SetUpLearners();
  void EnrolLearner(int64_t user, int run, Random* random, bool register_first);
  User DrawPerson(Random* random) const;

  // learner_plan.cc
  void PlanLearner(Habit* habit, int run, int week);
  // Appends one sitting that begins at `second`; at most `steps` activities.
  void PlanSitting(Habit* habit, const CourseRun& run, int64_t second, int steps, bool burst,
                   std::vector<Happening>* out);
  int PlanActivity(Habit* habit, const CourseRun& run, int module, int64_t second, bool burst,
                   std::vector<Happening>* out);

  // staff_plan.cc
  void PlanStaff(const CourseRun& run, int week);

  // site_simulation.cc
  void Plan(Happening happening);
  void PlanAll(const std::vector<Happening>& happenings);
  void PlanWeek(int week);
  int64_t AroundOutage(int64_t second) const;
  bool MayAct(const Habit& habit, int64_t now_us) const;
  void Apply(const Happening& happening);
  void FollowUp(const Happening& cause, int64_t post);

  const SiteParameters parameters_;
  const Calendar calendar_;
  World world_;
  int64_t outage_begin_ = 0, outage_end_ = 0;
  int64_t coordinator_ = 0;
  std::vector<int64_t> tutor_users_;
  std::vector<int64_t> learner_users_;
  std::vector<CourseRun> runs_;
  std::vector<Habit> habits_;
  std::vector<int> habit_of_;  // per participation, -1 for staff
  std::vector<int> run_of_;    // per participation

  // Earliest first; `order` decides among equal instants, so that a run never depends on the heap's whims.
  std::priority_queue<Happening, std::vector<Happening>, LaterHappening> planned_;
  uint64_t next_order_ = 1;
  int next_week_ = 0;
  std::vector<std::deque<Happening>> live_;  // sittings under way, for ActNow
  Random live_random_;
  size_t next_sleeper_ = 0;  // in habits_, for WakeNow
};

}  // namespace compagnon::moodle_double

#endif  // COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_SITE_SIMULATION_H_
