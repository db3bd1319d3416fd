#include <array>
#include <utility>

#include "moodle_double/simulation/event.h"
#include "platform/base/status.h"

namespace compagnon::moodle_double::event_type {

const EventType kUserCreated{"\\core\\event\\user_created", "core", "created", "user", "user", 'c', 0, 30};
const EventType kUserUpdated{"\\core\\event\\user_updated", "core", "updated", "user", "user", 'u', 0, 30};
const EventType kUserDeleted{"\\core\\event\\user_deleted", "core", "deleted", "user", "user", 'd', 0, 30};
const EventType kUserLoggedIn{"\\core\\event\\user_loggedin", "core", "loggedin", "user", "user", 'r', 0, 10};
const EventType kUserLoggedOut{"\\core\\event\\user_loggedout", "core", "loggedout", "user", "user", 'r', 0, 10};
const EventType kUserLoggedInAs{"\\core\\event\\user_loggedinas", "core", "loggedinas", "user", "user", 'r', 0, 50};
const EventType kUserLoginFailed{"\\core\\event\\user_login_failed", "core", "failed", "user_login", "", 'r', 0, 10};
const EventType kDashboardViewed{"\\core\\event\\dashboard_viewed", "core", "viewed", "dashboard", "", 'r', 0, 30};
const EventType kCategoryCreated{
    "\\core\\event\\course_category_created", "core", "created", "course_category", "course_categories", 'c', 0, 40};
const EventType kCourseCreated{"\\core\\event\\course_created", "core", "created", "course", "course", 'c', 1, 50};
const EventType kCourseUpdated{"\\core\\event\\course_updated", "core", "updated", "course", "course", 'u', 1, 50};
const EventType kCourseRestored{"\\core\\event\\course_restored", "core", "restored", "course", "course", 'c', 1, 50};
const EventType kCourseViewed{"\\core\\event\\course_viewed", "core", "viewed", "course", "", 'r', 2, 50};
const EventType kModuleCreated{
    "\\core\\event\\course_module_created", "core", "created", "course_module", "course_modules", 'c', 1, 70};
const EventType kGroupCreated{"\\core\\event\\group_created", "core", "created", "group", "groups", 'c', 0, 50};
const EventType kGroupMemberAdded{
    "\\core\\event\\group_member_added", "core", "added", "group_member", "groups", 'c', 0, 50};
const EventType kGroupMemberRemoved{
    "\\core\\event\\group_member_removed", "core", "removed", "group_member", "groups", 'd', 0, 50};
const EventType kCohortCreated{"\\core\\event\\cohort_created", "core", "created", "cohort", "cohort", 'c', 0, 10};
const EventType kCohortMemberAdded{
    "\\core\\event\\cohort_member_added", "core", "added", "cohort_member", "cohort", 'c', 0, 10};
const EventType kEnrolmentCreated{
    "\\core\\event\\user_enrolment_created", "core", "created", "user_enrolment", "user_enrolments", 'c', 0, 50};
const EventType kEnrolmentUpdated{
    "\\core\\event\\user_enrolment_updated", "core", "updated", "user_enrolment", "user_enrolments", 'u', 0, 50};
const EventType kEnrolmentDeleted{
    "\\core\\event\\user_enrolment_deleted", "core", "deleted", "user_enrolment", "user_enrolments", 'd', 0, 50};
const EventType kRoleAssigned{"\\core\\event\\role_assigned", "core", "assigned", "role", "role", 'c', 0, 50};
const EventType kRoleUnassigned{"\\core\\event\\role_unassigned", "core", "unassigned", "role", "role", 'd', 0, 50};
const EventType kModuleCompletionUpdated{"\\core\\event\\course_module_completion_updated",
                                         "core",
                                         "updated",
                                         "course_module_completion",
                                         "course_modules_completion",
                                         'u',
                                         2,
                                         70};
const EventType kCourseCompleted{
    "\\core\\event\\course_completed", "core", "completed", "course", "course_completions", 'u', 2, 50};
const EventType kUserGraded{"\\core\\event\\user_graded", "core", "graded", "user", "grade_grades", 'u', 1, 50};
const EventType kGradeItemCreated{
    "\\core\\event\\grade_item_created", "core", "created", "grade_item", "grade_items", 'c', 0, 50};
const EventType kGradeItemUpdated{
    "\\core\\event\\grade_item_updated", "core", "updated", "grade_item", "grade_items", 'u', 0, 50};
const EventType kMessageSent{"\\core\\event\\message_sent", "core", "sent", "message", "messages", 'c', 0, 10};
const EventType kUserListViewed{"\\core\\event\\user_list_viewed", "core", "viewed", "user_list", "course", 'r', 0, 50};
const EventType kUserProfileViewed{
    "\\core\\event\\user_profile_viewed", "core", "viewed", "user_profile", "user", 'r', 0, 30};
const EventType kWebserviceCalled{
    "\\core\\event\\webservice_function_called", "core", "called", "webservice_function", "", 'r', 0, 10};
const EventType kBadgeAwarded{"\\core\\event\\badge_awarded", "core", "awarded", "badge", "badge", 'u', 2, 50};
const EventType kUserReportViewed{
    "\\gradereport_user\\event\\grade_report_viewed", "gradereport_user", "viewed", "grade_report", "", 'r', 2, 50};
const EventType kGraderReportViewed{
    "\\gradereport_grader\\event\\grade_report_viewed", "gradereport_grader", "viewed", "grade_report", "", 'r', 1, 50};
const EventType kQuizAttemptStarted{
    "\\mod_quiz\\event\\attempt_started", "mod_quiz", "started", "attempt", "quiz_attempts", 'c', 2, 70};
const EventType kQuizAttemptSubmitted{
    "\\mod_quiz\\event\\attempt_submitted", "mod_quiz", "submitted", "attempt", "quiz_attempts", 'u', 2, 70};
const EventType kScormScoLaunched{
    "\\mod_scorm\\event\\sco_launched", "mod_scorm", "launched", "sco", "scorm_scoes", 'r', 2, 70};
const EventType kScormStatusSubmitted{
    "\\mod_scorm\\event\\status_submitted", "mod_scorm", "submitted", "status", "scorm_scoes_value", 'u', 2, 70};
const EventType kScormScoreSubmitted{
    "\\mod_scorm\\event\\scoreraw_submitted", "mod_scorm", "submitted", "scoreraw", "scorm_scoes_value", 'u', 2, 70};
const EventType kForumDiscussionViewed{
    "\\mod_forum\\event\\discussion_viewed", "mod_forum", "viewed", "discussion", "forum_discussions", 'r', 2, 70};
const EventType kForumDiscussionCreated{
    "\\mod_forum\\event\\discussion_created", "mod_forum", "created", "discussion", "forum_discussions", 'c', 2, 70};
const EventType kForumPostCreated{
    "\\mod_forum\\event\\post_created", "mod_forum", "created", "post", "forum_posts", 'c', 2, 70};
const EventType kFeedbackSubmitted{"\\mod_feedback\\event\\response_submitted",
                                   "mod_feedback",
                                   "submitted",
                                   "response",
                                   "feedback_completed",
                                   'c',
                                   2,
                                   70};
const EventType kAssignSubmitted{"\\mod_assign\\event\\assessable_submitted",
                                 "mod_assign",
                                 "submitted",
                                 "assessable",
                                 "assign_submission",
                                 'u',
                                 2,
                                 70};
const EventType kAssignGraded{
    "\\mod_assign\\event\\submission_graded", "mod_assign", "graded", "submission", "assign_grades", 'u', 1, 70};
const EventType kCertificateIssued{"\\tool_certificate\\event\\certificate_issued",
                                   "tool_certificate",
                                   "issued",
                                   "certificate",
                                   "tool_certificate_issues",
                                   'c',
                                   0,
                                   50};
const EventType kBridgeGap{"\\local_compagnon\\event\\gap", "local_compagnon", "recorded", "gap", "", 'c', 0, 10};

namespace {
constexpr EventType Viewed(std::string_view name, std::string_view component, std::string_view table) {
  return EventType{name, component, "viewed", "course_module", table, 'r', 2, 70};
}
constexpr std::array<EventType, 7> kViewed = {
    Viewed("\\mod_page\\event\\course_module_viewed", "mod_page", "page"),
    Viewed("\\mod_url\\event\\course_module_viewed", "mod_url", "url"),
    Viewed("\\mod_forum\\event\\course_module_viewed", "mod_forum", "forum"),
    Viewed("\\mod_quiz\\event\\course_module_viewed", "mod_quiz", "quiz"),
    Viewed("\\mod_feedback\\event\\course_module_viewed", "mod_feedback", "feedback"),
    Viewed("\\mod_scorm\\event\\course_module_viewed", "mod_scorm", "scorm"),
    Viewed("\\mod_assign\\event\\course_module_viewed", "mod_assign", "assign"),
};
}  // namespace

const EventType& ModuleViewed(std::string_view modname) {
  for (const EventType& type : kViewed) {
    if (type.object_table == modname) return type;
  }
  Die("no such activity is simulated");
}

}  // namespace compagnon::moodle_double::event_type
