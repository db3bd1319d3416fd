#include "moodle/store/directory_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace compagnon::moodle {
namespace {

using store::Row;
using store::Session;
using store::Value;

// Rows of directory_enrolment that are an enrolment: others only count an anomaly, or lost their last interval.
constexpr std::string_view kIsEnrolment = "person <> 0 AND intervals <> ''";

std::string FullName(const std::string& first, const std::string& last) {
  return first.empty() ? last : last.empty() ? first : first + " " + last;
}

absl::StatusOr<EnrolmentEntry> EntryOf(EnrolmentFacts facts) {
  EnrolmentEntry entry;
  entry.facts = std::move(facts);
  std::optional<std::vector<Interval>> intervals = DecodeIntervals(entry.facts.intervals);
  if (!intervals) return absl::DataLossError("directory_enrolment: intervals that are none");
  entry.intervals = *std::move(intervals);
  return entry;
}

// (pseudonym, user) of a page of people, by pseudonym.
absl::StatusOr<std::vector<std::pair<int64_t, int64_t>>> KeysAfter(Session& session, std::string_view site,
                                                                   int64_t course,
                                                                   const std::optional<std::string>& cohort,
                                                                   int64_t after, int limit) {
  std::vector<Value> params = {std::string(site), after, int64_t{limit}};
  std::string sql =
      "SELECT pseudonym, moodle_user FROM person_key WHERE site = :p1 AND pseudonym > :p2 ORDER BY pseudonym LIMIT :p3";
  if (course > 0) {
    params.push_back(course);
    if (cohort) params.push_back(*cohort);
    sql = fmt::format(
        "SELECT person, user_id FROM directory_enrolment WHERE site = :p1 AND person > :p2 AND course = :p4 AND {}{} "
        "ORDER BY person LIMIT :p3",
        kIsEnrolment, cohort ? " AND cohort = :p5" : "");
  }
  std::vector<std::pair<int64_t, int64_t>> keys;
  RETURN_IF_ERROR(session.Query(sql, params, [&](const Row& row) {
    keys.emplace_back(row.Int(0), row.Int(1));
    return absl::OkStatus();
  }));
  return keys;
}

absl::StatusOr<People> PeopleBehind(Session& session, std::string_view site,
                                    absl::Span<const std::pair<int64_t, int64_t>> keys) {
  std::set<int64_t> users;
  for (const auto& [person, user] : keys) users.insert(user);
  return LoadPeople(session, site, users);
}

}  // namespace

absl::StatusOr<std::vector<CourseFacts>> CoursesAfter(Session& session, std::string_view site, int64_t after,
                                                      int limit) {
  std::set<int64_t> ids;
  const Value params[] = {std::string(site), std::max<int64_t>(after, 1), int64_t{limit}};
  RETURN_IF_ERROR(
      session.Query("SELECT course FROM directory_course WHERE site = :p1 AND course > :p2 ORDER BY course LIMIT :p3",
                    params, [&](const Row& row) {
                      ids.insert(row.Int(0));
                      return absl::OkStatus();
                    }));
  ASSIGN_OR_RETURN(Courses courses, LoadCourses(session, site, ids));
  RETURN_IF_ERROR(LoadCategoryPaths(session, site, courses));
  std::vector<CourseFacts> result;
  for (auto& [id, course] : courses) result.push_back(std::move(course));
  return result;
}

absl::StatusOr<std::optional<CourseFacts>> FindCourse(Session& session, std::string_view site, int64_t course) {
  ASSIGN_OR_RETURN(Courses courses, LoadCourses(session, site, {course}));
  RETURN_IF_ERROR(LoadCategoryPaths(session, site, courses));
  CourseFacts& found = courses[course];
  if (!found.known) return std::optional<CourseFacts>();
  return std::optional<CourseFacts>(std::move(found));
}

absl::StatusOr<std::vector<CohortSummary>> CohortsAfter(Session& session, std::string_view site, int64_t course,
                                                        const std::optional<std::string>& after, int limit) {
  std::vector<CohortSummary> cohorts;
  std::vector<Value> params = {std::string(site), course, int64_t{limit}};
  if (after) params.push_back(*after);
  // Codes are compared byte by byte on both back ends, so that a page ends where the next begins.
  const std::string_view collate = session.dialect() == store::Dialect::kPostgresql ? " COLLATE \"C\"" : "";
  RETURN_IF_ERROR(
      session.Query(fmt::format("SELECT cohort{0}, max(cohort_title), count(*) FROM directory_enrolment WHERE site = "
                                ":p1 AND course = :p2 AND learner = 1 AND {1}{2} "
                                "GROUP BY cohort{0} ORDER BY 1 LIMIT :p3",
                                collate, kIsEnrolment, after ? fmt::format(" AND cohort{} > :p4", collate) : ""),
                    params, [&](const Row& row) {
                      cohorts.push_back({row.Text(0), row.Text(1), row.Int(2)});
                      return absl::OkStatus();
                    }));
  return cohorts;
}

absl::StatusOr<std::vector<Tutor>> TutorsOf(Session& session, std::string_view site, int64_t course) {
  std::vector<Tutor> tutors;
  const Value params[] = {std::string(site), course};
  RETURN_IF_ERROR(
      session.Query("SELECT e.cohort, p.first_name, p.last_name FROM directory_enrolment e JOIN directory_person p ON "
                    "p.site = e.site AND p.user_id = e.user_id "
                    "WHERE e.site = :p1 AND e.course = :p2 AND e.tutor = 1 AND e.intervals <> '' AND (p.first_name <> "
                    "'' OR p.last_name <> '') "
                    "ORDER BY p.last_name, p.first_name, p.user_id",
                    params, [&](const Row& row) {
                      tutors.push_back({row.Text(0), FullName(row.Text(1), row.Text(2))});
                      return absl::OkStatus();
                    }));
  return tutors;
}

absl::StatusOr<std::vector<EnrolmentEntry>> EnrolmentsAfter(Session& session, std::string_view site, int64_t course,
                                                            const std::optional<std::string>& cohort, int64_t after,
                                                            int limit) {
  std::vector<EnrolmentEntry> entries;
  std::vector<Value> params = {std::string(site), course, after, int64_t{limit}};
  if (cohort) params.push_back(*cohort);
  RETURN_IF_ERROR(
      session.Query(fmt::format("SELECT person, cohort, cohort_title, learner, tutor, intervals, sex, age_band, "
                                "country, area FROM directory_enrolment "
                                "WHERE site = :p1 AND course = :p2 AND person > :p3 AND {}{} ORDER BY person LIMIT :p4",
                                kIsEnrolment, cohort ? " AND cohort = :p5" : ""),
                    params, [&](const Row& row) -> absl::Status {
                      EnrolmentFacts facts;
                      facts.person = row.Int(0);
                      facts.cohort = {row.Text(1), row.Text(2)};
                      facts.learner = row.Int(3) != 0;
                      facts.tutor = row.Int(4) != 0;
                      facts.intervals = row.Text(5);
                      facts.values = {row.Text(6), row.Text(7), row.Text(8), row.Text(9)};
                      ASSIGN_OR_RETURN(EnrolmentEntry entry, EntryOf(std::move(facts)));
                      entries.push_back(std::move(entry));
                      return absl::OkStatus();
                    }));
  return entries;
}

absl::StatusOr<std::vector<PersonEntry>> PeopleAfter(Session& session, std::string_view site, int64_t course,
                                                     const std::optional<std::string>& cohort, int64_t after,
                                                     int limit) {
  ASSIGN_OR_RETURN(const auto keys, KeysAfter(session, site, course, cohort, after, limit));
  ASSIGN_OR_RETURN(const People people, PeopleBehind(session, site, keys));
  std::vector<PersonEntry> entries;
  for (const auto& [person, user] : keys) {
    const PersonFacts& facts = people.at(user);
    PersonEntry& entry = entries.emplace_back();
    entry.person = person;
    entry.user = user;
    entry.full_name = FullName(facts.first_name, facts.last_name);
    if (const Change* last = facts.LastAccountChange(); last != nullptr) {
      entry.account = last->kind;
      entry.account_since_us = last->at_us;
    } else if (facts.created_us > 0 || facts.seq > 0 || facts.pass > 0) {
      entry.account = ChangeKind::kCreated;
      entry.account_since_us = facts.created_us;
    }
    for (const auto& [field, history] : facts.values) {
      std::string text = facts.ValueAt(field, kNever);
      if (!text.empty()) entry.fields.emplace_back(field, std::move(text));
    }
    for (const auto& [of, e] : facts.published) {
      if (e.person == 0 || e.intervals.empty() || (course > 0 && of != course)) continue;
      ASSIGN_OR_RETURN(EnrolmentEntry enrolment, EntryOf(e));
      entry.enrolments.emplace_back(of, std::move(enrolment));
    }
  }
  return entries;
}

absl::StatusOr<std::vector<CategoryEntry>> CategoriesAfter(Session& session, std::string_view site, int64_t after,
                                                           int limit) {
  std::vector<CategoryEntry> entries;
  const Value params[] = {std::string(site), after, int64_t{limit}};
  RETURN_IF_ERROR(session.Query(
      "SELECT category, name, parent FROM directory_category WHERE site = :p1 AND category > :p2 ORDER BY category "
      "LIMIT :p3",
      params, [&](const Row& row) {
        entries.push_back({row.Int(0), row.Text(1), row.Int(2)});
        return absl::OkStatus();
      }));
  return entries;
}

absl::StatusOr<std::vector<GroupEntry>> GroupsAfter(Session& session, std::string_view site, int64_t course,
                                                    int64_t after, int limit) {
  std::vector<GroupEntry> entries;
  const Value params[] = {std::string(site), course > 0 ? kKindGroup : kKindCohort, course, after, int64_t{limit}};
  RETURN_IF_ERROR(session.Query(
      "SELECT g.target, g.name, g.idnumber, (SELECT count(*) FROM directory_membership m WHERE m.site = g.site AND "
      "m.kind = g.kind AND m.target = g.target AND m.member = 1) FROM directory_group g "
      "WHERE g.site = :p1 AND g.kind = :p2 AND g.course = :p3 AND g.deleted = 0 AND g.target > :p4 "
      "ORDER BY g.target LIMIT :p5",
      params, [&](const Row& row) {
        entries.push_back({row.Int(0), row.Text(1), row.Text(2), row.Int(3)});
        return absl::OkStatus();
      }));
  return entries;
}

absl::StatusOr<std::vector<MemberEntry>> MembersAfter(Session& session, std::string_view site, int64_t course,
                                                      int64_t group, int64_t after, int limit) {
  const int64_t kind = course > 0 ? kKindGroup : kKindCohort;
  bool known = false;
  // The course is looked at too: the caller's right was checked on it.
  const Value which[] = {std::string(site), kind, group, course};
  RETURN_IF_ERROR(
      session.Query("SELECT 1 FROM directory_group WHERE site = :p1 AND kind = :p2 AND target = :p3 AND course = :p4 "
                    "AND deleted = 0",
                    which, [&](const Row&) {
                      known = true;
                      return absl::OkStatus();
                    }));
  if (!known) return WithReason(absl::NotFoundError("group"), "group_not_found");
  std::vector<MemberEntry> entries;
  const Value params[] = {std::string(site), kind, group, after, int64_t{limit}};
  RETURN_IF_ERROR(session.Query(
      "SELECT k.pseudonym, m.at_us FROM directory_membership m JOIN person_key k ON k.site = m.site AND k.moodle_user "
      "= m.user_id WHERE m.site = :p1 AND m.kind = :p2 AND m.target = :p3 AND m.member = 1 AND k.pseudonym > :p4 "
      "ORDER BY k.pseudonym LIMIT :p5",
      params, [&](const Row& row) {
        entries.push_back({row.Int(0), row.Int(1)});
        return absl::OkStatus();
      }));
  return entries;
}

absl::StatusOr<std::vector<RolesEntry>> RolesAfter(Session& session, std::string_view site, int64_t course,
                                                   const std::optional<std::string>& cohort, int64_t after, int limit) {
  std::map<int64_t, std::string> names;
  const Value params[] = {std::string(site)};
  RETURN_IF_ERROR(
      session.Query("SELECT role, short_name FROM directory_role WHERE site = :p1", params, [&](const Row& row) {
        names[row.Int(0)] = row.Text(1);
        return absl::OkStatus();
      }));
  ASSIGN_OR_RETURN(const auto keys, KeysAfter(session, site, course, cohort, after, limit));
  ASSIGN_OR_RETURN(const People people, PeopleBehind(session, site, keys));
  std::vector<RolesEntry> entries;
  for (const auto& [person, user] : keys) {
    RolesEntry& entry = entries.emplace_back();
    entry.person = person;
    for (const RoleFacts& role : people.at(user).roles) {
      if (role.course != course) continue;
      const Interval interval = role.held ? Interval{role.told.at_us, kNever} : Interval{0, role.told.at_us};
      entry.roles.push_back({role.role, names[role.role], interval});
    }
    std::sort(entry.roles.begin(), entry.roles.end(),
              [](const RoleEntry& a, const RoleEntry& b) { return a.role < b.role; });
  }
  return entries;
}

absl::StatusOr<std::vector<IdentityEntry>> IdentitiesOf(Session& session, std::string_view site, int64_t course,
                                                        const std::optional<std::string>& cohort,
                                                        absl::Span<const int64_t> persons) {
  std::vector<IdentityEntry> entries;
  const std::set<int64_t> wanted(persons.begin(), persons.end());
  std::vector<Value> params = {std::string(site), course};
  if (cohort) params.push_back(*cohort);
  RETURN_IF_ERROR(
      session.Query(fmt::format("SELECT e.person, e.user_id, coalesce(p.first_name, ''), coalesce(p.last_name, '') "
                                "FROM directory_enrolment e LEFT JOIN directory_person p "
                                "ON p.site = e.site AND p.user_id = e.user_id WHERE e.site = :p1 AND e.course = :p2 "
                                "AND e.intervals <> '' AND e.person <> 0 AND "
                                "e.person IN ({}){}",
                                NumberList(wanted), cohort ? " AND e.cohort = :p3" : ""),
                    params, [&](const Row& row) {
                      entries.push_back({row.Int(0), row.Int(1), FullName(row.Text(2), row.Text(3))});
                      return absl::OkStatus();
                    }));
  return entries;
}

}  // namespace compagnon::moodle
