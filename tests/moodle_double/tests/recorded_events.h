#ifndef COMPAGNON_TESTS_MOODLE_DOUBLE_TESTS_RECORDED_EVENTS_H_
#define COMPAGNON_TESTS_MOODLE_DOUBLE_TESTS_RECORDED_EVENTS_H_

#include <string>
#include <vector>

#include "moodle_double/simulation/site_simulation.h"

namespace compagnon::moodle_double {

// Keeps what a simulation dispatched.
class KeptEvents : public EventSink {
 public:
  void OnEvent(const Event& event) override { events.push_back(event); }
  std::vector<Event> events;
};

// 2026-06-01 00:00 UTC, a Monday.
constexpr int64_t kTestNow = 1'780'272'000;

inline SiteParameters TestSite(int learners, int weeks, uint64_t seed) {
  SiteParameters site;
  site.code = "sn1";
  site.title = "Sénégal";
  site.learners = learners;
  site.weeks = weeks;
  site.seed = seed;
  site.now = kTestNow;
  return site;
}

}  // namespace compagnon::moodle_double

#endif  // COMPAGNON_TESTS_MOODLE_DOUBLE_TESTS_RECORDED_EVENTS_H_
