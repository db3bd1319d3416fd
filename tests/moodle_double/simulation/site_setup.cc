#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "moodle_double/simulation/concat.h"
#include "moodle_double/simulation/names.h"
#include "moodle_double/simulation/site_simulation.h"

namespace compagnon::moodle_double {
namespace {

constexpr int64_t kHour = 3'600;
constexpr int kLearnersPerTutor = 25;
constexpr int kLearnersPerRun = 1'500;

constexpr std::string_view kCourseNames[] = {"Compétences numériques de base",
                                             "Introduction à l'intelligence artificielle",
                                             "Création de contenus numériques",
                                             "Marketing digital",
                                             "Développement web",
                                             "Cybersécurité au quotidien",
                                             "Entreprendre en ligne",
                                             "Données et tableurs",
                                             "Design graphique"};
constexpr std::string_view kCourseCodes[] = {"CNB", "IA", "CCN", "MKD", "WEB", "CYB", "ENT", "DAT", "DSG"};

// Family names are drawn from lists of common ones: this is nobody in particular.
std::string Address(const Name& name, std::string_view username, int64_t number) {
  if (!name.slug.empty()) return Concat(name.slug, number, "@example.org");
  // Universal acceptance: an address in the name's own script, on a reserved domain.
  std::string local = name.first;
  local.erase(std::remove(local.begin(), local.end(), ' '), local.end());
  return number % 2 == 0 ? Concat(local, number, "@مثال.إختبار") : Concat(username, "@example.org");
}

}  // namespace

User SiteSimulation::DrawPerson(Random* random) const {
  const bool regional = parameters_.country == "*";
  const Country& country = regional || random->Chance(60) ? DrawCountry(random) : CountryOf(parameters_.country);
  const bool female = random->Chance(520);
  const Name name = DrawName(country.code, female, random);
  User user;
  const int64_t number = static_cast<int64_t>(world_.users().size()) + 1;
  user.username = fmt::format("apprenant{:06}", number);
  user.idnumber = fmt::format("{}-{:06}", parameters_.code, number);
  user.firstname = name.first;
  user.lastname = name.last;
  user.email = Address(name, user.username, number);
  user.lang = name.slug.empty() && random->Chance(500) ? "ar" : "fr";
  user.country = std::string(country.code);
  user.city = std::string(country.city);
  user.institution = "OIF";
  user.sex = female ? "Femme" : "Homme";
  if (random->Chance(12)) user.sex = "Autre";
  if (random->Chance(25)) user.sex.clear();
  const size_t band = random->Pick({5, 36, 42, 17});
  static constexpr int kYoungest[] = {13, 18, 25, 36}, kOldest[] = {17, 24, 35, 58};
  const int age = static_cast<int>(random->Between(kYoungest[band], kOldest[band]));
  const int year = calendar_.YearOf(calendar_.today()) - age;
  const int64_t month = random->Between(1, 12);
  if (!random->Chance(30)) {
    user.birth = fmt::format("{:04}-{:02}-{:02}", year, month, random->Between(1, 28));
  }
  static constexpr std::string_view kAreas[] = {"urbain", "périurbain", "rural", ""};
  user.area = std::string(kAreas[random->Pick({52, 22, 22, 4})]);
  static constexpr std::string_view kOperators[] = {"OIF", "Simplon", "Ministère", ""};
  user.operator_name = std::string(kOperators[random->Pick({50, 25, 20, 5})]);
  return user;
}

int64_t SiteSimulation::SetUpStaff(std::string_view role, int number) {
  Random random(SeedFor(parameters_.seed, Concat(parameters_.code, role), number));
  User user = DrawPerson(&random);
  user.username = Concat(role, number);
  user.idnumber.clear();
  return world_.PrepareUser(std::move(user));
}

void SiteSimulation::SetUpRun(std::string_view name, int edition, int start_day, int length_weeks, bool tutored,
                              int64_t category) {
  Random random(SeedFor(parameters_.seed, Concat(parameters_.code, "run"), static_cast<int64_t>(runs_.size())));
  const size_t subject =
      static_cast<size_t>(std::find(std::begin(kCourseNames), std::end(kCourseNames), name) - std::begin(kCourseNames));
  CourseRun run;
  run.start_day = start_day;
  run.end_day = length_weeks == 0 ? 0 : start_day + 7 * length_weeks;
  run.tutored = tutored;
  Moment by{(calendar_.DayStart(-21) + 9 * kHour + static_cast<int64_t>(runs_.size()) * 900) * 1'000'000, World::kAdmin,
            Origin::kWeb, 0};
  auto step = [&by] {
    by.us += 20'000'000;
    return by;
  };

  Course course;
  const int year = calendar_.YearOf(start_day);
  course.category = category;
  course.programme = tutored ? "D-CLIC Formation" : "D-CLIC Ressources";
  const std::string letter(1, static_cast<char>('A' + edition % 26));
  const std::string suffix = edition >= 26 ? std::to_string(edition / 26) : "";
  course.shortname = Concat(kCourseCodes[subject], "-", year, "-", letter, suffix);
  course.fullname =
      tutored ? Concat(name, " – Promotion ", year, "-", letter, suffix) : Concat(name, " – parcours libre");
  course.idnumber = Concat("DCLIC-", course.shortname);
  course.start = calendar_.DayStart(start_day);
  course.end = run.end_day == 0 ? 0 : calendar_.DayStart(run.end_day - 1);  // Moodle's end date is a day at 00:00
  run.course = world_.AddCourse(std::move(course), by, random.Chance(250));

  auto add = [&](ModuleKind kind, std::string title, int section, int tracking, bool criterion, int64_t max = 0,
                 int64_t due = 0, bool anonymous = false, bool news = false) {
    Module m;
    m.course = run.course;
    m.kind = kind;
    m.name = std::move(title);
    m.idnumber = Concat(kCourseCodes[subject], "-", ModuleName(kind), "-", section);
    m.section = section;
    m.tracking = tracking;
    m.criterion = criterion;
    m.anonymous = anonymous;
    m.announcements = news;
    m.due = due;
    return world_.module_index(world_.AddModule(std::move(m), max, max / 2, step()));
  };
  run.news = add(ModuleKind::kForum, "Annonces", 0, 0, false, 0, 0, false, true);
  run.questions = add(ModuleKind::kForum, "Questions et entraide", 0, 0, false);
  run.path.push_back(add(ModuleKind::kPage, "Bienvenue", 0, 2, false));
  const int sections = std::clamp(length_weeks == 0 ? 6 : length_weeks - 1, 3, 8);
  for (int s = 1; s <= sections; ++s) {
    run.path.push_back(add(ModuleKind::kPage, Concat("Séance ", s, " – Leçon"), s, 2, false));
    if (s % 2 == 0) {
      run.path.push_back(add(ModuleKind::kScorm, Concat("Séance ", s, " – Module interactif"), s, 2, false, 100'000));
    } else {
      run.path.push_back(add(ModuleKind::kUrl, Concat("Séance ", s, " – Pour aller plus loin"), s, 2, false));
    }
    run.path.push_back(add(ModuleKind::kQuiz, Concat("Séance ", s, " – Évaluation"), s, 2, true, 20'000));
    // Due on a Sunday at 23:59 local, as course teams like it.
    const int due_day = length_weeks == 0 ? 0 : start_day + (7 * length_weeks * s) / (sections + 1) / 7 * 7 + 7;
    const int64_t due = length_weeks == 0 ? 0 : calendar_.DayStart(due_day) - 60;
    if (s == (sections + 1) / 2) {
      run.path.push_back(add(ModuleKind::kAssign, "Devoir de mi-parcours", s, 2, false, 100'000, due));
      run.anonymous_survey = add(ModuleKind::kFeedback, "Votre avis à mi-parcours (anonyme)", s, 0, false, 0, 0, true);
    }
    if (s == sections) {
      run.path.push_back(add(ModuleKind::kAssign, "Projet final", s, 2, tutored, 100'000, due));
      run.survey = add(ModuleKind::kFeedback, "Enquête de satisfaction", s, 2, false);
    }
  }

  auto staff = [&](int64_t user, int64_t role) {
    const int p = world_.AddParticipation(user, run.course, role);
    world_.Enrol(p, "manual", 0, 0, step());
    habit_of_.push_back(-1);
    run_of_.push_back(static_cast<int>(runs_.size()));
    return p;
  };
  run.coordinator = staff(coordinator_, 3);
  runs_.push_back(std::move(run));
}

void SiteSimulation::EnrolLearner(int64_t user, int run_index, Random* random, bool register_first) {
  CourseRun& run = runs_[static_cast<size_t>(run_index)];
  const User& person = world_.user(user);
  const int p = world_.AddParticipation(user, run.course, 5);
  run_of_.push_back(run_index);
  habit_of_.push_back(static_cast<int>(habits_.size()));

  Habit habit;
  habit.participation = p;
  habit.random = Random(SeedFor(parameters_.seed, Concat(parameters_.code, "habit"), p));
  const bool rural = person.area == "rural", woman = person.sex == "Femme";
  habit.phone = random->Chance(rural ? 700 : 420);
  habit.offline = habit.phone && random->Chance(rural ? 600 : 250);
  habit.rate = static_cast<int>(random->Between(230, 430)) + (woman ? 20 : 0) - (rural ? 60 : 0);
  habit.skill = static_cast<int>(random->Between(450, 900));
  habit.hour_shift = static_cast<int>(random->Between(-1, 1));
  const int free_course = run.tutored ? 0 : 60;
  // No-show, silent, declared, steady, slow.
  const size_t fate = random->Pick(
      {110 + free_course, 190 + (rural ? 60 : 0) + 2 * free_course, 70 - free_course / 2, 470 - (rural ? 60 : 0), 160});
  habit.fate = static_cast<Fate>(fate);

  // Tutored runs are enrolled in batches by the coordinator, in office hours; free ones day by day by the learners
  // themselves.
  int day = 0;
  int64_t second = 0;
  EnrolMethod method = EnrolMethod::kManual;
  if (run.tutored) {
    static constexpr int kBatchDays[] = {-14, -7, -4, 2, 6, 11};
    static constexpr int kBatchHours[] = {10, 15, 11, 9, 16, 14};
    const size_t batch = random->Pick({45, 30, 17, 4, 3, 1});
    day = run.start_day + kBatchDays[batch];
    second = calendar_.DayStart(day) + kBatchHours[batch] * kHour + static_cast<int64_t>(run.habits.size()) * 2 +
             random->Below(2);
    if (random->Chance(300)) method = EnrolMethod::kCohort;
  } else {
    day = run.start_day + static_cast<int>(random->Below(std::max(1, calendar_.today() - run.start_day + 14)));
    second = calendar_.DayStart(day) + random->Between(7 * kHour, 23 * kHour);
    method = EnrolMethod::kSelf;
  }
  habit.start_day = std::max(run.start_day, day);
  const int length = run.end_day == 0 ? 70 : run.end_day - run.start_day;
  if (habit.fate == Fate::kSilent || habit.fate == Fate::kDeclared) {
    // Most who leave, leave early: the smaller of two draws.
    const int a = static_cast<int>(random->Between(4, length)), b = static_cast<int>(random->Between(4, length));
    habit.quit_day = habit.start_day + std::min(a, b);
  }

  auto plan = [&](Act act, int64_t at, int32_t what = 0, int32_t value = 0) {
    Plan(Happening{AroundOutage(at) * 1'000'000, 0, act, Origin::kWeb, p, what, value});
  };
  if (register_first) {
    // Always before the enrolment, also where the site's outage moves one of the two.
    int64_t created = AroundOutage(second) - random->Between(600, 2 * 86'400);
    if (created >= outage_begin_ && created < outage_end_) created = outage_begin_ - 600;
    Plan(Happening{created * 1'000'000, 0, Act::kCreateUser, Origin::kWeb, -1, static_cast<int32_t>(user), 0});
  }
  plan(Act::kEnrol, second, 0, static_cast<int32_t>(method));
  if (run.tutored) {
    const size_t tutor = run.habits.size() / kLearnersPerTutor;
    const int64_t minute =
        calendar_.DayStart(-20) + 9 * kHour + static_cast<int64_t>(run.habits.size()) + run_index * 600;
    if (tutor >= run.tutors.size()) {
      const int t = world_.AddParticipation(
          tutor_users_[(tutor + static_cast<size_t>(run_index) * 3) % tutor_users_.size()], run.course, 4);
      run_of_.push_back(run_index);
      habit_of_.push_back(-1);
      const Moment by{minute * 1'000'000, World::kAdmin, Origin::kWeb, 0};
      world_.Enrol(t, "manual", 0, 0, by);
      Group group;
      group.course = run.course;
      group.name = Concat("Groupe ", tutor + 1);
      group.idnumber = Concat(world_.course(run.course).shortname, "-G", tutor + 1);
      world_.JoinGroup(t, world_.AddGroup(std::move(group), by), by);
      run.tutors.push_back(t);
    }
    habit.tutor = run.tutors[tutor];
    plan(Act::kJoinGroup, second, static_cast<int32_t>(world_.participation(habit.tutor).group));
  }
  if (run.tutored && register_first)
    plan(Act::kJoinCohort, second, static_cast<int32_t>(run_index % std::max<size_t>(1, world_.cohorts().size())) + 1);

  // What happens to an enrolment besides.
  const int quit = habit.quit_day;
  const auto office = [&](int on) { return calendar_.DayStart(on) + random->Between(8 * kHour, 18 * kHour); };
  if (habit.fate == Fate::kDeclared) plan(Act::kUnenrol, office(quit), 0, -1);
  if (habit.fate == Fate::kNoShow && random->Chance(120)) plan(Act::kUnenrol, office(habit.start_day + 15), 0, -1);
  if (habit.fate == Fate::kSteady || habit.fate == Fate::kSlow) {
    const int on = habit.start_day + static_cast<int>(random->Between(5, std::max(6, length - 7)));
    const int64_t at = office(on);
    switch (random->Pick({840, 60, 25, 25, 25, 25})) {
      case 1:  // a second method, later taken away: still enrolled
        plan(Act::kEnrol, second + 60, 0,
             static_cast<int32_t>(method == EnrolMethod::kCohort ? EnrolMethod::kManual : EnrolMethod::kCohort));
        if (random->Chance(500)) plan(Act::kUnenrol, at, 0, static_cast<int32_t>(method));
        break;
      case 2:  // out and back within hours: the break is merged
        plan(Act::kUnenrol, at, 0, -1);
        plan(Act::kEnrol, at + random->Between(1, 20) * kHour, 0, static_cast<int32_t>(method));
        break;
      case 3:  // out and back after days
        plan(Act::kUnenrol, at, 0, -1);
        plan(Act::kEnrol, at + random->Between(2, 9) * 24 * kHour, 0, static_cast<int32_t>(method));
        break;
      case 4:
        if (!parameters_.suspensions) break;
        plan(Act::kSuspend, at);
        plan(Act::kReactivate, at + random->Between(30, 240) * kHour);
        break;
      case 5:
        plan(Act::kLogInAs, at);
        break;
      default:
        break;
    }
  }
  if (random->Chance(30))
    plan(Act::kUpdateUser, office(habit.start_day + static_cast<int>(random->Between(1, 20))),
         static_cast<int32_t>(user));
  const bool leaves = habit.fate == Fate::kDeclared || habit.fate == Fate::kNoShow;
  if (register_first && leaves && random->Chance(70))
    plan(Act::kDeleteUser, office(std::max(quit == 1 << 20 ? 0 : quit, habit.start_day + 20) + 2),
         static_cast<int32_t>(user));

  run.habits.push_back(static_cast<int>(habits_.size()));
  habits_.push_back(habit);
}

void SiteSimulation::SetUpLearners() {
  std::vector<int> weights;
  for (const CourseRun& run : runs_) weights.push_back(!run.tutored ? 14 : run.start_day > calendar_.today() ? 7 : 20);
  for (int i = 0; i < parameters_.learners; ++i) {
    Random random(SeedFor(parameters_.seed, Concat(parameters_.code, "person"), i));
    const int64_t user = world_.PrepareUser(DrawPerson(&random));
    learner_users_.push_back(user);
    const size_t first = random.Pick(weights);
    EnrolLearner(user, static_cast<int>(first), &random, true);
    if (random.Chance(120)) {
      const size_t second = random.Pick(weights);
      // A second course begins after the first, when the account is there (a free course may be joined at any time).
      if (second != first && runs_[first].tutored && runs_[second].start_day > runs_[first].start_day + 20)
        EnrolLearner(user, static_cast<int>(second), &random, false);
    }
  }
}

void SiteSimulation::SetUp() {
  const Moment first{(calendar_.DayStart(-21) + 8 * kHour) * 1'000'000, World::kAdmin, Origin::kCli, 0};
  auto account = [&](std::string_view username, std::string_view last) {
    User user;
    user.username = std::string(username);
    user.firstname = "Compte";
    user.lastname = std::string(last);
    user.email = Concat(username, "@example.org");
    user.lang = "fr";
    return world_.PrepareUser(std::move(user));
  };
  account("guest", "Invité");
  world_.CreateUser(account("admin", "Administrateur"), first);
  world_.CreateUser(account("svc_compagnon", "de service"), first);
  coordinator_ = SetUpStaff("coordination", 1);
  world_.CreateUser(coordinator_, first);
  const int tutors = std::clamp(parameters_.learners / 60, 2, 400);
  for (int i = 1; i <= tutors; ++i) {
    tutor_users_.push_back(SetUpStaff("tuteur", i));
    world_.CreateUser(tutor_users_.back(), first);
  }
  world_.AddCategory("Divers", "", 0, first);
  const int64_t top = world_.AddCategory("D-CLIC", "DCLIC", 0, first);
  const int64_t tutored = world_.AddCategory("Parcours tutorés", "DCLIC-T", top, first);
  const int64_t open = world_.AddCategory("Parcours libres", "DCLIC-L", top, first);

  // Runs one after another: one over, one just over, one in the middle, one young, one to come; and a course without
  // dates.
  const int weeks = parameters_.weeks;
  const int length = std::clamp(weeks / 2, 2, 12);
  const int parallel = 1 + parameters_.learners / (5 * kLearnersPerRun);
  const int starts[] = {0, weeks * 3 / 10, weeks * 6 / 10, std::max(0, weeks - 2), weeks + 1};
  int edition = 0;
  for (size_t slot = 0; slot < std::size(starts); ++slot) {
    if (slot > 0 && starts[slot] <= starts[slot - 1]) continue;
    for (int i = 0; i < parallel; ++i) {
      const size_t subject = (slot + static_cast<size_t>(i)) % std::size(kCourseNames);
      SetUpRun(kCourseNames[subject], edition++, 7 * starts[slot], length, true, tutored);
    }
  }
  for (int i = 0; i < parallel; ++i)
    SetUpRun(kCourseNames[6 + static_cast<size_t>(i) % 3], edition++, 0, 0, false, open);
  for (int i = 0; i < std::min(4, static_cast<int>(runs_.size())); ++i) {
    Cohort cohort;
    const std::string letter(1, static_cast<char>('A' + i));
    cohort.name = Concat("Promotion ", calendar_.YearOf(0), "-", letter);
    cohort.idnumber = Concat("PROMO-", calendar_.YearOf(0), "-", letter);
    world_.AddCohort(std::move(cohort), Moment{(calendar_.DayStart(-20) + 8 * kHour + i * 60) * 1'000'000,
                                               World::kAdmin, Origin::kWeb, 0});
  }
  if (parameters_.country != "*" && weeks >= 6) {
    Random random(SeedFor(parameters_.seed, Concat(parameters_.code, "outage")));
    const int day = 7 * (weeks * 6 / 10 + 1) + static_cast<int>(random.Below(5));
    outage_begin_ = calendar_.DayStart(day) + 14 * kHour + random.Below(5 * kHour);
    outage_end_ = calendar_.DayStart(day + 3 + static_cast<int>(random.Below(2))) + 9 * kHour;
  }
  SetUpLearners();
  // One course is given a week more, when it is under way.
  Plan(Happening{(calendar_.DayStart(7 * (starts[1] + 1)) + 11 * kHour) * 1'000'000, 0, Act::kMoveCourseEnd,
                 Origin::kWeb, -1, static_cast<int32_t>(runs_.front().course), 7});
}

}  // namespace compagnon::moodle_double
