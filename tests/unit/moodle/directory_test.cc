#include "moodle/store/directory.h"

#include <catch2/catch.hpp>
#include <random>

#include "moodle/api/dimensions_file.h"
#include "moodle/domain/local_day.h"
#include "moodle/store/directory_reader.h"
#include "unit/moodle/manual_clock.h"
#include "unit/moodle/moodle_store_fixture.h"

namespace compagnon::moodle {
namespace {

constexpr int64_t kBase = 1'800'000'000;  // 2027-01-15 08:00 UTC

MoodleEvent Event(int64_t seq, const std::string& name, int64_t seconds, int64_t related, int64_t course,
                  int64_t object = 0) {
  MoodleEvent event;
  event.seq = seq;
  event.name = "\\core\\event\\" + name;
  event.occurred_us = event.recorded_us = (kBase + seconds) * kSecondUs;
  event.user = 2;
  event.related_user = related;
  event.course = course;
  event.object_id = object;
  event.context_level = course > 0 ? 50 : 10;
  return event;
}

MoodleEvent With(MoodleEvent event, const std::string& state) {
  event.state_json = state;
  return event;
}

std::string EnrolState(int64_t id, int64_t user, int64_t course, int status, int64_t start, int64_t end,
                       int64_t created) {
  return "{\"id\":" + std::to_string(id) + ",\"userid\":" + std::to_string(user) +
         ",\"courseid\":" + std::to_string(course) + ",\"status\":" + std::to_string(status) +
         ",\"timestart\":" + std::to_string(start) + ",\"timeend\":" + std::to_string(end) +
         ",\"timecreated\":" + std::to_string(created) + ",\"timemodified\":" + std::to_string(created) + "}";
}

struct World {
  explicit World(compagnon::test::StoreBackend& backend, const std::string& toml = "") : store(backend) {
    DirectoryOptions options;
    options.clock = &clock;
    if (!toml.empty()) {
      auto map = ParseDimensions(toml, "t.toml");
      Fine(map.status());
      options.dimensions = std::make_shared<const DimensionMap>(*map);
    }
    directory = std::make_unique<Directory>(options);
  }
  void Apply(const std::vector<MoodleEvent>& events, bool from_log = true) {
    store.Write([&](store::Session& session) { return directory->ApplyEvents(session, "sn1", events, from_log); });
  }
  void Page(std::string_view kind, int64_t pass, int64_t as_of, const std::vector<std::string>& rows) {
    store.Write(
        [&](store::Session& session) { return directory->ApplyExportPage(session, "sn1", kind, pass, as_of, rows); });
  }
  absl::Status Sweep(std::string_view kind, int64_t pass) {
    return store.database().Write(
        [&](store::Session& session) { return directory->SweepPass(session, "sn1", kind, pass); });
  }
  test::ManualClock clock{absl::FromUnixSeconds(kBase + 90 * 86400)};
  MoodleStore store;
  std::unique_ptr<Directory> directory;
};

int64_t At(int64_t seconds) { return (kBase + seconds) * kSecondUs; }

STORE_CONTRACT("an enrolment from a log is published with its course and nothing more when told again", "[directory]") {
  World world(backend);
  const std::vector<MoodleEvent> events = {Event(1, "user_enrolment_created", 0, 11, 4, 901),
                                           Event(2, "course_viewed", 5, 0, 4)};
  world.Apply(events);
  const auto published = world.store.Published();
  REQUIRE(published.size() == 2);
  CHECK(published[0].course().course() == 4);
  CHECK(published[0].course().time_zone() == "Africa/Dakar");
  REQUIRE(published[1].has_enrolment());
  CHECK(published[1].enrolment().learner());
  REQUIRE(published[1].enrolment().intervals_size() == 1);
  CHECK(published[1].enrolment().intervals(0).from_us() == At(0));
  CHECK(published[1].enrolment().intervals(0).to_us() == kNever);
  CHECK(published[0].pos() == 1);
  CHECK(published[1].pos() == 2);
  world.Apply(events);
  CHECK(world.store.Published().size() == 2);
}

STORE_CONTRACT("events that tell the directory nothing cost it nothing", "[directory]") {
  World world(backend);
  std::vector<MoodleEvent> events;
  for (int i = 1; i <= 100; ++i) events.push_back(Event(i, "course_viewed", i, 0, 4));
  events.push_back(Event(101, "user_graded", 5, 11, 4));
  world.Apply(events);
  CHECK(world.store.Published().empty());
  CHECK(world.store.Number("SELECT count(*) FROM directory_site") == 0);
}

STORE_CONTRACT("batches of any size and order end in the same states", "[directory]") {
  std::vector<MoodleEvent> events;
  std::mt19937 random(11);
  for (int i = 1; i <= 200; ++i) {
    const int64_t user = 11 + static_cast<int64_t>(random() % 6);
    const int64_t course = 4 + static_cast<int64_t>(random() % 2);
    const char* const names[] = {"user_enrolment_created", "user_enrolment_deleted", "user_deleted", "role_assigned",
                                 "role_unassigned"};
    const char* name = names[random() % 20 == 0 ? 2 : random() % 5];
    if (std::string(name) == "user_deleted" && random() % 10 != 0) name = "user_enrolment_created";
    events.push_back(Event(i, name, i * 7000, user, std::string(name) == "user_deleted" ? 0 : course,
                           std::string(name).starts_with("role") ? 4 + static_cast<int64_t>(random() % 3)
                                                                 : 900 + static_cast<int64_t>(random() % 12)));
    if (std::string(name) == "user_deleted") events.back().object_id = user;
  }
  World world(backend);
  world.store.AddSite("other", "Africa/Dakar");
  world.Apply(events);
  std::vector<MoodleEvent> shuffled = events;
  std::shuffle(shuffled.begin(), shuffled.end(), random);
  for (size_t from = 0; from < shuffled.size(); from += 13) {
    const std::vector<MoodleEvent> some(shuffled.begin() + static_cast<long>(from),
                                        shuffled.begin() + static_cast<long>(std::min(from + 13, shuffled.size())));
    world.store.Write(
        [&](store::Session& session) { return world.directory->ApplyEvents(session, "other", some, true); });
  }
  const auto straight = world.store.States("sn1");
  const auto mixed = world.store.States("other");
  REQUIRE_FALSE(straight.empty());
  for (auto [key, state] : straight) {
    INFO(key.first << " in " << key.second);
    if (state.intervals_size() == 0) continue;
    REQUIRE(mixed.contains(key));
    event::v1::EnrolmentState other = mixed.at(key);
    other.set_person(0);
    state.set_person(0);
    CHECK(other.SerializeAsString() == state.SerializeAsString());
  }
}

STORE_CONTRACT("once a source tells of roles only who held a learner's role is a learner", "[directory]") {
  World world(backend);
  world.Apply({Event(1, "user_enrolment_created", 0, 11, 4, 901), Event(2, "user_enrolment_created", 0, 12, 4, 902),
               Event(3, "user_enrolment_created", 0, 13, 4, 903)});
  for (const auto& [key, state] : world.store.States()) CHECK(state.learner());
  world.Apply({Event(4, "role_assigned", 5, 11, 4, 5), Event(5, "role_assigned", 5, 12, 4, 4),
               Event(6, "role_unassigned", 9, 11, 4, 5)});
  const auto states = world.store.States();
  CHECK(states.at({11, 4}).learner());
  CHECK_FALSE(states.at({12, 4}).learner());
  CHECK_FALSE(states.at({13, 4}).learner());
}

STORE_CONTRACT("the option map decides which role makes a learner, for all that is known already", "[directory]") {
  World world(backend);
  world.Apply({Event(1, "user_enrolment_created", 0, 11, 4, 901), Event(2, "role_assigned", 0, 11, 4, 9)});
  CHECK_FALSE(world.store.States().at({11, 4}).learner());
  world.store.Write([&](store::Session& session) {
    return world.directory->GiveRoles(session, "sn1", {{"9", CourseRole::kLearner}});
  });
  CHECK(world.store.States().at({11, 4}).learner());
}

STORE_CONTRACT("the bridge's states give dates and status", "[directory]") {
  World world(backend);
  const int64_t s = kBase;
  world.Apply(
      {With(Event(1, "user_enrolment_created", 0, 11, 4, 901), EnrolState(901, 11, 4, 0, s + 1000, s + 900000, s)),
       With(Event(2, "user_enrolment_updated", 200000, 11, 4, 901), EnrolState(901, 11, 4, 1, s + 1000, s + 900000, s)),
       With(Event(3, "user_enrolment_updated", 400000, 11, 4, 901),
            EnrolState(901, 11, 4, 0, s + 1000, s + 800000, s))},
      false);
  const auto state = world.store.States().at({11, 4});
  REQUIRE(state.intervals_size() == 2);
  CHECK(state.intervals(0).from_us() == At(1000));
  CHECK(state.intervals(0).to_us() == At(200000));
  CHECK(state.intervals(1).from_us() == At(400000));
  CHECK(state.intervals(1).to_us() == At(800000));
}

STORE_CONTRACT("a deletion whose row comes with it tells the whole enrolment", "[directory]") {
  World world(backend);
  world.Apply({With(Event(9, "user_enrolment_deleted", 500000, 11, 4, 901),
                    EnrolState(901, 11, 4, 0, 0, 0, kBase - 86400 * 30))},
              false);
  const auto state = world.store.States().at({11, 4});
  REQUIRE(state.intervals_size() == 1);
  CHECK(state.intervals(0).from_us() == At(-86400 * 30));
  CHECK(state.intervals(0).to_us() == At(500000));
}

STORE_CONTRACT("a deletion that a log alone tells is an anomaly", "[directory]") {
  World world(backend);
  world.Apply({Event(9, "user_enrolment_deleted", 500000, 11, 4, 901)});
  CHECK(world.store.States().empty());
  CHECK(world.store.Number("SELECT sum(anomalies) FROM directory_enrolment") == 1);
  CHECK(world.store.Number("SELECT count(*) FROM person_key") == 0);
}

STORE_CONTRACT("a suspended account closes what is open", "[directory]") {
  World world(backend);
  world.Apply({With(Event(1, "user_enrolment_created", 0, 11, 4, 901), EnrolState(901, 11, 4, 0, 0, 0, kBase)),
               With(Event(2, "user_updated", 300000, 11, 0, 11),
                    R"({"id":11,"firstname":"A","lastname":"B","suspended":1,"timecreated":5})")},
              false);
  const auto state = world.store.States().at({11, 4});
  REQUIRE(state.intervals_size() == 1);
  CHECK(state.intervals(0).to_us() == At(300000));
}

constexpr const char* kMapping = R"(
[default]
[[default.sex]]
profile_field = "genre"
values = { "Femme" = "F", "Homme" = "M" }
[[default.birth_date]]
profile_field = "naissance"
[[default.country]]
course_field = "pays"
[[default.country]]
user_field = "country"
[[default.area]]
category = "Rural*"
value = "rural"
[[default.cohort]]
group = "Groupe *"
)";

STORE_CONTRACT("dimension values come from the fields the site names, as of the enrolment's start", "[directory]") {
  World world(backend, kMapping);
  // Born on 2002-01-15: 24 on 14 January 2027, 25 on the 15th, the day the course begins in Dakar.
  world.Apply(
      {With(
           Event(1, "user_created", -9000, 11, 0, 11),
           R"({"id":11,"firstname":"A","lastname":"B","country":"SN","suspended":0,"timecreated":5,"profile":{"genre":"Femme","naissance":"2002-01-15","secret":"x"}})"),
       With(
           Event(2, "course_created", -8000, 0, 4, 4),
           R"({"id":4,"shortname":"C","fullname":"Course","category":7,"startdate":1799971200,"enddate":0,"visible":1,"customfields":{}})"),
       With(Event(3, "user_enrolment_created", -86400, 11, 4, 901), EnrolState(901, 11, 4, 0, 0, 0, kBase - 86400))},
      false);
  auto state = world.store.States().at({11, 4});
  CHECK(state.sex() == "F");
  CHECK(state.age_band() == "25-35");
  CHECK(state.country() == "SN");
  CHECK(world.store.Number("SELECT count(*) FROM directory_person_value WHERE value = 'x'") == 0);

  // The course is put two days earlier: the person was 24 then.
  world.Apply(
      {With(
          Event(4, "course_updated", 100, 0, 4, 4),
          R"({"id":4,"shortname":"C","fullname":"Course","category":7,"startdate":1799798400,"enddate":0,"visible":1,"customfields":{"pays":"ML"}})")},
      false);
  state = world.store.States().at({11, 4});
  CHECK(state.age_band() == "18-24");
  CHECK(state.country() == "ML");

  // A value that changes after the start does not change what was valid then.
  world.Apply(
      {With(
          Event(5, "user_updated", 900000, 11, 0, 11),
          R"({"id":11,"firstname":"A","lastname":"B","country":"SN","suspended":0,"timecreated":5,"profile":{"genre":"Homme","naissance":"2002-01-15"}})")},
      false);
  CHECK(world.store.States().at({11, 4}).sex() == "F");
}

STORE_CONTRACT("a group makes the cohort, and a category the area", "[directory]") {
  World world(backend, kMapping);
  world.Apply(
      {With(Event(1, "course_category_created", 0, 0, 0, 7), R"({"id":7,"name":"Rural 2027","parent":0})"),
       With(Event(2, "course_created", 1, 0, 4, 4),
            R"({"id":4,"shortname":"C","fullname":"Course","category":7,"startdate":0,"enddate":0,"visible":1})"),
       With(Event(3, "group_created", 2, 0, 4, 70), R"({"id":70,"courseid":4,"name":"Groupe B","idnumber":""})"),
       With(Event(4, "user_enrolment_created", 3, 11, 4, 901), EnrolState(901, 11, 4, 0, 0, 0, kBase)),
       Event(5, "group_member_added", 4, 11, 4, 70)},
      false);
  auto state = world.store.States().at({11, 4});
  CHECK(state.cohort() == "Groupe-B");
  CHECK(state.area() == "rural");
  world.Apply(
      {With(Event(6, "group_updated", 9, 0, 4, 70), R"({"id":70,"courseid":4,"name":"Groupe C","idnumber":""})")},
      false);
  CHECK(world.store.States().at({11, 4}).cohort() == "Groupe-C");
  world.Apply({Event(7, "group_member_removed", 20, 11, 4, 70), Event(5, "group_member_added", 4, 11, 4, 70)}, false);
  CHECK(world.store.States().at({11, 4}).cohort() == "");
}

STORE_CONTRACT("a page of an export does not undo an event that came after it", "[directory]") {
  World world(backend);
  world.Apply({With(Event(50, "user_enrolment_created", 0, 11, 4, 901), EnrolState(901, 11, 4, 0, 0, 0, kBase)),
               With(Event(51, "user_enrolment_deleted", 100000, 11, 4, 901), EnrolState(901, 11, 4, 0, 0, 0, kBase))},
              false);
  world.Page("enrolments", 1, 50, {EnrolState(901, 11, 4, 0, 0, 0, kBase)});
  CHECK(world.store.States().at({11, 4}).intervals(0).to_us() == At(100000));
  world.Page("enrolments", 2, 60, {EnrolState(901, 11, 4, 0, 0, 0, kBase)});
  CHECK(world.store.States().at({11, 4}).intervals_size() == 1);
}

STORE_CONTRACT("what a complete pass does not show is closed, and a mass of it is not", "[directory]") {
  World world(backend);
  std::vector<std::string> rows;
  for (int i = 0; i < 600; ++i) rows.push_back(EnrolState(1000 + i, 100 + i, 4, 0, 0, 0, kBase));
  world.Page("enrolments", 1, 10, rows);
  Fine(world.Sweep("enrolments", 1));
  REQUIRE(world.store.States().size() == 600);

  rows.resize(575);
  world.Page("enrolments", 2, 20, rows);
  Fine(world.Sweep("enrolments", 2));
  const auto states = world.store.States();
  CHECK(states.at({100, 4}).intervals(0).to_us() == kNever);
  CHECK(states.at({699, 4}).intervals(0).to_us() == absl::ToUnixMicros(world.clock.Now()));

  rows.resize(500);
  world.Page("enrolments", 3, 30, rows);
  const absl::Status guarded = world.Sweep("enrolments", 3);
  CHECK(ReasonOf(guarded) == "mass_delete_guard");
  CHECK(world.store.States().at({674, 4}).intervals(0).to_us() == kNever);
}

STORE_CONTRACT("a pass spares what an event made after its moment", "[directory]") {
  World world(backend);
  world.Page("enrolments", 1, 10, {EnrolState(1, 100, 4, 0, 0, 0, kBase)});
  world.Apply({With(Event(15, "user_enrolment_created", 0, 11, 4, 901), EnrolState(901, 11, 4, 0, 0, 0, kBase))},
              false);
  Fine(world.Sweep("enrolments", 1));
  CHECK(world.store.States().at({11, 4}).intervals(0).to_us() == kNever);
}

STORE_CONTRACT("an export alone fills the directory with everything its figures need", "[directory]") {
  World world(backend, kMapping);
  world.Page("roles", 1, 10,
             {R"({"id":8,"shortname":"student","name":"x","archetype":"student"})",
              R"({"id":9,"shortname":"teacher","name":"","archetype":"teacher"})"});
  world.Page("categories", 1, 10, {R"({"id":3,"name":"D-CLIC","parent":0})", R"({"id":7,"name":"Rural","parent":3})"});
  world.Page(
      "courses", 1, 10,
      {R"({"id":1,"category":0,"shortname":"front","fullname":"Front page","visible":1})",
       R"({"id":4,"category":7,"shortname":"C","fullname":"Cours","startdate":1799971200,"enddate":1809907200,"visible":1})"});
  world.Page(
      "users", 1, 10,
      {R"({"id":11,"firstname":"Awa","lastname":"Ndiaye","country":"SN","suspended":0,"deleted":0,"profile":{"genre":"Femme","naissance":"1990-06-01"}})",
       R"({"id":12,"firstname":"Tom","lastname":"Tuteur","country":"FR","suspended":0,"deleted":0,"profile":{}})"});
  world.Page("groups", 1, 10, {R"({"id":70,"courseid":4,"name":"Groupe B","idnumber":"gb"})"});
  world.Page("group_members", 1, 10, {R"({"id":1,"groupid":70,"courseid":4,"userid":11})"});
  world.Page("enrolments", 1, 10, {EnrolState(901, 11, 4, 0, 0, 0, kBase), EnrolState(902, 12, 4, 0, 0, 0, kBase)});
  world.Page("role_assignments", 1, 10,
             {R"({"id":1,"roleid":8,"contextlevel":50,"contextinstanceid":4,"courseid":4,"userid":11})",
              R"({"id":2,"roleid":9,"contextlevel":50,"contextinstanceid":4,"courseid":4,"userid":12})"});
  const auto states = world.store.States();
  const auto& awa = states.at({11, 4});
  CHECK(awa.learner());
  CHECK(awa.cohort() == "gb");
  CHECK(awa.sex() == "F");
  CHECK(awa.age_band() == ">35");
  CHECK(awa.country() == "SN");
  CHECK(awa.area() == "rural");
  CHECK_FALSE(states.at({12, 4}).learner());

  Fine(world.store.database().Read([&](store::Session& session) -> absl::Status {
    const auto courses = CoursesAfter(session, "sn1", 0, 10);
    Fine(courses.status());
    REQUIRE(courses->size() == 1);
    CHECK(courses->front().full_name == "Cours");
    REQUIRE(courses->front().categories.size() == 2);
    CHECK(courses->front().categories[0].name == "D-CLIC");
    const auto cohorts = CohortsAfter(session, "sn1", 4, std::nullopt, 10);
    Fine(cohorts.status());
    REQUIRE(cohorts->size() == 1);
    CHECK(cohorts->front().code == "gb");
    CHECK(cohorts->front().title == "Groupe B");
    CHECK(cohorts->front().learners == 1);
    const auto tutors = TutorsOf(session, "sn1", 4);
    Fine(tutors.status());
    REQUIRE(tutors->size() == 1);
    CHECK(tutors->front().name == "Tom Tuteur");
    const int64_t persons[] = {awa.person(), 5};
    const auto identities = IdentitiesOf(session, "sn1", 4, std::optional<std::string>("gb"), persons);
    Fine(identities.status());
    REQUIRE(identities->size() == 1);
    CHECK(identities->front().full_name == "Awa Ndiaye");
    const auto elsewhere = IdentitiesOf(session, "sn1", 5, std::nullopt, persons);
    Fine(elsewhere.status());
    CHECK(elsewhere->empty());
    return absl::OkStatus();
  }));
}

STORE_CONTRACT("enrolments are listed page by page by pseudonym", "[directory]") {
  World world(backend);
  std::vector<MoodleEvent> events;
  for (int i = 0; i < 25; ++i) events.push_back(Event(1 + i, "user_enrolment_created", i, 100 + i, 4, 900 + i));
  world.Apply(events);
  std::vector<int64_t> persons;
  Fine(world.store.database().Read([&](store::Session& session) -> absl::Status {
    int64_t after = 0;
    for (;;) {
      ASSIGN_OR_RETURN(const auto page, EnrolmentsAfter(session, "sn1", 4, std::nullopt, after, 7));
      for (const EnrolmentEntry& entry : page) persons.push_back(entry.facts.person);
      if (page.size() < 7) return absl::OkStatus();
      after = page.back().facts.person;
    }
  }));
  CHECK(persons.size() == 25);
  CHECK(std::is_sorted(persons.begin(), persons.end()));
}

STORE_CONTRACT("two sites keep apart", "[directory]") {
  World world(backend);
  world.store.AddSite("ci1", "Africa/Abidjan");
  world.Apply({Event(1, "user_enrolment_created", 0, 11, 4, 901)});
  world.store.Write([&](store::Session& session) {
    const MoodleEvent deleted = Event(2, "user_deleted", 500, 11, 0, 11);
    return world.directory->ApplyEvents(session, "ci1", absl::MakeSpan(&deleted, 1), true);
  });
  CHECK(world.store.States("sn1").at({11, 4}).intervals(0).to_us() == kNever);
}

STORE_CONTRACT("a new epoch's small numbers are not held back by the old one's", "[directory]") {
  World world(backend);
  world.Apply({With(Event(5000, "user_enrolment_created", 0, 11, 4, 901), EnrolState(901, 11, 4, 0, 0, 0, kBase))},
              false);
  world.store.Write([&](store::Session& session) { return world.directory->StartEpoch(session, "sn1"); });
  world.Page("enrolments", 9, 3, {EnrolState(901, 11, 4, 0, 0, kBase + 700000, kBase)});
  CHECK(world.store.States().at({11, 4}).intervals(0).to_us() == At(700000));
}

STORE_CONTRACT("a deleted account keeps no name", "[directory]") {
  World world(backend);
  world.Apply({With(Event(1, "user_created", 0, 11, 0, 11),
                    R"({"id":11,"firstname":"Awa","lastname":"Ndiaye","timecreated":5})"),
               Event(2, "user_deleted", 9, 11, 0, 11)},
              false);
  CHECK(world.store.Number("SELECT count(*) FROM directory_person WHERE first_name <> '' OR last_name <> ''") == 0);
}

}  // namespace
}  // namespace compagnon::moodle
