#include "moodle/store/directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "moodle/domain/local_day.h"
#include "moodle/intake/flat_json.h"
#include "moodle/store/directory_apply.h"
#include "moodle/store/directory_batch.h"

namespace compagnon::moodle {
namespace {

constexpr std::string_view kCore = "\\core\\event\\";

const std::unordered_map<std::string_view, Kind>& Kinds() {
  static const auto* const kinds = new std::unordered_map<std::string_view, Kind>{
      {"user_enrolment_created", Kind::kEnrolmentCreated},
      {"user_enrolment_updated", Kind::kEnrolmentUpdated},
      {"user_enrolment_deleted", Kind::kEnrolmentDeleted},
      {"role_assigned", Kind::kRoleAssigned},
      {"role_unassigned", Kind::kRoleUnassigned},
      {"user_created", Kind::kUserTold},
      {"user_updated", Kind::kUserTold},
      {"user_deleted", Kind::kUserDeleted},
      {"course_created", Kind::kCourseTold},
      {"course_updated", Kind::kCourseTold},
      {"course_restored", Kind::kCourseTold},
      {"course_deleted", Kind::kCourseDeleted},
      {"course_category_created", Kind::kCategoryTold},
      {"course_category_updated", Kind::kCategoryTold},
      {"course_module_created", Kind::kModuleTold},
      {"course_module_updated", Kind::kModuleTold},
      {"course_module_deleted", Kind::kModuleDeleted},
      {"group_created", Kind::kGroupTold},
      {"group_updated", Kind::kGroupTold},
      {"group_deleted", Kind::kGroupDeleted},
      {"group_member_added", Kind::kGroupJoined},
      {"group_member_removed", Kind::kGroupLeft},
      {"cohort_created", Kind::kCohortTold},
      {"cohort_updated", Kind::kCohortTold},
      {"cohort_deleted", Kind::kCohortDeleted},
      {"cohort_member_added", Kind::kCohortJoined},
      {"cohort_member_removed", Kind::kCohortLeft},
  };
  return *kinds;
}

Kind KindOf(std::string_view name) {
  if (!name.starts_with(kCore)) return Kind::kNone;
  name.remove_prefix(kCore.size());
  // Nearly every event is somebody looking at something.
  if (name.ends_with("_viewed")) return Kind::kNone;
  auto found = Kinds().find(name);
  return found == Kinds().end() ? Kind::kNone : found->second;
}

}  // namespace

bool ConcernsDirectory(std::string_view event_name) { return KindOf(event_name) != Kind::kNone; }

absl::Status Directory::ApplyEvents(store::Session& session, std::string_view site,
                                    absl::Span<const MoodleEvent> events, bool from_log) {
  std::vector<Occurrence> met;
  for (const MoodleEvent& event : events) {
    const Kind kind = KindOf(event.name);
    // An anonymous event names nobody, so it can say nothing about anybody.
    if (kind == Kind::kNone || event.anonymous) continue;
    met.push_back({kind, &event, {}, false});
  }
  if (met.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(DirectoryBatch batch, DirectoryBatch::Begin(*this, session, site));

  std::set<int64_t> users, courses;
  for (Occurrence& one : met) {
    // A log's rows hold no states, whatever its columns are called.
    one.has_state = !from_log && !one.event->state_json.empty() && ReadFlatJson(one.event->state_json, &one.state);
    if (const int64_t user = UserOf(one); user > 0) users.insert(user);
    if (const int64_t course = CourseOf(one); course > 0) courses.insert(course);
  }
  RETURN_IF_ERROR(batch.Load(users, courses));
  for (const Occurrence& one : met) RETURN_IF_ERROR(ApplyOccurrence(batch, one, from_log));
  return batch.Finish();
}

absl::Status Directory::StartEpoch(store::Session& session, std::string_view site) {
  const store::Value params[] = {std::string(site)};
  for (std::string_view table : {"directory_person", "directory_method", "directory_role_held", "directory_membership",
                                 "directory_course", "directory_category", "directory_module", "directory_group"}) {
    auto done = session.Execute(fmt::format("UPDATE {} SET seq = 0 WHERE site = :p1 AND seq <> 0", table), params);
    if (!done.ok()) return done.status();
  }
  return absl::OkStatus();
}

absl::Status Directory::RecomputeSite(store::Database& database, std::string_view site, int step, bool tell_again) {
  std::set<int64_t> users;
  RETURN_IF_ERROR(database.Read([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(users, UsersOfSite(session, site));
    return absl::OkStatus();
  }));
  auto next = users.begin();
  while (next != users.end()) {
    std::set<int64_t> some;
    for (; next != users.end() && some.size() < static_cast<size_t>(step); ++next) some.insert(*next);
    RETURN_IF_ERROR(database.Write([&](store::Session& session) -> absl::Status {
      ASSIGN_OR_RETURN(DirectoryBatch batch, DirectoryBatch::Begin(*this, session, site));
      if (tell_again) batch.TellAgain();
      RETURN_IF_ERROR(batch.Load(some, {}));
      for (int64_t user : some) batch.TouchUser(user);
      return batch.Finish();
    }));
  }
  return absl::OkStatus();
}

}  // namespace compagnon::moodle
