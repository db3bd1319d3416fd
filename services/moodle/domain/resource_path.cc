#include "moodle/domain/resource_path.h"

#include <charconv>
#include <vector>

namespace compagnon::moodle {

std::optional<ResourcePath> ParseResourcePath(std::string_view path) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    if (parts.back().empty()) return std::nullopt;
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  if (parts.size() != 2 && parts.size() != 4 && parts.size() != 6) return std::nullopt;
  if (parts[0] != "sites") return std::nullopt;
  ResourcePath result;
  result.site = std::string(parts[1]);
  if (parts.size() >= 4) {
    if (parts[2] != "courses") return std::nullopt;
    const std::string_view id = parts[3];
    const auto read = std::from_chars(id.data(), id.data() + id.size(), result.course);
    // Two spellings of one course would be two scopes.
    if (read.ec != std::errc() || read.ptr != id.data() + id.size() || id[0] < '1' || id[0] > '9') return std::nullopt;
  }
  if (parts.size() == 6) {
    if (parts[4] != "cohorts") return std::nullopt;
    result.cohort = std::string(parts[5]);
  }
  return result;
}

}  // namespace compagnon::moodle
