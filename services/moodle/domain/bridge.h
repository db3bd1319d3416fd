#ifndef COMPAGNON_MOODLE_DOMAIN_BRIDGE_H_
#define COMPAGNON_MOODLE_DOMAIN_BRIDGE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "moodle/domain/moodle_event.h"

// Answers of local_compagnon, protocol 1 (proto/bridge/). Unknown fields are ignored everywhere.
namespace compagnon::moodle {

constexpr int64_t kBridgeProtocol = 1;
constexpr std::string_view kGapEvent = "\\local_compagnon\\event\\gap";

// Rows of one UTC day.
struct DayCount {
  int64_t day = 0;  // days since 1970-01-01
  int64_t rows = 0;
  bool operator==(const DayCount&) const = default;
};

// A line of a page that is no event. The stream goes on after it. The line itself is not kept: what cannot be read
// cannot be redacted either.
struct RejectedRow {
  int64_t seq = 0;  // 0 when not even that could be read
  std::string reason;
  std::string event_name;  // "" when it could not be read or is none
  int64_t bytes = 0;       // length of the line
  std::string digest;      // SHA-256 of the line, hexadecimal: tells whether a line found elsewhere is this one
};

struct PullPage {
  std::string site, epoch, fingerprint;
  int64_t first = 0, latest = 0, oldest = 0, unnumbered = 0, faults = 0;
  std::vector<DayCount> counted;
  std::vector<MoodleEvent> events;  // ascending by seq, each once, all > after
  std::vector<RejectedRow> rejected;
  std::vector<std::pair<int64_t, int64_t>> missing;  // [from, to] of seq that the page should have held: an incident
  int64_t lines = 0;                                 // on the page
  int64_t duplicates = 0;                            // lines with a seq met before
  int64_t repaired = 0;                              // bytes that were no UTF-8, replaced by U+FFFD
  int64_t next = 0;                                  // the cursor after this page
};

struct BridgeStatus {
  std::string site, epoch, fingerprint, plugin_version, release, db_family;
  int64_t protocol = 0, latest = 0, oldest = 0, unnumbered = 0, depth = 0, oldest_unsent_us = 0, faults = 0,
          log_rows_per_day = 0, bytes = 0, ceiling_bytes = 0;
  std::vector<DayCount> counts;
  std::vector<std::string> subscribers, warnings;
};

struct ExportPage {
  std::string epoch, fingerprint, kind;
  int64_t as_of = 0, next = 0, total = 0;
  bool done = false;
  std::vector<std::string> rows;  // the states, JSON objects
  int64_t rejected = 0;           // lines that are no state
};

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_DOMAIN_BRIDGE_H_
