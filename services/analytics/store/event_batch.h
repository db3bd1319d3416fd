#ifndef COMPAGNON_ANALYTICS_STORE_EVENT_BATCH_H_
#define COMPAGNON_ANALYTICS_STORE_EVENT_BATCH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analytics/domain/activity.h"
#include "analytics/domain/coverage.h"
#include "analytics/domain/intervals.h"
#include "platform/bus/bus.h"

// A decoded batch of the queue, with the wire format left behind. `stream` and `name` are indexes into the batch's own
// lists.
namespace compagnon::analytics {

struct StreamName {
  std::string site;
  std::string stream;
  friend auto operator<=>(const StreamName&, const StreamName&) = default;
};

struct CourseState {
  int32_t stream = 0;
  int64_t pos = 0;
  int64_t course = 0;
  std::string short_name, full_name;
  std::optional<int32_t> start_day, end_day;
  std::string time_zone;
  bool visible = true;
};

struct EnrolmentState {
  int32_t stream = 0;
  int64_t pos = 0;
  int64_t person = 0;
  int64_t course = 0;
  bool learner = false;
  std::string cohort, sex, age_band, country, area;
  Intervals intervals;
};

struct CoverageState {
  int32_t stream = 0;
  int64_t pos = 0;
  int64_t stated_us = 0;
  Coverage coverage;
};

struct CompletenessState {
  int32_t stream = 0;
  int64_t pos = 0;
  int32_t day = 0;
  int64_t pulled = 0;
  int64_t counted = 0;
};

// Positions that will never be said again, and the span of events lost with them.
struct VoidState {
  int32_t stream = 0;
  int64_t first_pos = 0, last_pos = 0;
  Interval lost;  // empty: nothing
};

// A message that is set aside. When its id tells its stream and position, these count as taken, so that the coverage
// can be believed.
struct Poison {
  int32_t stream = -1;
  int64_t pos = 0;
  const bus::Message* message = nullptr;
  std::string reason;
};

struct EventBatch {
  std::vector<StreamName> streams;
  std::vector<std::string> names;
  std::vector<Activity> activities;
  std::vector<CourseState> courses;
  std::vector<EnrolmentState> enrolments;
  std::vector<CoverageState> coverages;
  std::vector<CompletenessState> completeness;
  std::vector<VoidState> voids;
  std::vector<Poison> poison;
};

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_STORE_EVENT_BATCH_H_
