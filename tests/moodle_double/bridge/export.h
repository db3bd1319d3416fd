#ifndef COMPAGNON_TESTS_MOODLE_DOUBLE_BRIDGE_EXPORT_H_
#define COMPAGNON_TESTS_MOODLE_DOUBLE_BRIDGE_EXPORT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "moodle_double/simulation/world.h"

namespace compagnon::moodle_double {

// One page of local_compagnon_export.
struct ExportPage {
  int64_t next = 0;  // id of the page's last row, or after_id when it is empty
  bool done = true;
  int64_t total = 0;
  std::string rows;  // JSON lines
};

// Rows of `kind` with an id above `after`, by id. `course` 0 = all. NOT_FOUND for an unknown kind.
absl::StatusOr<ExportPage> Export(const World& world, std::string_view kind, int64_t after, int64_t limit, bool hashes,
                                  int64_t course);

// The kinds, in the order in which a first pass wants them: what others refer to comes first.
const std::vector<std::string_view>& ExportKinds();

}  // namespace compagnon::moodle_double

#endif  // COMPAGNON_TESTS_MOODLE_DOUBLE_BRIDGE_EXPORT_H_
