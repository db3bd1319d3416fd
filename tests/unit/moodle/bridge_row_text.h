#ifndef COMPAGNON_TESTS_UNIT_MOODLE_BRIDGE_ROW_TEXT_H_
#define COMPAGNON_TESTS_UNIT_MOODLE_BRIDGE_ROW_TEXT_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace compagnon::moodle::test {

// A row as the plugin serves it (proto/bridge/row.schema.json); tests change what they are about.
inline nlohmann::ordered_json Row(int64_t seq) {
  return {{"seq", seq},
          {"hash", std::string(64, 'a')},
          {"uuid", "u" + std::to_string(seq)},
          {"eventname", "\\core\\event\\course_viewed"},
          {"component", "core"},
          {"action", "viewed"},
          {"target", "course"},
          {"objecttable", nullptr},
          {"objectid", nullptr},
          {"crud", "r"},
          {"edulevel", 2},
          {"contextid", 1633},
          {"contextlevel", 50},
          {"contextinstanceid", "4"},
          {"userid", "1251"},
          {"courseid", "4"},
          {"relateduserid", nullptr},
          {"anonymous", 0},
          {"other", nullptr},
          {"timecreated", 1795282519},
          {"occurred", int64_t{1795282519000000} + seq},
          {"recorded", int64_t{1795282519000100} + seq},
          {"origin", "web"},
          {"entry", "page"},
          {"ip", "192.0.2.7"},
          {"realuserid", nullptr},
          {"state", nullptr}};
}

inline std::string Lines(const std::vector<nlohmann::ordered_json>& rows) {
  std::string out;
  for (const auto& row : rows) out += row.dump() + "\n";
  return out;
}

inline const std::string kFingerprint(64, 'f');

// An answer of local_compagnon_pull_events around `lines`.
inline std::string PullAnswer(const std::string& lines, int64_t first, int64_t latest,
                              const std::string& epoch = "e1") {
  return nlohmann::json{{"protocol", 1},  {"site", "s"},
                        {"epoch", epoch}, {"fingerprint", kFingerprint},
                        {"first", first}, {"latest", latest},
                        {"oldest", 1},    {"unnumbered", 0},
                        {"faults", 0},    {"counted", {{{"day", "2026-11-21"}, {"rows", latest}}}},
                        {"events", lines}}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::ignore);
}

}  // namespace compagnon::moodle::test

#endif  // COMPAGNON_TESTS_UNIT_MOODLE_BRIDGE_ROW_TEXT_H_
