#ifndef COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_EVENT_H_
#define COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_EVENT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace compagnon::moodle_double {

// What is fixed in a Moodle event's class; values as recorded on a Moodle 4.5.6 (and from Moodle's sources for the few
// not recorded).
struct EventType {
  std::string_view name, component, action, target, object_table;  // object_table "" = null
  char crud;
  int edulevel;
  int context_level;
};

// Event classes of the core and of the activities, defined in event_types.cc.
namespace event_type {
extern const EventType kUserCreated, kUserUpdated, kUserDeleted, kUserLoggedIn, kUserLoggedOut, kUserLoggedInAs,
    kUserLoginFailed, kDashboardViewed, kCategoryCreated, kCourseCreated, kCourseUpdated, kCourseRestored,
    kCourseViewed, kModuleCreated, kGroupCreated, kGroupMemberAdded, kGroupMemberRemoved, kCohortCreated,
    kCohortMemberAdded, kEnrolmentCreated, kEnrolmentUpdated, kEnrolmentDeleted, kRoleAssigned, kRoleUnassigned,
    kModuleCompletionUpdated, kCourseCompleted, kUserGraded, kGradeItemCreated, kGradeItemUpdated, kMessageSent,
    kUserListViewed, kUserProfileViewed, kWebserviceCalled, kBadgeAwarded, kUserReportViewed, kGraderReportViewed,
    kQuizAttemptStarted, kQuizAttemptSubmitted, kScormScoLaunched, kScormStatusSubmitted, kScormScoreSubmitted,
    kForumDiscussionViewed, kForumDiscussionCreated, kForumPostCreated, kFeedbackSubmitted, kAssignSubmitted,
    kAssignGraded, kCertificateIssued, kBridgeGap;
// \mod_<name>\event\course_module_viewed; `modname` is one of the simulated activities.
const EventType& ModuleViewed(std::string_view modname);
}  // namespace event_type

enum class Origin : uint8_t { kWeb, kMobile, kCli, kRestore };

// "web", "ws", "cli", "restore".
std::string_view OriginName(Origin origin);

// One dispatched event with what the log store and the bridge add to it. Ids are 0 where Moodle has null.
struct Event {
  const EventType* type = nullptr;
  int64_t object_id = 0;
  int64_t context_id = 0;
  int64_t context_instance = 0;
  int64_t user = 0;
  int64_t course = 0;
  int64_t related_user = 0;
  bool anonymous = false;
  std::string other;  // JSON, "" = null
  int64_t occurred_us = 0;
  int64_t recorded_us = 0;
  Origin origin = Origin::kWeb;
  std::string ip;  // "" = null
  int64_t real_user = 0;
  std::string state;  // JSON of the object after, "" = null
  uint64_t uuid_high = 0;
  uint64_t uuid_low = 0;
};

// Receives events in the order in which they were recorded.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void OnEvent(const Event& event) = 0;
};

// Appends the bytes the plugin stores: proto/bridge/README.md, without seq and hash. What the protocol never stores
// (the identity behind an anonymous answer, a session id) is left out here, as the plugin does. A state over 256 KiB
// becomes its hash and size.
void AppendBridgeRow(const Event& event, std::string* out);

// Appends a row of logstore_standard_log as a JSON line with its line feed; the identity behind an anonymous answer is
// in it, as it is in Moodle's.
void AppendLogRow(const Event& event, int64_t id, std::string* out);

}  // namespace compagnon::moodle_double

#endif  // COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_EVENT_H_
