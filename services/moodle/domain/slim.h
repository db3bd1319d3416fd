#ifndef COMPAGNON_MOODLE_DOMAIN_SLIM_H_
#define COMPAGNON_MOODLE_DOMAIN_SLIM_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "moodle/domain/moodle_event.h"

namespace compagnon::moodle {

// Same numbers as compagnon.event.v1.Origin.
enum class SlimOrigin { kUnspecified = 0, kWeb = 1, kWs = 2, kCli = 3, kRestore = 4 };

// What leaves the moodle module of an event: no name, address, IP, text, and no Moodle user id once `user` and
// `related_user` have been replaced by pseudonyms. Views point into the MoodleEvent.
struct SlimActivity {
  std::string_view name;
  int64_t user = 0;  // Moodle ids, for the key table only
  int64_t related_user = 0;
  int64_t course = 0;
  char crud = 'r';
  int edulevel = 0;
  int context_level = 0;
  int64_t context_instance = 0;
  int64_t object = 0;
  SlimOrigin origin = SlimOrigin::kUnspecified;
  bool acted_by_other = false;
  bool anonymous = false;
  int64_t grade_item = 0;
  int64_t score_milli = 0;
  bool has_score = false;
  int completion_state = -1;
  int64_t occurred_us = 0;
  int64_t recorded_us = 0;
  bool clock_flagged = false;
};

// Nothing for events that no consumer of `events` may or needs to hear: grade_item_updated (user_graded carries the
// score), our own web-service calls, the plugin's own messages.
std::optional<SlimActivity> ToSlim(const MoodleEvent& event);

// "71.5" -> 71500, rounded half away from zero; nothing for what is no number or does not fit.
std::optional<int64_t> ThousandthsOf(std::string_view decimal);

// "moodle.<site>.<component>.<target>.<action>", a part that is not all of [a-z0-9_-] becomes "_".
std::string RoutingKey(std::string_view site, std::string_view component, std::string_view target,
                       std::string_view action);

// True for a PHP class name with a leading backslash, at most 200 characters: what an eventname may be.
bool IsEventName(std::string_view name);

// 00:00 UTC of the instant's day.
int64_t FloorToUtcDay(int64_t us);
// Days since 1970-01-01, UTC.
int64_t UtcDayOf(int64_t us);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_DOMAIN_SLIM_H_
