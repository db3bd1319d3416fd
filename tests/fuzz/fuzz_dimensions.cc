// dimensions.toml as an operator may write it: any text gives a mapping or mistakes that each name the file, and age
// bands rise.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "absl/strings/match.h"
#include "moodle/api/dimensions_file.h"
#include "platform/base/status.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace compagnon;
  const auto map = moodle::ParseDimensions({reinterpret_cast<const char*>(data), size}, "fuzz.toml");
  if (!map.ok()) {
    if (!absl::StartsWith(map.status().message(), "fuzz.toml:")) Die("a mistake does not say where");
    return 0;
  }
  for (const auto& [code, site] : map->sites) {
    if (!std::is_sorted(site.age_bounds.begin(), site.age_bounds.end()))
      Die("age bands that do not rise were accepted");
  }
  return 0;
}
