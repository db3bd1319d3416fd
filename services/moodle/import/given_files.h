#ifndef COMPAGNON_MOODLE_IMPORT_GIVEN_FILES_H_
#define COMPAGNON_MOODLE_IMPORT_GIVEN_FILES_H_

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "moodle/store/directory.h"
#include "platform/base/status.h"

namespace compagnon::moodle {

// CSV files beside a log, as ../shared/oulad/moodle-log has them. Each needs a column "id" ("cmid" for activities); a
// row whose id is no number is refused by its line. Unknown columns are left alone.

// What --map said.
struct ColumnMap {
  std::map<std::string, std::string> dimension_of_column;  // "region" -> "country"
  std::map<std::string, CourseRole, std::less<>> roles;    // "5" -> learner
};
// "region" = "country" (a people file's column for a dimension: sex, age_band, birth_date, country, area), "role:5" =
// "learner". Every mistake at once.
absl::StatusOr<ColumnMap> ReadColumnMap(const std::map<std::string, std::string>& map);

struct GivenFile {
  std::vector<int64_t> refused_lines;
  std::vector<std::string> used_columns;  // "region -> country", for the person at the terminal
};

// Recognises sex, gender, sexe, genre; age_band; birth_date, birthdate; country, pays; area, milieu; firstname,
// lastname. A mapped column takes the place of those of its dimension.
absl::StatusOr<std::map<int64_t, std::map<std::string, std::string>>> ReadPeopleFile(const std::string& path,
                                                                                     const ColumnMap& map,
                                                                                     GivenFile* about);
// id, shortname, fullname, startdate, enddate: local days, or Unix seconds meaning their local day.
absl::StatusOr<std::vector<GivenCourse>> ReadCoursesFile(const std::string& path, const absl::TimeZone& zone,
                                                         GivenFile* about);
// cmid, itemid, courseid, type, due, grademax, gradepass. A date without a time is due at 23:59:59 local.
absl::StatusOr<std::vector<GivenActivity>> ReadAssessmentsFile(const std::string& path, const absl::TimeZone& zone,
                                                               GivenFile* about);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_IMPORT_GIVEN_FILES_H_
