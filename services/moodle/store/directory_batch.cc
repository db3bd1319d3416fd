#include "moodle/store/directory_batch.h"

#include <fmt/format.h>

#include <algorithm>

#include "compagnon/event/v1/slim.pb.h"
#include "moodle/domain/local_day.h"
#include "moodle/store/publication.h"
#include "moodle/store/site_store.h"

namespace compagnon::moodle {
namespace {

constexpr size_t kPeopleAtOnce = 5000;

std::string_view RoleText(CourseRole role) {
  switch (role) {
    case CourseRole::kLearner:
      return "learner";
    case CourseRole::kTutor:
      return "tutor";
    case CourseRole::kCoordinator:
      return "coordinator";
    case CourseRole::kNone:
      return "none";
  }
  return "none";
}

bool Same(const EnrolmentFacts& a, const EnrolmentFacts& b) {
  return a.cohort.code == b.cohort.code && a.learner == b.learner && a.intervals == b.intervals && a.values == b.values;
}

}  // namespace

std::string EncodeRoles(const std::map<std::string, CourseRole, std::less<>>& roles) {
  std::string text;
  for (const auto& [name, role] : roles) text += fmt::format("{}{}={}", text.empty() ? "" : ",", name, RoleText(role));
  return text;
}

std::map<std::string, CourseRole, std::less<>> DecodeRoles(std::string_view text) {
  std::map<std::string, CourseRole, std::less<>> roles;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view part = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos) continue;
    if (auto role = RoleFromText(part.substr(equals + 1))) roles[std::string(part.substr(0, equals))] = *role;
  }
  return roles;
}

absl::StatusOr<absl::TimeZone> ZoneOfSite(store::Session& session, std::string_view site) {
  ASSIGN_OR_RETURN(const SiteRecord record, GetSite(session, site));
  absl::TimeZone zone;
  if (!absl::LoadTimeZone(record.config.time_zone, &zone)) {
    return WithReason(absl::FailedPreconditionError("the site's time zone is not known: " + record.config.time_zone),
                      "unknown_time_zone");
  }
  return zone;
}

absl::StatusOr<DirectoryBatch> DirectoryBatch::Begin(const Directory& directory, store::Session& session,
                                                     std::string_view site) {
  DirectoryBatch batch(directory, session, site);
  static const DimensionMap* const kStandard = new DimensionMap();
  batch.mapping_ = &(directory.options_.dimensions ? *directory.options_.dimensions : *kStandard).Of(site);
  ASSIGN_OR_RETURN(batch.zone_, ZoneOfSite(session, site));
  const store::Value params[] = {std::string(site)};
  // The row is locked first by every writer of a site, so that two of them cannot decide on half of each other's facts.
  auto inserted = session.Execute("INSERT INTO directory_site (site) VALUES (:p1) ON CONFLICT DO NOTHING", params);
  if (!inserted.ok()) return inserted.status();
  RETURN_IF_ERROR(
      session.Query(fmt::format("SELECT log_roles, live_roles, role_map FROM directory_site WHERE site = :p1{}",
                                session.dialect() == store::Dialect::kPostgresql ? " FOR UPDATE" : ""),
                    params, [&](const store::Row& row) {
                      batch.log_roles_ = row.Int(0) != 0;
                      batch.live_roles_ = row.Int(1) != 0;
                      batch.role_overrides_ = DecodeRoles(row.Text(2));
                      return absl::OkStatus();
                    }));
  RETURN_IF_ERROR(
      session.Query("SELECT role, short_name FROM directory_role WHERE site = :p1", params, [&](const store::Row& row) {
        batch.role_names_[row.Int(0)] = row.Text(1);
        return absl::OkStatus();
      }));
  return batch;
}

absl::Status DirectoryBatch::Load(const std::set<int64_t>& users, const std::set<int64_t>& courses) {
  std::set<int64_t> missing_users, missing_courses;
  for (int64_t user : users) {
    if (!people_.contains(user)) missing_users.insert(user);
  }
  for (int64_t course : courses) {
    if (!courses_.contains(course)) missing_courses.insert(course);
  }
  ASSIGN_OR_RETURN(People people, LoadPeople(session_, site_, missing_users));
  people_.merge(people);
  ASSIGN_OR_RETURN(Courses loaded, LoadCourses(session_, site_, missing_courses));
  courses_.merge(loaded);
  return absl::OkStatus();
}

void DirectoryBatch::SawRoles(bool live) {
  bool& flag = live ? live_roles_ : log_roles_;
  if (flag) return;
  flag = roles_changed_ = true;
  all_ = true;
}

absl::Status DirectoryBatch::Finish() {
  if (roles_changed_) {
    const store::Value params[] = {site_, int64_t{log_roles_}, int64_t{live_roles_}};
    auto done =
        session_.Execute("UPDATE directory_site SET log_roles = :p2, live_roles = :p3 WHERE site = :p1", params);
    if (!done.ok()) return done.status();
  }

  // A course that people are enrolled in is told even when nothing else is known of it: its zone is needed for every
  // day.
  std::set<int64_t> courses_met = touched_courses_;
  for (int64_t user : touched_) {
    for (const MethodFacts& method : people_.at(user).methods) courses_met.insert(method.course);
  }
  RETURN_IF_ERROR(Load({}, courses_met));
  RETURN_IF_ERROR(PublishCourses());
  RETURN_IF_ERROR(SaveCourses(session_, site_, courses_));

  // Facts first: who else is concerned is asked from the store.
  RETURN_IF_ERROR(SavePeople(session_, site_, people_));
  // Who has an account, a role or a place in a group is listed, and that by pseudonym; an enrolment's person gets one
  // when it is published.
  std::vector<int64_t> kept;
  for (const auto& [user, person] : people_) {
    if (person.person_changed || person.account_changed || person.values_changed || person.roles_changed ||
        person.memberships_changed)
      kept.push_back(user);
  }
  RETURN_IF_ERROR(PseudonymsOf(session_, site_, kept).status());
  for (auto& [user, person] : people_) {
    person.person_changed = person.account_changed = person.values_changed = person.methods_changed =
        person.roles_changed = person.memberships_changed = false;
  }
  std::set<int64_t> concerned = touched_;
  if (all_) {
    ASSIGN_OR_RETURN(concerned, UsersOfSite(session_, site_));
    concerned.insert(touched_.begin(), touched_.end());
  } else {
    if (!touched_courses_.empty()) {
      ASSIGN_OR_RETURN(std::set<int64_t> users, UsersOfCourses(session_, site_, touched_courses_));
      concerned.merge(users);
    }
    for (const auto& [kind, targets] : touched_sets_) {
      ASSIGN_OR_RETURN(std::set<int64_t> users, UsersOfSets(session_, site_, kind, targets));
      concerned.merge(users);
    }
  }
  People loaded = std::move(people_);
  people_.clear();
  auto next = concerned.begin();
  while (next != concerned.end()) {
    People some;
    std::set<int64_t> missing;
    for (; next != concerned.end() && some.size() + missing.size() < kPeopleAtOnce; ++next) {
      if (auto node = loaded.extract(*next)) {
        some.insert(std::move(node));
      } else {
        missing.insert(*next);
      }
    }
    ASSIGN_OR_RETURN(People others, LoadPeople(session_, site_, missing));
    some.merge(others);
    RETURN_IF_ERROR(PublishPeople(some));
  }
  return absl::OkStatus();
}

absl::Status DirectoryBatch::PublishCourses() {
  std::vector<event::v1::SlimEvent> states;
  const int64_t now_us = absl::ToUnixMicros(directory_.options_.clock->Now());
  for (auto& [id, course] : courses_) {
    // Moodle's course 1 is the front page.
    if (id <= 1) continue;
    const bool visible = course.visible && !course.deleted;
    std::string said =
        fmt::format("{}\x1f{}\x1f{}\x1f{}\x1f{}\x1f{}", course.short_name, course.full_name,
                    course.start_day ? fmt::format("{}", *course.start_day) : "",
                    course.end_day ? fmt::format("{}", *course.end_day) : "", zone_.name(), visible ? 1 : 0);
    if (course.known && said == course.published && !tell_again_) continue;
    course.published = std::move(said);
    course.changed = course.known = true;
    event::v1::SlimEvent& slim = states.emplace_back();
    slim.set_stream("site");
    slim.set_occurred_us(now_us);
    slim.set_recorded_us(now_us);
    event::v1::CourseState& state = *slim.mutable_course();
    state.set_course(id);
    state.set_short_name(course.short_name);
    state.set_full_name(course.full_name);
    state.set_has_start(course.start_day.has_value());
    state.set_start_day(course.start_day.value_or(0));
    state.set_has_end(course.end_day.has_value());
    state.set_end_day(course.end_day.value_or(0));
    state.set_time_zone(zone_.name());
    state.set_visible(visible);
  }
  return states.empty() ? absl::OkStatus() : PublishSlim(session_, site_, absl::MakeSpan(states));
}

EnrolmentFacts DirectoryBatch::Compute(const PersonFacts& person, int64_t course, const SetNames& names) const {
  EnrolmentFacts e;
  std::vector<MethodRow> rows;
  bool roles_told = false;
  for (const MethodFacts& method : person.methods) {
    if (method.course != course) continue;
    rows.push_back(method.row);
    roles_told = roles_told || (method.live ? live_roles_ : log_roles_);
  }
  const MergedEnrolment merged = MergeEnrolment(rows, person.account);
  e.intervals = EncodeIntervals(merged.intervals);
  e.anomalies = merged.anomalies;

  const auto course_facts = courses_.find(course);
  const CourseFacts* facts = course_facts == courses_.end() ? nullptr : &course_facts->second;

  e.learner = !roles_told;
  for (const RoleFacts& role : person.roles) {
    if (role.course != course) continue;
    auto name = role_names_.find(role.role);
    const CourseRole meaning =
        RoleOf(*mapping_, role_overrides_, role.role, name == role_names_.end() ? "" : name->second);
    // Whoever was a learner once stays one in the figures, whatever role came after.
    if (meaning == CourseRole::kLearner) e.learner = true;
    if (meaning == CourseRole::kTutor && role.held) e.tutor = true;
  }

  DimensionFacts known;
  for (const MembershipFacts& m : person.memberships) {
    if (!m.member || (m.kind == kKindGroup && m.course != course)) continue;
    auto name = names.find({m.kind, m.target});
    // Deleted, or known by its number alone: no pattern can speak of it.
    if (name == names.end()) continue;
    (m.kind == kKindGroup ? known.groups : known.cohorts).push_back(name->second);
  }
  for (auto* sets : {&known.groups, &known.cohorts}) {
    std::sort(sets->begin(), sets->end(), [](const NamedSet& a, const NamedSet& b) { return a.id < b.id; });
  }
  e.cohort = CohortOf(*mapping_, known.groups, known.cohorts);

  std::optional<int64_t> course_start;
  if (facts != nullptr && facts->start_day) course_start = MidnightOf(*facts->start_day, zone_);
  const std::optional<int64_t> start = StartOf(merged.intervals, course_start);
  if (!start) return e;
  known.start_day = LocalDayOf(*start, zone_);
  known.person_field = [&](std::string_view field) { return person.ValueAt(field, *start); };
  known.course_field = [&](std::string_view field) {
    if (facts == nullptr) return std::string();
    auto value = facts->values.find(field);
    return value == facts->values.end() ? std::string() : value->second;
  };
  if (facts != nullptr) known.categories = facts->categories;
  e.values = ValuesOf(*mapping_, known, zone_);
  return e;
}

absl::Status DirectoryBatch::PublishPeople(People& people) {
  std::set<int64_t> courses;
  for (const auto& [user, person] : people) {
    for (const MethodFacts& method : person.methods) courses.insert(method.course);
    for (const auto& [course, e] : person.published) courses.insert(course);
  }
  RETURN_IF_ERROR(Load({}, courses));
  // Read here and not with the courses: this call may have told of the categories after it loaded the courses.
  RETURN_IF_ERROR(LoadCategoryPaths(session_, site_, courses_));
  ASSIGN_OR_RETURN(const SetNames names, LoadSetNames(session_, site_, people));

  struct Told {
    PersonFacts* person;
    int64_t course;
    EnrolmentFacts e;
  };
  std::vector<Told> told;
  std::vector<int64_t> users;
  for (auto& [user, person] : people) {
    std::set<int64_t> of_person;
    for (const MethodFacts& method : person.methods) of_person.insert(method.course);
    for (const auto& [course, e] : person.published) of_person.insert(course);
    for (int64_t course : of_person) {
      EnrolmentFacts e = Compute(person, course, names);
      auto before = person.published.find(course);
      if (before == person.published.end() || before->second.person == 0) {
        // A person with nothing but empty intervals in a course is no e; what went wrong there is still counted.
        if (e.intervals.empty()) {
          if (e.anomalies != (before == person.published.end() ? 0 : before->second.anomalies)) {
            person.published[course] = e;
            person.published_changed = true;
          }
          continue;
        }
      } else {
        e.person = before->second.person;
        if (Same(e, before->second) && !tell_again_) {
          if (e.tutor != before->second.tutor || e.anomalies != before->second.anomalies ||
              e.cohort.title != before->second.cohort.title) {
            before->second = e;
            person.published_changed = true;
          }
          continue;
        }
      }
      told.push_back({&person, course, std::move(e)});
      users.push_back(user);
    }
  }
  if (!told.empty()) {
    ASSIGN_OR_RETURN(const std::vector<int64_t> pseudonyms, PseudonymsOf(session_, site_, users));
    const int64_t now_us = absl::ToUnixMicros(directory_.options_.clock->Now());
    std::vector<event::v1::SlimEvent> states(told.size());
    for (size_t i = 0; i < told.size(); ++i) {
      Told& one = told[i];
      one.e.person = pseudonyms[i];
      states[i].set_stream("site");
      states[i].set_occurred_us(now_us);
      states[i].set_recorded_us(now_us);
      event::v1::EnrolmentState& state = *states[i].mutable_enrolment();
      state.set_person(one.e.person);
      state.set_course(one.course);
      state.set_cohort(one.e.cohort.code);
      state.set_learner(one.e.learner);
      const std::optional<std::vector<Interval>> intervals = DecodeIntervals(one.e.intervals);
      if (!intervals) Die("an interval list just encoded does not decode");
      for (const Interval& interval : *intervals) {
        event::v1::Interval& said = *state.add_intervals();
        said.set_from_us(interval.from_us);
        said.set_to_us(interval.to_us);
      }
      state.set_sex(one.e.values.sex);
      state.set_age_band(one.e.values.age_band);
      state.set_country(one.e.values.country);
      state.set_area(one.e.values.area);
      one.person->published[one.course] = std::move(one.e);
      one.person->published_changed = true;
    }
    RETURN_IF_ERROR(PublishSlim(session_, site_, absl::MakeSpan(states)));
  }
  return SavePeople(session_, site_, people);
}

}  // namespace compagnon::moodle
