#ifndef COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATE_VERB_H_
#define COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATE_VERB_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "moodle_double/simulation/site_simulation.h"

namespace compagnon::moodle_double {

// `compagnon simulate`: one simulated site's history as a file, for load tests and for importing.
struct SimulateOptions {
  SiteParameters
      site;  // `now` 0 = the last event is before 2026-06-01 00:00 UTC, so that the same options give the same file
  std::string out;           // logstore_standard_log as JSON lines; gzip when the name ends in .gz
  bool bridge_rows = false;  // the bridge's rows instead (seq from 1), one a line
  std::string files_dir;     // "" = none; else people.csv, courses.csv and assessments.csv are written there
  bool progress = false;     // a line on standard error now and then
};

struct SimulateResult {
  int64_t events = 0;
  int64_t first_occurred = 0, last_occurred = 0;  // UTC seconds
  std::string sha256;                             // 64 hex digits, of the lines before compression
};

// Writes the files; existing ones are replaced only once they are complete. The same options give the same bytes.
absl::StatusOr<SimulateResult> Simulate(const SimulateOptions& options);

}  // namespace compagnon::moodle_double

#endif  // COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATE_VERB_H_
