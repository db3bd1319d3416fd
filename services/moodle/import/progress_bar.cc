#include "moodle/import/progress_bar.h"

#include <fmt/format.h>

#include <algorithm>

namespace compagnon::moodle {
namespace {

constexpr int kWidth = 30;

}  // namespace

std::string GroupedNumber(int64_t number, std::string_view locale) {
  const std::string digits = fmt::format("{}", number < 0 ? -number : number);
  std::string text = number < 0 ? "-" : "";
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += locale == "fr" ? "\u202f" : ",";
    text += digits[i];
  }
  return text;
}

std::string ProgressBar::Text(const ImportState& state, absl::Time now) const {
  const double share =
      state.bytes_in_all > 0
          ? std::clamp(static_cast<double>(state.bytes) / static_cast<double>(state.bytes_in_all), 0.0, 1.0)
          : 1.0;
  const double seconds = absl::ToDoubleSeconds(now - start_);
  const int64_t rate = seconds > 0.05 ? static_cast<int64_t>(static_cast<double>(state.rows) / seconds) : 0;
  std::string rest;
  if (share > 0.02 && share < 1 && seconds > 2) {
    const int64_t left = static_cast<int64_t>(seconds * (1 - share) / share);
    rest = fmt::format(", {} {:d}:{:02d}", locale_ == "fr" ? "reste" : "left", left / 60, left % 60);
  }
  return fmt::format("{:3.0f} %  {} {} ({}/s{})", share * 100, GroupedNumber(state.rows, locale_),
                     locale_ == "fr" ? "événements" : "events", GroupedNumber(rate, locale_), rest);
}

void ProgressBar::Show(const ImportState& state, absl::Time now) {
  if (terminal_ != nullptr) {
    if (drawn_ && now - shown_ < absl::Milliseconds(200)) return;
    const int full = state.bytes_in_all > 0
                         ? static_cast<int>(std::clamp<int64_t>(state.bytes * kWidth / state.bytes_in_all, 0, kWidth))
                         : kWidth;
    std::string bar;
    for (int i = 0; i < kWidth; ++i) bar += i < full ? "█" : "░";
    *terminal_ << '\r' << bar << ' ' << Text(state, now) << "\033[K" << std::flush;
    drawn_ = true;
    shown_ = now;
  } else if (lines_ != nullptr && now - shown_ >= absl::Seconds(10)) {
    *lines_ << Text(state, now) << '\n' << std::flush;
    shown_ = now;
  }
}

void ProgressBar::End(const ImportState& state, absl::Time now) {
  if (terminal_ == nullptr || !drawn_) return;
  drawn_ = false;
  Show(state, now);
  *terminal_ << '\n' << std::flush;
}

}  // namespace compagnon::moodle
