#ifndef COMPAGNON_MOODLE_DOMAIN_MOODLE_EVENT_H_
#define COMPAGNON_MOODLE_DOMAIN_MOODLE_EVENT_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "platform/base/status.h"

namespace compagnon::moodle {

// A Moodle event in proper types, from a bridge row or from a logstore_standard_log row. Moodle gives ids as integers
// or numeric strings, mixed; they are coerced when parsed. 0 = null for every id.
struct MoodleEvent {
  int64_t seq = 0;   // bridge: seq; log: the row's id
  std::string uuid;  // bridge only
  std::string name;  // "\\core\\event\\course_viewed"
  std::string component, action, target;
  std::string object_table;
  int64_t object_id = 0;
  char crud = 'r';
  int edulevel = 0;
  int64_t context_id = 0;
  int context_level = 0;
  int64_t context_instance = 0;
  int64_t user = 0;
  int64_t course = 0;
  int64_t related_user = 0;
  bool anonymous = false;
  // Scalars of `other` one level deep, as text ("finalgrade" -> "71.5"); from JSON or PHP-serialised text.
  std::map<std::string, std::string, std::less<>> other;
  int64_t occurred_us = 0;
  int64_t recorded_us = 0;
  bool clock_flagged = false;
  std::string origin;  // web, ws, cli, restore or ""
  std::string ip;
  int64_t real_user = 0;
  std::string state_json;  // bridge: the object's state after, as JSON; "" when none
  bool redacted = false;
  std::string content_hash;  // 32 bytes, bridge only
  std::string raw;           // the bridge row's JSON line, for the full publication
};

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_DOMAIN_MOODLE_EVENT_H_
