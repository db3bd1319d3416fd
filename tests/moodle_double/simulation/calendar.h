#ifndef COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_CALENDAR_H_
#define COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_CALENDAR_H_

#include <cstdint>
#include <string>
#include <vector>

namespace compagnon::moodle_double {

// Local days of a site, counted from the Monday that begins its first week of activity (day 0). Instants are UTC
// seconds.
class Calendar {
 public:
  // Stops the process when the zone is not known to this machine.
  Calendar(const std::string& zone, int64_t now, int weeks);

  // 00:00 local of the day.
  int64_t DayStart(int day) const;
  // The local day that holds the instant.
  int DayOf(int64_t second) const;
  // The local day of `now`.
  int today() const { return today_; }
  // "YYYY" of a local day.
  int YearOf(int day) const;

 private:
  static constexpr int kBefore = 120, kAfter = 1200;

  std::vector<int64_t> starts_;  // [i] = DayStart(i - kBefore); far days are counted by 24 hours
  std::vector<int> years_;
  int today_ = 0;
};

}  // namespace compagnon::moodle_double

#endif  // COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_CALENDAR_H_
