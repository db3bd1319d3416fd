#ifndef COMPAGNON_TESTS_UNIT_MOODLE_MANUAL_CLOCK_H_
#define COMPAGNON_TESTS_UNIT_MOODLE_MANUAL_CLOCK_H_

#include <mutex>

#include "platform/base/clock.h"

namespace compagnon::moodle::test {

// Stands still but for Sleep and Advance.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(absl::Time now = absl::FromUnixSeconds(1795282600)) : now_(now) {}
  absl::Time Now() const override {
    std::lock_guard lock(mutex_);
    return now_;
  }
  void Sleep(absl::Duration d) const override {
    std::lock_guard lock(mutex_);
    now_ += d;
    slept_ += d;
  }
  void Advance(absl::Duration d) { Sleep(d); }
  absl::Duration slept() const {
    std::lock_guard lock(mutex_);
    return slept_;
  }

 private:
  mutable std::mutex mutex_;
  mutable absl::Time now_;
  mutable absl::Duration slept_ = absl::ZeroDuration();
};

}  // namespace compagnon::moodle::test

#endif  // COMPAGNON_TESTS_UNIT_MOODLE_MANUAL_CLOCK_H_
