#ifndef COMPAGNON_PLATFORM_BASE_CLOCK_H_
#define COMPAGNON_PLATFORM_BASE_CLOCK_H_

#include "absl/time/time.h"

namespace compagnon {

// Where a module gets its time. Domain code takes instants as arguments instead. Safe to call from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
  // Sleeps in this clock's time; a test's clock returns when it is advanced.
  virtual void Sleep(absl::Duration d) const = 0;
};

// The machine's clock; lives for ever.
const Clock& SystemClock();

}  // namespace compagnon

#endif  // COMPAGNON_PLATFORM_BASE_CLOCK_H_
