#ifndef COMPAGNON_MOODLE_STORE_DIRECTORY_READER_H_
#define COMPAGNON_MOODLE_STORE_DIRECTORY_READER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
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
