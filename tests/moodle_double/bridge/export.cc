#include "moodle_double/bridge/export.h"

#include <algorithm>
#include <functional>
#include <span>

#include "moodle_double/simulation/json_text.h"
#include "platform/base/ids.h"

namespace compagnon::moodle_double {
namespace {

// Which rows Moodle shows: created, and not removed. A deleted user keeps a row, marked deleted.
template <class Row>
bool Shown(const Row& row) {
  if constexpr (requires { row.removed; }) return !row.removed;
  if constexpr (requires {
                  row.username;
                  row.created;
                })
    return row.created != 0;
  return true;
}

template <class Row>
int64_t CourseOf(const Row& row) {
  if constexpr (requires { row.course; }) {
    return row.course;
  } else if constexpr (requires {
                         row.shortname;
                         row.category;
                       }) {
    return row.id;
  } else {
    return 0;
  }
}

template <class Rows>
ExportPage PageOf(const World& world, const Rows& table, int64_t after, int64_t limit, bool hashes, int64_t course) {
  ExportPage page;
  page.next = after;
  int64_t n = 0;
  for (const auto& row : table) {
    if (!Shown(row) || (course != 0 && CourseOf(row) != course)) continue;
    ++page.total;
    if (row.id <= after) continue;
    if (n == limit) {
      page.done = false;
      continue;
    }
    ++n;
    page.next = row.id;
    const std::string state = StateOf(world, row);
    JsonObject line(&page.rows);
    line.Int("id", row.id);
    if (hashes) {
      line.Text("hash", HexEncode(Sha256(state)));
    } else {
      line.Raw("state", state);
    }
    line.Close();
    page.rows.push_back('\n');
  }
  return page;
}

}  // namespace

const std::vector<std::string_view>& ExportKinds() {
  static const std::vector<std::string_view> kKinds = {
      "roles",       "categories",         "courses", "modules",    "grade_items",      "users",
      "cohorts",     "cohort_members",     "groups",  "enrolments", "role_assignments", "group_members",
      "completions", "course_completions", "grades",  "posts",      "feedback_answers", "certificates"};
  return kKinds;
}

absl::StatusOr<ExportPage> Export(const World& world, std::string_view kind, int64_t after, int64_t limit, bool hashes,
                                  int64_t course) {
  auto page = [&](const auto& table) { return PageOf(world, table, after, limit, hashes, course); };
  if (kind == "roles") return page(World::roles());
  if (kind == "users") return page(world.users());
  if (kind == "categories") return page(world.categories());
  if (kind == "courses") return page(world.courses());
  if (kind == "modules") return page(world.modules());
  if (kind == "enrolments") return page(world.enrolments());
  if (kind == "role_assignments") return page(world.role_assignments());
  if (kind == "groups") return page(world.groups());
  if (kind == "group_members") return page(world.group_members());
  if (kind == "cohorts") return page(world.cohorts());
  if (kind == "cohort_members") return page(world.cohort_members());
  if (kind == "completions") return page(world.completions());
  if (kind == "course_completions") return page(world.course_completions());
  if (kind == "grade_items") return page(world.grade_items());
  if (kind == "grades") return page(world.grades());
  if (kind == "posts") return page(world.posts());
  if (kind == "feedback_answers") return page(world.answers());
  if (kind == "certificates") return page(world.certificates());
  return absl::NotFoundError("invalidkind");
}

}  // namespace compagnon::moodle_double
