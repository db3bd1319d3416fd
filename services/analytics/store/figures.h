#ifndef COMPAGNON_ANALYTICS_STORE_FIGURES_H_
#define COMPAGNON_ANALYTICS_STORE_FIGURES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "analytics/domain/coverage.h"
#include "analytics/domain/indicators.h"
#include "analytics/domain/local_time.h"
#include "analytics/store/dictionary.h"
#include "platform/store/sql.h"

namespace compagnon::analytics {

// What a caller asks about: a site, a course of it, a cohort of that.
struct Scope {
  std::string site;
  std::optional<int64_t> course;
  std::optional<std::string> cohort;
};
// "sites/sn1", "sites/sn1/courses/4", "sites/sn1/courses/4/cohorts/A"; nothing for anything else.
std::optional<Scope> ParseScope(std::string_view path);
std::string CourseName(std::string_view site, int64_t course);
std::string CohortName(std::string_view site, int64_t course, std::string_view cohort);

// One figure as read: texts instead of numbers.
struct FigureRow {
  int32_t indicator = 0;
  int32_t week = kWholeHistory;
  std::optional<std::string> sex, age_band, country;  // unset = all
  Cell cell;
  int32_t completeness_bp = -1;
};

// Which dimensions figures are split by.
struct Split {
  bool sex = false, age_band = false, country = false;
};

// What is known of a site when its figures are read.
struct SiteKnowledge {
  int64_t id = 0;
  std::string code;
  std::optional<Zone> zone;
  int64_t watermark_us = 0;  // T; beside a course's figures, the T they were counted for
  int64_t known_from_us = 0;
  int64_t version = 0;
  std::vector<CoverageSpan> spans;
};

struct CourseKnowledge {
  int64_t course = 0;
  std::string short_name, full_name;
  std::optional<int32_t> start_day, end_day;
  int64_t version = 0;
};

struct FigureSet {
  SiteKnowledge site;
  CourseKnowledge course;
  bool provisional = true;
  std::vector<FigureRow> figures;  // by indicator's code, week, sex, age band, country
};

struct FigureQuery {
  Scope scope;                      // course or cohort
  std::vector<int32_t> indicators;  // empty = all with a public code
  Split by;
  bool weekly = false;
  bool keep = true;  // the answer is kept for the next caller; an export asks for everything once
};

// A place in a list, for paging: the last line that was handed over.
struct CohortPlace {
  std::string site;
  int64_t course = 0;
  std::string cohort;
};

struct CohortLine {
  std::string site;
  CourseKnowledge course;
  std::string cohort;
  bool run = false;  // the course run as a whole
  int64_t watermark_us = 0;
  bool provisional = true;
  int64_t last_action_us = 0;
  int32_t last_week = 0;                               // last complete week; 0 = none yet
  std::map<std::pair<int32_t, int32_t>, Cell> totals;  // (week, indicator)
  std::map<int32_t, int32_t> completeness_bp;          // by week, kWholeHistory too
};

struct LearnerLine {
  int64_t person = 0;
  int64_t first_action_us = 0, last_action_us = 0;
  int64_t active_days = 0;
  std::vector<int32_t> recent_active_days;  // the last 4 weeks, the one holding T last
  int64_t completed_us = 0;
  bool open = false;
};
struct LearnerPlace {
  int64_t last_action_us = 0;  // 0 = never acted: comes first
  int64_t person = 0;
};
struct LearnerPage {
  std::vector<LearnerLine> learners;
  int64_t total = 0;
  bool more = false;
};

// Rows pulled and counted, by UTC day (indicator 38). Pulled is never above counted: a day does not make good for
// another's loss.
using CompletenessDays = std::map<int32_t, Cell>;

struct FreshnessLine {
  SiteKnowledge site;
  int64_t last_ingest_us = 0, events = 0, duplicates = 0, rejected = 0, late = 0;
  std::optional<Cell> completeness;  // indicator 38 over the 7 UTC days up to T; none = not measurable
};

// Reads what Recompute counted; answers are plain indexed reads. Thread-safe. NotFound with reason "site_not_found",
// "course_not_found" or "cohort_not_found".
class FigureReader {
 public:
  FigureReader(store::Database& database, Dictionary& dictionary) : database_(database), dictionary_(dictionary) {}

  // Answers are kept while neither the course's figures nor the site's coverage changed.
  absl::StatusOr<std::shared_ptr<const FigureSet>> Query(const FigureQuery& query);

  // Courses of a site that have figures, by id.
  absl::StatusOr<std::vector<int64_t>> CoursesOf(const std::string& site);
  // Mapped cohorts of a course that have learners, by code.
  absl::StatusOr<std::vector<std::string>> CohortsOf(const std::string& site, int64_t course);

  // Cohorts inside the scopes held ("*" = all), in the order (site, course, cohort), after `after`; one more than
  // `limit` at most, which tells that there is another page.
  absl::StatusOr<std::vector<CohortLine>> Cohorts(const std::vector<std::string>& held,
                                                  const std::optional<CohortPlace>& after, size_t limit);

  // The longest silent first.
  absl::StatusOr<LearnerPage> Learners(const Scope& scope, const std::optional<LearnerPlace>& after, size_t limit);

  // Sites of which some part lies inside the scopes held, by code, after `after`; one more than `limit` at most.
  absl::StatusOr<std::vector<FreshnessLine>> Freshness(const std::vector<std::string>& held, const std::string& after,
                                                       size_t limit);

  // Indicator 38 of a site by UTC day, the days on which the plugin counted rows; none = not measurable.
  absl::StatusOr<CompletenessDays> Completeness(const std::string& site);
  // The same summed over the 7 UTC days up to T; none = not measurable.
  absl::StatusOr<std::optional<Cell>> RecentCompleteness(const std::string& site);

 private:
  struct Kept {
    int64_t course_version = 0, site_version = 0;
    std::shared_ptr<const FigureSet> set;
  };
  store::Database& database_;
  Dictionary& dictionary_;
  absl::Mutex mutex_;
  std::map<std::string, Kept> kept_ ABSL_GUARDED_BY(mutex_);
  size_t kept_weight_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_STORE_FIGURES_H_
