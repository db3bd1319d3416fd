#include <fmt/format.h>

#include "analytics/domain/fields.h"
#include "analytics/store/figures.h"

namespace compagnon::analytics {
namespace {

// Takes "<word>/" off the front.
bool Skip(std::string_view* path, std::string_view word) {
  if (!path->starts_with(word)) return false;
  path->remove_prefix(word.size());
  return true;
}

}  // namespace

std::optional<Scope> ParseScope(std::string_view path) {
  Scope scope;
  if (!Skip(&path, "sites/")) return std::nullopt;
  const size_t slash = path.find('/');
  scope.site = std::string(path.substr(0, slash));
  if (scope.site.empty()) return std::nullopt;
  if (slash == std::string_view::npos) return scope;
  path.remove_prefix(slash);
  if (!Skip(&path, "/courses/")) return std::nullopt;
  const size_t end = path.find('/');
  int64_t course = 0;
  if (!ParseInt(path.substr(0, end), &course) || course <= 0) return std::nullopt;
  scope.course = course;
  if (end == std::string_view::npos) return scope;
  path.remove_prefix(end);
  if (!Skip(&path, "/cohorts/") || path.empty()) return std::nullopt;
  scope.cohort = std::string(path);
  return scope;
}

std::string CourseName(std::string_view site, int64_t course) {
  return fmt::format("sites/{}/courses/{}", site, course);
}

std::string CohortName(std::string_view site, int64_t course, std::string_view cohort) {
  return cohort.empty() ? CourseName(site, course)
                        : fmt::format("sites/{}/courses/{}/cohorts/{}", site, course, cohort);
}

}  // namespace compagnon::analytics
