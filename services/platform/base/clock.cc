#include "platform/base/clock.h"

#include "absl/time/clock.h"

namespace compagnon {
namespace {

class RealClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
  void Sleep(absl::Duration d) const override { absl::SleepFor(d); }
};

}  // namespace

const Clock& SystemClock() {
  static const RealClock* const clock = new RealClock;  // never destroyed: threads may outlive main's statics
  return *clock;
}

}  // namespace compagnon
