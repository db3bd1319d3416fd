#ifndef COMPAGNON_MOODLE_DOMAIN_BREAKER_H_
#define COMPAGNON_MOODLE_DOMAIN_BREAKER_H_

#include <algorithm>

#include "absl/time/time.h"

namespace compagnon::moodle {

// Circuit breaker of one site: after `failures` retryable faults in a row calls are refused for a while that doubles
// from `first` to `longest`; then one probe goes through. Not thread-safe; time is given.
class Breaker {
 public:
  enum class State { kClosed, kOpen, kHalfOpen };
  Breaker(int failures, absl::Duration first, absl::Duration longest)
      : failures_(failures), first_(first), longest_(longest) {}

  // Zero: go ahead (in half-open state, this caller is the probe). Else: how long to stay away.
  absl::Duration Ask(absl::Time now) {
    if (state_ == State::kClosed) return absl::ZeroDuration();
    if (state_ == State::kOpen && now >= open_until_) {
      state_ = State::kHalfOpen;
      open_until_ = now + longest_;  // a probe that never reports does not shut the site out for ever
      return absl::ZeroDuration();
    }
    if (state_ == State::kHalfOpen && now >= open_until_) return absl::ZeroDuration();
    return std::max(open_until_ - now, absl::Milliseconds(1));
  }

  void Succeeded() {
    state_ = State::kClosed;
    in_a_row_ = 0;
    span_ = absl::ZeroDuration();
  }

  // `retry_after` not zero opens at once and until then. `jitter` in [0, 1) spreads the return of many sites.
  void Failed(absl::Time now, absl::Duration retry_after, double jitter) {
    ++in_a_row_;
    if (retry_after > absl::ZeroDuration()) {
      Open(now, retry_after);
      return;
    }
    if (state_ == State::kHalfOpen || in_a_row_ >= failures_) {
      span_ = span_ == absl::ZeroDuration() ? first_ : std::min(span_ * 2, longest_);
      Open(now, span_ * (0.75 + 0.5 * jitter));
    }
  }

  State state() const { return state_; }

 private:
  void Open(absl::Time now, absl::Duration span) {
    state_ = State::kOpen;
    open_until_ = now + span;
  }

  int failures_;
  absl::Duration first_, longest_;
  State state_ = State::kClosed;
  int in_a_row_ = 0;
  absl::Duration span_ = absl::ZeroDuration();
  absl::Time open_until_ = absl::InfinitePast();
};

// Token bucket. Not thread-safe; time is given.
class TokenBucket {
 public:
  TokenBucket(double per_second, double burst) : per_second_(per_second), burst_(burst), level_(burst) {}
  // Takes one token; answers how long to wait before using it.
  absl::Duration Take(absl::Time now) {
    if (last_ != absl::InfinitePast())
      level_ =
          std::min(burst_, level_ + absl::ToDoubleSeconds(std::max(now - last_, absl::ZeroDuration())) * per_second_);
    last_ = now;
    level_ -= 1;
    return level_ >= 0 ? absl::ZeroDuration() : absl::Seconds(-level_ / per_second_);
  }

 private:
  double per_second_, burst_, level_;
  absl::Time last_ = absl::InfinitePast();
};

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_DOMAIN_BREAKER_H_
