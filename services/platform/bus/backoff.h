#ifndef COMPAGNON_PLATFORM_BUS_BACKOFF_H_
#define COMPAGNON_PLATFORM_BUS_BACKOFF_H_

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string_view>

#include "absl/time/time.h"
#include "platform/base/status.h"

namespace compagnon::bus {

// Pauses that double from `min` to `max`, until the success that resets them.
class Backoff {
 public:
  Backoff(absl::Duration min, absl::Duration max) : min_(min), max_(max), next_(min) {}
  void Reset() { next_ = min_; }
  absl::Duration Next() {
    const absl::Duration pause = next_;
    next_ = std::min(next_ * 2, max_);
    return pause;
  }

 private:
  const absl::Duration min_, max_;
  absl::Duration next_;
};

// Waits on `condition` for at most `duration` or until `done()`; true when done. Machine time: what waits here waits
// for a broker or a disk, not for the world's clock.
template <typename Done>
bool WaitFor(std::condition_variable& condition, std::unique_lock<std::mutex>& lock, absl::Duration duration,
             Done done) {
  return condition.wait_for(lock, absl::ToChronoMicroseconds(duration), done);
}

// A status's message for a log field; absl's string_view is not std's in Debian's build. Valid as long as the status.
inline std::string_view ErrorText(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

}  // namespace compagnon::bus

#endif  // COMPAGNON_PLATFORM_BUS_BACKOFF_H_
