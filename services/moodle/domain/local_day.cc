#include "moodle/domain/local_day.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "absl/strings/ascii.h"

namespace compagnon::moodle {

absl::CivilDay CivilOf(int32_t day) { return absl::CivilDay(1970, 1, 1) + day; }

int32_t LocalDayOf(int64_t at_us, const absl::TimeZone& zone) {
  return static_cast<int32_t>(absl::CivilDay(zone.At(absl::FromUnixMicros(at_us)).cs) - absl::CivilDay(1970, 1, 1));
}

int64_t MidnightOf(int32_t day, const absl::TimeZone& zone) {
  const absl::TimeZone::TimeInfo info = zone.At(absl::CivilSecond(CivilOf(day)));
  // A repeated midnight is the first of the two (pre); a skipped one is the jump itself (trans).
  return absl::ToUnixMicros(info.kind == absl::TimeZone::TimeInfo::SKIPPED ? info.trans : info.pre);
}

std::optional<int32_t> DayFromText(std::string_view text, const absl::TimeZone& zone) {
  while (!text.empty() && absl::ascii_isspace(text.front())) text.remove_prefix(1);
  while (!text.empty() && absl::ascii_isspace(text.back())) text.remove_suffix(1);
  if (text.empty() || text == "0") return std::nullopt;
  int64_t seconds = 0;
  if (std::all_of(text.begin(), text.end(), absl::ascii_isdigit)) {
    // Later than the year 9999 is no date.
    if (std::from_chars(text.data(), text.data() + text.size(), seconds).ec != std::errc() || seconds > 253402300799)
      return std::nullopt;
    return LocalDayOf(seconds * 1'000'000, zone);
  }
  if (text.size() > 10 && (text[10] == ' ' || text[10] == 'T')) text = text.substr(0, 10);
  absl::CivilDay day;
  if (text.size() != 10 || !absl::ParseCivilTime(std::string(text), &day)) return std::nullopt;
  return static_cast<int32_t>(day - absl::CivilDay(1970, 1, 1));
}

}  // namespace compagnon::moodle
