#ifndef COMPAGNON_MOODLE_DOMAIN_DIMENSIONS_H_
#define COMPAGNON_MOODLE_DOMAIN_DIMENSIONS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"

namespace compagnon::moodle {

// Where a site keeps what Moodle has no field for, as its dimensions.toml says (deploy/dimensions.example.toml).

enum class ValueSource { kProfileField, kUserField, kGroup, kCohort, kCategory, kCourseField };

// One way to a value. For fields, `field` is the field's short name and `values` the table from what is written there
// to the dimension's value ("*" = anything else; an empty table takes the text as it is). For groups, cohorts and
// categories, `field` is a pattern over the idnumber and the name, and `values` holds the one value under "*".
struct ValueRule {
  ValueSource source = ValueSource::kProfileField;
  std::string field;
  std::map<std::string, std::string, std::less<>> values;
};

// A cohort out of groups or Moodle cohorts whose idnumber or name fits the pattern. Empty code or title: the idnumber
// (else the name) and the name of what fitted.
struct CohortRule {
  bool moodle_cohort = false;
  std::string pattern;
  std::string code;
  std::string title;
};

enum class CourseRole { kNone, kLearner, kTutor, kCoordinator };

struct SiteMapping {
  std::vector<ValueRule> sex, birth_date, age_band, country, area;
  std::string birth_date_format;  // "unix", "iso" or strftime letters ("%d/%m/%Y"); "" = unix seconds or YYYY-MM-DD
  std::vector<int> age_bounds;
  std::map<std::string, CourseRole, std::less<>> roles;  // role id in digits, or short name
  std::vector<CohortRule> cohorts;                       // first match wins

  // What holds when a site has no table: Moodle's country, standard bands, roles 5 and student, 4 and teacher, 3 and
  // editingteacher.
  static SiteMapping Standard();
  // "profile:genre", "user:country": the only fields of people the directory keeps.
  std::set<std::string> PersonFields() const;
  std::set<std::string> CourseFields() const;
};

// Mappings of all sites: [default] and [sites.<code>].
struct DimensionMap {
  SiteMapping standard = SiteMapping::Standard();
  std::map<std::string, SiteMapping, std::less<>> sites;
  const SiteMapping& Of(std::string_view site) const;
};

// A group or Moodle cohort somebody belongs to.
struct NamedSet {
  int64_t id = 0;
  std::string name;
  std::string idnumber;
};

// What is known about e when its values are decided; all of it as of start(e).
struct DimensionFacts {
  // Text of a person's field ("profile:genre", "user:country", "given:sex"), "" = none.
  std::function<std::string(std::string_view field)> person_field;
  std::function<std::string(std::string_view field)> course_field;
  std::vector<NamedSet> groups;      // of this course, by id
  std::vector<NamedSet> cohorts;     // Moodle cohorts, by id
  std::vector<NamedSet> categories;  // of the course, root first
  int32_t start_day = 0;             // local day of start(e)
};

struct DimensionValues {
  std::string sex, age_band, country, area;
  bool operator==(const DimensionValues&) const = default;
};

struct CohortChoice {
  std::string code;  // "" = the course run itself
  std::string title;
};

// The values of e. What a people file gave ("given:...") comes before any rule; the first rule that yields a value
// wins; a given band is kept as it is, else it is computed from the birth date. "" = inconnu. `zone` reads birth dates
// that are Unix seconds.
DimensionValues ValuesOf(const SiteMapping& mapping, const DimensionFacts& facts, const absl::TimeZone& zone);

// The one cohort of e.
CohortChoice CohortOf(const SiteMapping& mapping, absl::Span<const NamedSet> groups,
                      absl::Span<const NamedSet> cohorts);

// Role of an id or its short name ("" when unknown) under the mapping; `overrides` (from --map role:5=learner) come
// first.
CourseRole RoleOf(const SiteMapping& mapping, const std::map<std::string, CourseRole, std::less<>>& overrides,
                  int64_t role, std::string_view short_name);
std::optional<CourseRole> RoleFromText(std::string_view text);

// "F", "M", "other" or "" of what a source says.
std::string StandardSex(std::string_view text);

// Pattern with * (any run) and ? (one byte), case-sensitive.
bool Fits(std::string_view pattern, std::string_view text);

// A code fit for a resource path: other bytes than letters, digits, '-', '_' and '.' become '-' (UTF-8 letters are
// kept).
std::string CohortCode(std::string_view text);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_DOMAIN_DIMENSIONS_H_
