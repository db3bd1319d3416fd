#ifndef COMPAGNON_MOODLE_STORE_DIRECTORY_FACTS_H_
#define COMPAGNON_MOODLE_STORE_DIRECTORY_FACTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "moodle/domain/dimensions.h"
#include "moodle/domain/enrolment.h"
#include "platform/base/status.h"
#include "platform/store/sql.h"

namespace compagnon::moodle {

// What the directory was told, loaded and saved in bulk: a handful of statements for any number of people or courses.
// Everything works inside the caller's transaction.

inline constexpr int64_t kKindGroup = 0;
inline constexpr int64_t kKindCohort = 1;

// Row id of an enrolment that core functions showed: they tell that somebody is enrolled, not by which method or since
// when.
inline constexpr int64_t kUndatedRow = 0;

// When something was told: instants decide, then seq or id. `seq` is the bridge's (0 from a file), for the export's
// guard.
struct Told {
  int64_t at_us = 0;
  int64_t ord = 0;
  int64_t seq = 0;
};

struct MethodFacts {
  int64_t course = 0;
  int64_t row_id = 0;
  MethodRow row;
  bool live = false;  // told by the bridge or by core functions, not by a file
  int64_t seq = 0;
  int64_t pass = 0;
};

struct RoleFacts {
  int64_t course = 0;
  int64_t role = 0;
  bool held = false;  // now; that the entry exists says that the role was held once
  Told told;
  int64_t pass = 0;
};

struct MembershipFacts {
  int64_t kind = kKindGroup;
  int64_t target = 0;
  int64_t course = 0;
  bool member = false;
  Told told;
  int64_t pass = 0;
};

// What was last published of e, or would have been: person 0 = never published. Without a person or an interval it is
// no enrolment: it only counts an anomaly, or lost its last interval.
struct EnrolmentFacts {
  int64_t person = 0;
  CohortChoice cohort;
  bool learner = false;
  bool tutor = false;
  std::string intervals;
  DimensionValues values;
  int64_t anomalies = 0;
};

struct PersonFacts {
  int64_t user = 0;
  std::string first_name, last_name;
  int64_t created_us = 0;
  int64_t seq = 0;
  int64_t pass = 0;
  std::vector<Change> account;
  std::map<std::string, std::map<int64_t, std::string>, std::less<>> values;  // field -> since -> text
  std::vector<MethodFacts> methods;
  std::vector<RoleFacts> roles;
  std::vector<MembershipFacts> memberships;
  std::map<int64_t, EnrolmentFacts> published;  // by course

  // Which parts SavePeople writes.
  bool person_changed = false, account_changed = false, values_changed = false, methods_changed = false,
       roles_changed = false, memberships_changed = false, published_changed = false;

  // What happened to the account last; null when nothing is known to have.
  const Change* LastAccountChange() const;
  MethodFacts* FindMethod(int64_t course, int64_t row_id);
  // Adds a change unless it is known already; true when it was new.
  bool AddAccountChange(const Change& change);
  bool AddMethodChange(MethodFacts& method, const Change& change);
  RoleFacts* FindRole(int64_t course, int64_t role);
  MembershipFacts* FindMembership(int64_t kind, int64_t target);
  // Text of a field at an instant: the last one told by then, else the first that says something after.
  std::string ValueAt(std::string_view field, int64_t at_us) const;
  // Keeps a field's text from an instant on (the first one told holds from ever).
  void SetValue(const std::string& field, int64_t since_us, const std::string& text);
};

using People = std::map<int64_t, PersonFacts>;

// Everything about these users; unknown ones come back empty.
absl::StatusOr<People> LoadPeople(store::Session& session, std::string_view site, const std::set<int64_t>& users);
absl::Status SavePeople(store::Session& session, std::string_view site, const People& people);

struct CourseFacts {
  int64_t course = 0;
  std::string short_name, full_name;
  std::optional<int32_t> start_day, end_day;
  int64_t category = 0;
  bool visible = true;
  bool deleted = false;
  int64_t seq = 0;
  int64_t pass = 0;
  std::string published;  // what was said last, in one text
  std::map<std::string, std::string, std::less<>> values;
  std::vector<NamedSet> categories;  // root first; not saved; see LoadCategoryPaths
  bool known = false;
  bool changed = false;
  bool values_changed = false;
};

using Courses = std::map<int64_t, CourseFacts>;

absl::StatusOr<Courses> LoadCourses(store::Session& session, std::string_view site, const std::set<int64_t>& courses);
// Fills `categories` of courses loaded.
absl::Status LoadCategoryPaths(store::Session& session, std::string_view site, Courses& courses);
absl::Status SaveCourses(store::Session& session, std::string_view site, const Courses& courses);

// Names of groups and Moodle cohorts by (kind, id), those not deleted.
using SetNames = std::map<std::pair<int64_t, int64_t>, NamedSet>;
absl::StatusOr<SetNames> LoadSetNames(store::Session& session, std::string_view site, const People& people);

// "1,2,3" for IN (...): numbers need no binding.
std::string NumberList(const std::set<int64_t>& numbers);

// Users with a row in these courses, members of these sets, or everybody with a row.
absl::StatusOr<std::set<int64_t>> UsersOfCourses(store::Session& session, std::string_view site,
                                                 const std::set<int64_t>& courses);
absl::StatusOr<std::set<int64_t>> UsersOfSets(store::Session& session, std::string_view site, int64_t kind,
                                              const std::set<int64_t>& targets);
absl::StatusOr<std::set<int64_t>> UsersOfSite(store::Session& session, std::string_view site);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_STORE_DIRECTORY_FACTS_H_
