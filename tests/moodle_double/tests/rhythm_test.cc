#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "moodle_double/tests/recorded_events.h"

namespace compagnon::moodle_double {
namespace {

constexpr int64_t kSecond = 1'000'000, kHour = 3'600 * kSecond, kDay = 24 * kHour;

// One site for all cases: 900 learners, 16 weeks.
struct Simulated {
  Simulated() : simulation(TestSite(900, 16, 2), &kept) { simulation.AdvanceTo(kTestNow * kSecond); }
  KeptEvents kept;
  SiteSimulation simulation;
};
const Simulated& Site() {
  static const Simulated site;
  return site;
}

using Key = std::pair<int64_t, int64_t>;  // person, course

// Instants of a learner's actions in a course, by the definition of indicators.md but for the enrolment's interval.
std::map<Key, std::vector<int64_t>> Actions() {
  std::map<Key, std::vector<int64_t>> out;
  for (const Event& event : Site().kept.events) {
    if (event.type->edulevel != 2 || event.anonymous || event.course <= 1 || event.origin == Origin::kRestore) continue;
    if (event.real_user != 0 && event.real_user != event.user) continue;
    if (event.type == &event_type::kCourseCompleted || event.type == &event_type::kModuleCompletionUpdated) continue;
    out[{event.user, event.course}].push_back(event.occurred_us);
  }
  return out;
}

int64_t Count(const EventType& type) {
  return std::count_if(Site().kept.events.begin(), Site().kept.events.end(),
                       [&type](const Event& event) { return event.type == &type; });
}

const CourseRun& MiddleRun() {
  // Under way for some weeks when the history ends.
  const auto& runs = Site().simulation.runs();
  const int today = Site().simulation.calendar().today();
  for (const CourseRun& run : runs) {
    if (run.tutored && run.start_day + 28 < today && run.end_day > today) return run;
  }
  FAIL("no course is in the middle");
  return runs.front();
}

}  // namespace

TEST_CASE("a course begins with a burst and declines slowly") {
  const CourseRun& run = Site().simulation.runs().front();
  const auto actions = Actions();
  std::map<int, std::set<int64_t>> active;
  for (const auto& [key, times] : actions) {
    if (key.second != run.course) continue;
    for (int64_t at : times)
      active[(Site().simulation.calendar().DayOf(at / kSecond) - run.start_day) / 7].insert(key.first);
  }
  CHECK(active[0].size() > run.habits.size() * 7 / 10);
  CHECK(active[0].size() > active[4].size());
  CHECK(active[1].size() > active[6].size());
  CHECK(active[5].size() > active[12].size() * 3);
}

TEST_CASE("evenings and week ends are busiest and nights are quiet") {
  std::map<int, int64_t> hours, weekdays;
  const Calendar& calendar = Site().simulation.calendar();
  for (const auto& [key, times] : Actions()) {
    for (int64_t at : times) {
      const int day = calendar.DayOf(at / kSecond);
      ++hours[static_cast<int>((at / kSecond - calendar.DayStart(day)) / 3'600)];
      ++weekdays[((day % 7) + 7) % 7];
    }
  }
  const int64_t evening = hours[18] + hours[19] + hours[20] + hours[21],
                night = hours[1] + hours[2] + hours[3] + hours[4];
  CHECK(evening > 10 * night);
  CHECK(hours[12] > hours[10]);
  CHECK(weekdays[5] + weekdays[6] > weekdays[3] + weekdays[4]);
}

TEST_CASE("some never come and some stop without a word and some leave") {
  const auto& simulation = Site().simulation;
  const auto actions = Actions();
  const CourseRun& run = MiddleRun();
  int enrolled = 0, none = 0, silent = 0, left = 0;
  for (int index : run.habits) {
    const int p = simulation.habits()[static_cast<size_t>(index)].participation;
    const Participation& participation = simulation.world().participation(p);
    ++enrolled;
    if (!simulation.world().IsEnrolled(p)) ++left;
    const auto found = actions.find({participation.user, participation.course});
    if (found == actions.end()) {
      ++none;
    } else if (simulation.world().IsOpen(p) && participation.completed == 0 &&
               found->second.back() < kTestNow * kSecond - 21 * kDay) {
      ++silent;
    }
  }
  CHECK(none > enrolled / 20);
  CHECK(none < enrolled / 4);
  CHECK(silent > enrolled / 50);
  CHECK(silent < enrolled / 3);
  CHECK(left > enrolled / 50);
  CHECK(left < enrolled / 5);
}

TEST_CASE("the mobile app synchronises in bursts after a day without a line") {
  std::set<int64_t> people;
  int bursts = 0;
  for (const auto& [key, times] : Actions()) {
    std::map<int64_t, int> phone;
    for (size_t i = 0; i + 4 < times.size(); ++i) {
      const bool after_silence = i == 0 || times[i] - times[i - 1] >= kDay;
      if (after_silence && times[i + 4] - times[i] <= 60 * kSecond) {
        ++bursts;
        people.insert(key.first);
        break;
      }
    }
  }
  CHECK(people.size() > 60);
  CHECK(people.size() < 500);
  int64_t phone = 0, all = 0;
  for (const Event& event : Site().kept.events) {
    if (event.type->edulevel != 2) continue;
    ++all;
    phone += event.origin == Origin::kMobile ? 1 : 0;
  }
  CHECK(phone > all / 5);
  CHECK(phone < all * 2 / 3);
}

TEST_CASE("a national site is off line for days and then catches up") {
  const auto& simulation = Site().simulation;
  const int64_t begin = simulation.outage_begin() * kSecond, end = simulation.outage_end() * kSecond;
  REQUIRE(end - begin >= 2 * kDay);
  int64_t before = 0, during = 0, after = 0;
  for (const auto& [key, times] : Actions()) {
    for (int64_t at : times) {
      before += at >= begin - 2 * kDay && at < begin ? 1 : 0;
      // A sitting that was under way ends in its own time.
      during += at >= begin + 3 * kHour && at < end ? 1 : 0;
      after += at >= end && at < end + 2 * kDay ? 1 : 0;
    }
  }
  CHECK(during == 0);
  CHECK(after > before * 5 / 4);
  KeptEvents kept;
  SiteParameters regional = TestSite(30, 12, 2);
  regional.code = "xx";
  const SiteSimulation other(regional, &kept);
  CHECK(other.outage_begin() == other.outage_end());
}

TEST_CASE("learners ask and tutors answer most questions within days") {
  const World& world = Site().simulation.world();
  int questions = 0, answered = 0;
  for (const Post& post : world.posts()) {
    const int p = world.FindParticipation(post.user, post.course);
    if (post.parent != 0 || world.participation(p).role != 5 || post.created > kTestNow - 7 * 86'400) continue;
    ++questions;
    for (const Post& reply : world.posts()) {
      if (reply.discussion != post.discussion || reply.parent == 0) continue;
      const int q = world.FindParticipation(reply.user, reply.course);
      if (world.participation(q).role == 5) continue;
      CHECK(reply.created > post.created);
      ++answered;
      break;
    }
  }
  CHECK(questions > 50);
  CHECK(answered > questions * 7 / 10);
  CHECK(answered < questions);
}

TEST_CASE("work is graded days after it was handed in and completion brings certificates and opinions") {
  const World& world = Site().simulation.world();
  CHECK(Count(event_type::kAssignSubmitted) > 100);
  CHECK(Count(event_type::kAssignGraded) > Count(event_type::kAssignSubmitted) * 7 / 10);
  CHECK(Count(event_type::kAssignGraded) < Count(event_type::kAssignSubmitted));
  const int64_t completed = Count(event_type::kCourseCompleted);
  CHECK(completed > 100);
  CHECK(Count(event_type::kCertificateIssued) > completed * 7 / 10);
  CHECK(Count(event_type::kCertificateIssued) < completed);
  int named = 0, anonymous = 0;
  for (const Answer& answer : world.answers()) (answer.anonymous ? anonymous : named) += 1;
  CHECK(named > 60);
  CHECK(anonymous > 60);
  for (const Participation& p : world.participations()) {
    if (p.completed == 0) continue;
    const Course& course = world.course(p.course);
    for (int i = 0; i < course.modules; ++i) {
      if (!world.module(course.first_module + i).criterion) continue;
      const Completion& row = world.completions()[static_cast<size_t>(p.completions[static_cast<size_t>(i)] - 1)];
      CHECK((row.state == 1 || row.state == 2));
      CHECK(row.modified <= p.completed);
    }
  }
}

TEST_CASE("enrolments have second methods and suspensions and returns and deleted people") {
  const World& world = Site().simulation.world();
  std::map<Key, std::set<std::string_view>> methods;
  std::map<Key, int> rows;
  for (const Enrolment& row : world.enrolments()) {
    methods[{row.user, row.course}].insert(row.method);
    ++rows[{row.user, row.course}];
  }
  const auto two =
      std::count_if(methods.begin(), methods.end(), [](const auto& entry) { return entry.second.size() > 1; });
  int returned = 0;
  for (const auto& [key, n] : rows) returned += n > static_cast<int>(methods[key].size()) ? 1 : 0;
  CHECK(two > 5);
  CHECK(returned > 5);
  CHECK(Count(event_type::kEnrolmentUpdated) > 5);
  KeptEvents without;
  SiteParameters steady = TestSite(900, 16, 2);
  steady.suspensions = false;
  SiteSimulation(steady, &without).AdvanceTo(kTestNow * kSecond);
  for (const Event& event : without.events) CHECK(event.type != &event_type::kEnrolmentUpdated);
  CHECK(Count(event_type::kUserDeleted) > 1);
  CHECK(Count(event_type::kUserUpdated) > 5);
  CHECK(Count(event_type::kUserLoggedInAs) > 2);
  // Nobody is enrolled before the account is made, and whoever is gone does nothing more.
  std::map<int64_t, int64_t> created, deleted;
  for (const Event& event : Site().kept.events) {
    if (event.type == &event_type::kUserCreated) created[event.object_id] = event.occurred_us;
    if (event.type == &event_type::kUserDeleted) deleted[event.object_id] = event.occurred_us;
    if (event.type == &event_type::kEnrolmentCreated) CHECK(created.contains(event.related_user));
    if (event.type->edulevel == 2 && event.real_user == 0) CHECK_FALSE(deleted.contains(event.user));
  }
}

TEST_CASE("every id a row names exists") {
  const World& world = Site().simulation.world();
  const int64_t users = static_cast<int64_t>(world.users().size()),
                courses = static_cast<int64_t>(world.courses().size());
  std::set<std::pair<uint64_t, uint64_t>> uuids;
  for (const Event& event : Site().kept.events) {
    CHECK(event.user >= -1);
    CHECK(event.user <= users);
    CHECK(event.related_user <= users);
    CHECK(event.course <= courses);
    CHECK(event.context_id > 0);
    if (event.type->context_level == 50) CHECK(event.context_instance == event.course);
    if (event.type->context_level == 70)
      CHECK(world.module(world.module_index(event.context_instance)).course == event.course);
    CHECK(uuids.emplace(event.uuid_high, event.uuid_low).second);
  }
}

TEST_CASE("dimensions are spread as the platform's public is") {
  const World& world = Site().simulation.world();
  std::map<std::string, int> sex, area, country;
  int unborn = 0, all = 0;
  for (const Participation& p : world.participations()) {
    if (p.role != 5) continue;
    const User& user = world.user(p.user);
    ++all;
    ++sex[user.sex];
    ++area[user.area];
    ++country[user.country];
    unborn += user.birth.empty() ? 1 : 0;
  }
  CHECK(sex["Femme"] > all * 4 / 10);
  CHECK(sex["Homme"] > all * 4 / 10);
  CHECK(sex[""] > 0);
  CHECK(area["rural"] > all / 10);
  CHECK(country["SN"] > all * 8 / 10);
  CHECK(country.size() > 8);
  CHECK(unborn > 0);
  CHECK(unborn < all / 10);
}

}  // namespace compagnon::moodle_double
