#include "moodle/store/directory_reader.h"

#include <fmt/format.h>

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
                      EnrolmentEntry entry;
                      entry.facts.person = row.Int(0);
                      entry.facts.cohort = {row.Text(1), row.Text(2)};
                      entry.facts.learner = row.Int(3) != 0;
                      entry.facts.tutor = row.Int(4) != 0;
                      entry.facts.intervals = row.Text(5);
                      entry.facts.values = {row.Text(6), row.Text(7), row.Text(8), row.Text(9)};
                      std::optional<std::vector<Interval>> intervals = DecodeIntervals(entry.facts.intervals);
                      if (!intervals) return absl::DataLossError("directory_enrolment: intervals that are none");
                      entry.intervals = *std::move(intervals);
                      entries.push_back(std::move(entry));
                      return absl::OkStatus();
                    }));
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
