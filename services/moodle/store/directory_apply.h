#ifndef COMPAGNON_MOODLE_STORE_DIRECTORY_APPLY_H_
#define COMPAGNON_MOODLE_STORE_DIRECTORY_APPLY_H_

#include "moodle/domain/moodle_event.h"
#include "moodle/domain/php_serialize.h"
#include "moodle/store/directory_batch.h"

namespace compagnon::moodle {

// How single events and states become facts.

enum class Kind {
  kNone,
  kEnrolmentCreated,
  kEnrolmentUpdated,
  kEnrolmentDeleted,
  kRoleAssigned,
  kRoleUnassigned,
  kUserTold,
  kUserDeleted,
  kCourseTold,
  kCourseDeleted,
  kCategoryTold,
  kModuleTold,
  kModuleDeleted,
  kGroupTold,
  kGroupDeleted,
  kGroupJoined,
  kGroupLeft,
  kCohortTold,
  kCohortDeleted,
  kCohortJoined,
  kCohortLeft
};

struct Occurrence {
  Kind kind = Kind::kNone;
  const MoodleEvent* event = nullptr;
  FlatMap state;  // the object after, flattened
  bool has_state = false;
};

// Whose facts an event changes, and of which course; 0 = nobody's, none.
int64_t UserOf(const Occurrence& one);
int64_t CourseOf(const Occurrence& one);

// Both are loaded in `batch`.
absl::Status ApplyOccurrence(DirectoryBatch& batch, const Occurrence& one, bool from_log);

// States of the bridge protocol's export kinds (proto/bridge/README.md). `told.seq` = 0 leaves the object's seq as it
// is; `pass` 0 likewise.
void TellUser(DirectoryBatch& batch, PersonFacts& person, const FlatMap& state, const Told& told, int64_t pass);
void TellCourse(DirectoryBatch& batch, CourseFacts& course, const FlatMap& state, const Told& told, int64_t pass);
void TellEnrolment(PersonFacts& person, const FlatMap& state, const Told& told, int64_t pass);
// Upserts of what has a table of its own and no e hangs on directly.
absl::Status TellCategory(DirectoryBatch& batch, const FlatMap& state, const Told& told, int64_t pass);
absl::Status TellModule(DirectoryBatch& batch, const FlatMap& state, const Told& told, int64_t pass);
absl::Status TellSet(DirectoryBatch& batch, int64_t kind, int64_t target, int64_t course, const FlatMap& state,
                     const Told& told, int64_t pass, bool deleted);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_STORE_DIRECTORY_APPLY_H_
