#include <algorithm>

#include "moodle/domain/local_day.h"
#include "moodle/store/directory.h"
#include "moodle/store/directory_batch.h"

namespace compagnon::moodle {
namespace {

bool OpenAt(const PersonFacts& person, int64_t course, int64_t at_us) {
  std::vector<MethodRow> rows;
  for (const MethodFacts& method : person.methods) {
    if (method.course == course) rows.push_back(method.row);
  }
  const MergedEnrolment merged = MergeEnrolment(rows, person.account);
  return std::any_of(merged.intervals.begin(), merged.intervals.end(),
                     [&](const Interval& interval) { return interval.from_us <= at_us && at_us < interval.to_us; });
}

}  // namespace

absl::StatusOr<EnrolmentDifferences> Directory::ReconcileEnrolments(store::Session& session, std::string_view site,
                                                                    int64_t course, const std::set<int64_t>& active,
                                                                    bool apply) {
  ASSIGN_OR_RETURN(DirectoryBatch batch, DirectoryBatch::Begin(*this, session, site));
  ASSIGN_OR_RETURN(std::set<int64_t> users, UsersOfCourses(session, site, {course}));
  const bool first = users.empty();
  users.insert(active.begin(), active.end());
  RETURN_IF_ERROR(batch.Load(users, {course}));

  const int64_t now_us = absl::ToUnixMicros(options_.clock->Now());
  int64_t begin = now_us;
  // Nothing is known of this course: that everybody there came this very night is less likely than that they came when
  // it began.
  if (const CourseFacts& facts = batch.Course(course); first && facts.start_day)
    begin = std::min(begin, MidnightOf(*facts.start_day, batch.zone()));

  EnrolmentDifferences differences;
  for (int64_t user : users) {
    PersonFacts& person = batch.Person(user);
    const bool open = OpenAt(person, course, now_us);
    const bool there = active.contains(user);
    differences.open += open ? 1 : 0;
    if (open == there) continue;
    ++(there ? differences.missing : differences.stale);
    if (!apply) continue;
    batch.TouchUser(user);
    if (!there) {
      for (MethodFacts& method : person.methods) {
        if (method.course == course) person.AddMethodChange(method, {now_us, INT64_MAX, ChangeKind::kDeleted});
      }
      continue;
    }
    MethodFacts* method = person.FindMethod(course, kUndatedRow);
    if (method == nullptr) {
      method = &person.methods.emplace_back();
      method->course = course;
      method->row_id = kUndatedRow;
      method->live = true;
    }
    person.AddMethodChange(*method, {begin, 0, ChangeKind::kCreated});
  }
  if (!apply) return differences;
  RETURN_IF_ERROR(batch.Finish());
  return differences;
}

}  // namespace compagnon::moodle
