#ifndef COMPAGNON_MOODLE_DOMAIN_RESOURCE_PATH_H_
#define COMPAGNON_MOODLE_DOMAIN_RESOURCE_PATH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace compagnon::moodle {

// "sites/sn1", "sites/sn1/courses/4" or "sites/sn1/courses/4/cohorts/A". course 0 and no cohort where the path ends
// earlier.
struct ResourcePath {
  std::string site;
  int64_t course = 0;
  std::optional<std::string> cohort;
};

// Nothing for anything else: an empty part, a sign, a leading zero, a part too many.
std::optional<ResourcePath> ParseResourcePath(std::string_view path);

// A group of a course ("sites/sn1/courses/4/groups/70") or a Moodle cohort ("sites/sn1/moodle-cohorts/3", course 0).
struct GroupPath {
  std::string site;
  int64_t course = 0;
  int64_t id = 0;
};
std::optional<GroupPath> ParseGroupPath(std::string_view path);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_DOMAIN_RESOURCE_PATH_H_
