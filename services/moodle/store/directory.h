#ifndef COMPAGNON_MOODLE_STORE_DIRECTORY_H_
#define COMPAGNON_MOODLE_STORE_DIRECTORY_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "moodle/domain/dimensions.h"
#include "moodle/domain/php_serialize.h"
#include "moodle/store/directory_facts.h"
#include "moodle/store/directory_writer.h"
#include "platform/base/clock.h"

namespace compagnon::moodle {

struct DirectoryOptions {
  const Clock* clock = nullptr;                    // dates what a sweep closes
  std::shared_ptr<const DimensionMap> dimensions;  // null = the standard mapping everywhere
};

// A course as a courses file or core functions tell it; days are local.
struct GivenCourse {
  int64_t course = 0;
  std::string short_name, full_name;
  std::optional<int32_t> start_day, end_day;
};

// An activity as an assessments file tells it.
struct GivenActivity {
  int64_t cmid = 0;
  int64_t course = 0;
  std::string kind;
  int64_t due_us = 0;  // 0 = none
  int64_t grade_item = 0;
  int64_t grade_max_milli = 0;
  int64_t grade_pass_milli = 0;
};

// How the directory and the site's core functions differ about who is enrolled in a course now.
struct EnrolmentDifferences {
  int64_t missing = 0;  // enrolled on the site, not here
  int64_t stale = 0;    // open here, not enrolled on the site
  int64_t open = 0;     // open here before
};

// The directory of all sites. Holds no state between calls: any number of threads and processes may use it, each in a
// transaction of its own. What happened is kept as facts; what follows from them for each e is computed again for the
// people a call touches, and published when it differs from what was published last.
class Directory : public DirectoryWriter {
 public:
  explicit Directory(DirectoryOptions options) : options_(std::move(options)) {}

  absl::Status ApplyEvents(store::Session& session, std::string_view site, absl::Span<const MoodleEvent> events,
                           bool from_log) override;
  absl::Status ApplyExportPage(store::Session& session, std::string_view site, std::string_view kind, int64_t pass,
                               int64_t as_of, absl::Span<const std::string> rows) override;
  absl::Status SweepPass(store::Session& session, std::string_view site, std::string_view kind, int64_t pass) override;
  absl::Status StartEpoch(store::Session& session, std::string_view site) override;

  // What files beside a log say. `people`: user -> dimension ("sex", "age_band", "birth_date", "country", "area") ->
  // text; an empty text takes a value back.
  absl::Status GivePeople(store::Session& session, std::string_view site,
                          const std::map<int64_t, std::map<std::string, std::string>>& people);
  absl::Status GiveCourses(store::Session& session, std::string_view site, absl::Span<const GivenCourse> courses);
  absl::Status GiveActivities(store::Session& session, std::string_view site,
                              absl::Span<const GivenActivity> activities);
  // Roles that differ from the mapping ("5" -> learner), kept for the site.
  absl::Status GiveRoles(store::Session& session, std::string_view site,
                         const std::map<std::string, CourseRole, std::less<>>& roles);

  // Compares who is enrolled in a course now, as core functions say it (no dates, no status of a method): `active` =
  // those who may enter. With `apply` the differences are mended from now on: who is missing gets an enrolment that
  // begins now (or, in a course of which nobody's enrolment is known yet, on its first day), who is stale has all of
  // theirs in the course closed.
  absl::StatusOr<EnrolmentDifferences> ReconcileEnrolments(store::Session& session, std::string_view site,
                                                           int64_t course, const std::set<int64_t>& active, bool apply);

  // Computes everything of a site again, in steps of `step` people, each in a transaction of its own: after the mapping
  // changed. `tell_again` publishes every state, also those that did not change: for a consumer that was added later.
  absl::Status RecomputeSite(store::Database& database, std::string_view site, int step = 5000,
                             bool tell_again = false);

 private:
  friend class DirectoryBatch;
  DirectoryOptions options_;
};

// Zone of a registered site. NotFound "site_not_found"; FailedPrecondition "unknown_time_zone".
absl::StatusOr<absl::TimeZone> ZoneOfSite(store::Session& session, std::string_view site);

// True for an event that may change the directory: the only ones ApplyEvents looks at.
bool ConcernsDirectory(std::string_view event_name);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_STORE_DIRECTORY_H_
