#ifndef COMPAGNON_MOODLE_STORE_DIRECTORY_BATCH_H_
#define COMPAGNON_MOODLE_STORE_DIRECTORY_BATCH_H_

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "moodle/store/directory.h"
#include "moodle/store/directory_facts.h"

namespace compagnon::moodle {

// One call of the directory, inside one transaction: loads who and what it touches, lets the caller change facts, then
// works out what follows, publishes what changed and saves.
class DirectoryBatch {
 public:
  static absl::StatusOr<DirectoryBatch> Begin(const Directory& directory, store::Session& session,
                                              std::string_view site);

  // Loads people and courses that are not loaded yet. References stay valid.
  absl::Status Load(const std::set<int64_t>& users, const std::set<int64_t>& courses);
  PersonFacts& Person(int64_t user) { return people_.at(user); }
  CourseFacts& Course(int64_t course) { return courses_.at(course); }

  // Publishes every state of what is touched, also those that did not change: for a consumer that was added later.
  void TellAgain() { tell_again_ = true; }

  const SiteMapping& mapping() const { return *mapping_; }
  const absl::TimeZone& zone() const { return zone_; }
  store::Session& session() { return session_; }
  const std::string& site() const { return site_; }

  // The first event about roles from this kind of source: from now on only who holds a learner's role is a learner.
  void SawRoles(bool live);

  // What the users of a changed course, group or cohort, or of the whole site, must be computed again for.
  void TouchUser(int64_t user) { touched_.insert(user); }
  void TouchCourse(int64_t course) { touched_courses_.insert(course); }
  void TouchSet(int64_t kind, int64_t target) { touched_sets_[kind].insert(target); }
  void TouchAll() { all_ = true; }

  absl::Status Finish();

 private:
  DirectoryBatch(const Directory& directory, store::Session& session, std::string_view site)
      : directory_(directory), session_(session), site_(site) {}

  absl::Status PublishCourses();
  absl::Status PublishPeople(People& people);
  EnrolmentFacts Compute(const PersonFacts& person, int64_t course, const SetNames& names) const;

  const Directory& directory_;
  store::Session& session_;
  std::string site_;
  const SiteMapping* mapping_ = nullptr;
  absl::TimeZone zone_;
  std::map<std::string, CourseRole, std::less<>> role_overrides_;
  std::map<int64_t, std::string> role_names_;
  bool log_roles_ = false, live_roles_ = false, roles_changed_ = false;
  People people_;
  Courses courses_;
  std::set<int64_t> touched_, touched_courses_;
  std::map<int64_t, std::set<int64_t>> touched_sets_;
  bool all_ = false;
  bool tell_again_ = false;
};

// "5=learner,4=tutor" for directory_site.role_map, and back.
std::string EncodeRoles(const std::map<std::string, CourseRole, std::less<>>& roles);
std::map<std::string, CourseRole, std::less<>> DecodeRoles(std::string_view text);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_STORE_DIRECTORY_BATCH_H_
