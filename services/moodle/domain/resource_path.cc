#include "moodle/domain/resource_path.h"

#include <charconv>
#include <vector>

namespace compagnon::moodle {
namespace {

// Two spellings of one id would be two scopes.
std::optional<int64_t> ReadId(std::string_view text) {
  int64_t id = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), id);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || text[0] < '1' || text[0] > '9')
    return std::nullopt;
  return id;
}

}  // namespace

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
    const std::optional<int64_t> course = ReadId(parts[3]);
    if (!course) return std::nullopt;
    result.course = *course;
  }
  if (parts.size() == 6) {
    if (parts[4] != "cohorts") return std::nullopt;
    result.cohort = std::string(parts[5]);
  }
  return result;
}

std::optional<GroupPath> ParseGroupPath(std::string_view path) {
  const size_t last = path.rfind('/');
  if (last == std::string_view::npos || last == 0) return std::nullopt;
  const size_t before = path.rfind('/', last - 1);
  if (before == std::string_view::npos) return std::nullopt;
  const std::string_view kind = path.substr(before + 1, last - before - 1);
  const std::optional<int64_t> id = ReadId(path.substr(last + 1));
  std::optional<ResourcePath> parent = ParseResourcePath(path.substr(0, before));
  if (!id || !parent || parent->cohort || kind != (parent->course > 0 ? "groups" : "moodle-cohorts"))
    return std::nullopt;
  return GroupPath{std::move(parent->site), parent->course, *id};
}

}  // namespace compagnon::moodle
