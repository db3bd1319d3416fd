#ifndef COMPAGNON_ANALYTICS_DOMAIN_ACTIVITY_H_
#define COMPAGNON_ANALYTICS_DOMAIN_ACTIVITY_H_

#include <cstdint>
#include <string_view>

namespace compagnon::analytics {

// Small facts of a Moodle event, packed into one integer column of `raw`. The layout is stored: append only.
struct ActivityTraits {
  char crud = 0;     // c, r, u, d; 0 unknown
  int edulevel = 0;  // 0 other, 1 teaching, 2 participating
  int origin = 0;    // as event.v1.Origin
  bool acted_by_other = false;
  bool anonymous = false;
  bool clock_flagged = false;
  bool has_score = false;
  int completion_state = -1;  // -1 none, 0 to 3
  int context_level = 0;      // 0, 10 to 80 in tens
  friend bool operator==(const ActivityTraits&, const ActivityTraits&) = default;
};
int32_t PackTraits(const ActivityTraits& traits);
ActivityTraits UnpackTraits(int32_t packed);

inline constexpr int kOriginWs = 2;
inline constexpr int kOriginRestore = 4;

// Events whose name decides what they are.
enum class NameKind { kOther, kCourseCompleted, kCompletionUpdated };
NameKind KindOfName(std::string_view event_name);

// One Moodle event as `raw` keeps it; stream and name are numbers of the place that holds it (a batch or the store).
struct Activity {
  int32_t stream = 0;
  int32_t name = 0;
  int32_t traits = 0;
  int64_t pos = 0;
  int64_t occurred_us = 0;
  int64_t recorded_us = 0;
  int64_t person = 0;
  int64_t related_person = 0;
  int64_t course = 0;
  int64_t context_instance = 0;
  int64_t object = 0;
  int64_t grade_item = 0;
  int64_t score_milli = 0;
};

// What learner_day counts, column `kind`.
inline constexpr int32_t kActionElsewhere = 1;  // an action, not by the mobile app
inline constexpr int32_t kActionWs = 2;         // an action of origin ws

// The kind of action an event is by indicators.md ("Action of e"), leaving out the test of the enrolment interval: 0 =
// no action.
int32_t ActionKind(const Activity& event, NameKind name);

// Whom a course_completed is about: the related person, else the actor; 0 = this is no completion of a course.
int64_t CompletedPerson(const Activity& event, NameKind name);

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_DOMAIN_ACTIVITY_H_
