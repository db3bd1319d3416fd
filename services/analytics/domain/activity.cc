#include "analytics/domain/activity.h"

namespace compagnon::analytics {
namespace {

// Bit 0: crud (3), 3: edulevel (2), 5: origin (3), 8: acted_by_other, 9: anonymous, 10: clock_flagged, 11: has_score,
// 12: completion_state + 1 (3), 15: context_level / 10 (4).
constexpr std::string_view kCrud = "crud";

}  // namespace

int32_t PackTraits(const ActivityTraits& t) {
  const size_t crud = t.crud == 0 ? std::string_view::npos : kCrud.find(t.crud);
  return static_cast<int32_t>(crud == std::string_view::npos ? 0 : crud + 1) | (t.edulevel & 3) << 3 |
         (t.origin & 7) << 5 | t.acted_by_other << 8 | t.anonymous << 9 | t.clock_flagged << 10 | t.has_score << 11 |
         ((t.completion_state + 1) & 7) << 12 | ((t.context_level / 10) & 15) << 15;
}

ActivityTraits UnpackTraits(int32_t p) {
  ActivityTraits t;
  t.crud = (p & 7) == 0 ? 0 : kCrud[(p & 7) - 1];
  t.edulevel = p >> 3 & 3;
  t.origin = p >> 5 & 7;
  t.acted_by_other = p >> 8 & 1;
  t.anonymous = p >> 9 & 1;
  t.clock_flagged = p >> 10 & 1;
  t.has_score = p >> 11 & 1;
  t.completion_state = (p >> 12 & 7) - 1;
  t.context_level = (p >> 15 & 15) * 10;
  return t;
}

NameKind KindOfName(std::string_view event_name) {
  if (event_name == "\\core\\event\\course_completed") return NameKind::kCourseCompleted;
  if (event_name == "\\core\\event\\course_module_completion_updated") return NameKind::kCompletionUpdated;
  return NameKind::kOther;
}

int32_t ActionKind(const Activity& event, NameKind name) {
  if (name != NameKind::kOther || event.person == 0 || event.course == 0) return 0;
  const ActivityTraits traits = UnpackTraits(event.traits);
  if (traits.edulevel != 2 || traits.anonymous || traits.acted_by_other || traits.origin == kOriginRestore) return 0;
  return traits.origin == kOriginWs ? kActionWs : kActionElsewhere;
}

int64_t CompletedPerson(const Activity& event, NameKind name) {
  if (name != NameKind::kCourseCompleted || event.course == 0) return 0;
  return event.related_person != 0 ? event.related_person : event.person;
}

}  // namespace compagnon::analytics
