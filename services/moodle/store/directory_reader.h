#ifndef COMPAGNON_MOODLE_STORE_DIRECTORY_READER_H_
#define COMPAGNON_MOODLE_STORE_DIRECTORY_READER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "moodle/domain/dimensions.h"
#include "moodle/domain/enrolment.h"
#include "moodle/store/directory_facts.h"
#include "platform/base/status.h"
#include "platform/store/sql.h"

namespace compagnon::moodle {

// What the directory answers. All of it works inside the caller's transaction (Read). `after` begins where the last
// page ended.

// Course runs by id, the front page and courses nothing is known of left out; course.values is not filled.
absl::StatusOr<std::vector<CourseFacts>> CoursesAfter(store::Session& session, std::string_view site, int64_t after,
                                                      int limit);
absl::StatusOr<std::optional<CourseFacts>> FindCourse(store::Session& session, std::string_view site, int64_t course);

struct CohortSummary {
  std::string code;
  std::string title;     // "" for the course run itself
  int64_t learners = 0;  // with an enrolment, open or not
};
// Cohorts with at least one learner, by code; `after` nothing = from the first.
absl::StatusOr<std::vector<CohortSummary>> CohortsAfter(store::Session& session, std::string_view site, int64_t course,
                                                        const std::optional<std::string>& after, int limit);

struct Tutor {
  std::string cohort;  // "" = of every cohort of the course
  std::string name;
};
// Tutors enrolled in the course whose name is known, by name.
absl::StatusOr<std::vector<Tutor>> TutorsOf(store::Session& session, std::string_view site, int64_t course);

struct EnrolmentEntry {
  EnrolmentFacts facts;
  std::vector<Interval> intervals;
};
// Enrolments of a course, or of one cohort of it, by pseudonym.
absl::StatusOr<std::vector<EnrolmentEntry>> EnrolmentsAfter(store::Session& session, std::string_view site,
                                                            int64_t course, const std::optional<std::string>& cohort,
                                                            int64_t after, int limit);

// One person in the directory. Who may not see identities is told neither user nor name nor fields.
struct PersonEntry {
  int64_t person = 0;
  int64_t user = 0;
  std::string full_name;                                    // "" when only the number is known, or the account is gone
  std::optional<ChangeKind> account;                        // nothing = the site told nothing of the account
  int64_t account_since_us = 0;                             // 0 = not known
  std::vector<std::pair<std::string, std::string>> fields;  // what the fields the mapping reads say now, by name
  std::vector<std::pair<int64_t, EnrolmentEntry>> enrolments;  // by course, those asked for
};
// People by pseudonym: those enrolled in the course or cohort with that enrolment, or (course 0) everybody of the site
// with all of theirs.
absl::StatusOr<std::vector<PersonEntry>> PeopleAfter(store::Session& session, std::string_view site, int64_t course,
                                                     const std::optional<std::string>& cohort, int64_t after,
                                                     int limit);

struct CategoryEntry {
  int64_t category = 0;
  std::string name;
  int64_t parent = 0;  // 0 = at the top
};
absl::StatusOr<std::vector<CategoryEntry>> CategoriesAfter(store::Session& session, std::string_view site,
                                                           int64_t after, int limit);

struct GroupEntry {
  int64_t group = 0;
  std::string name, idnumber;
  int64_t members = 0;  // now
};
// Groups of a course, or (course 0) Moodle's own cohorts, by id, those not deleted.
absl::StatusOr<std::vector<GroupEntry>> GroupsAfter(store::Session& session, std::string_view site, int64_t course,
                                                    int64_t after, int limit);

struct MemberEntry {
  int64_t person = 0;
  int64_t since_us = 0;
};
// Who is in a group of the course, or (course 0) in a Moodle cohort, now, by pseudonym. NotFound "group_not_found".
absl::StatusOr<std::vector<MemberEntry>> MembersAfter(store::Session& session, std::string_view site, int64_t course,
                                                      int64_t group, int64_t after, int limit);

struct RoleEntry {
  int64_t role = 0;
  std::string short_name;  // "" = not known
  Interval interval;       // from 0 when it was taken back: when it was given is not kept
};
struct RolesEntry {
  int64_t person = 0;
  std::vector<RoleEntry> roles;  // by role
};
// Roles of those enrolled in a course or a cohort, by pseudonym.
absl::StatusOr<std::vector<RolesEntry>> RolesAfter(store::Session& session, std::string_view site, int64_t course,
                                                   const std::optional<std::string>& cohort, int64_t after, int limit);

struct IdentityEntry {
  int64_t person = 0;
  int64_t user = 0;
  std::string full_name;  // "" when only the number is known (a log without names)
};
// Who pseudonyms are, of those enrolled in the course or cohort; in no order.
absl::StatusOr<std::vector<IdentityEntry>> IdentitiesOf(store::Session& session, std::string_view site, int64_t course,
                                                        const std::optional<std::string>& cohort,
                                                        absl::Span<const int64_t> persons);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_STORE_DIRECTORY_READER_H_
