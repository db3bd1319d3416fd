#include "moodle/domain/age.h"

#include "absl/strings/str_cat.h"
#include "moodle/domain/local_day.h"

namespace compagnon::moodle {

std::vector<int> StandardAgeBounds() { return {18, 25, 36}; }

int AgeInYears(int32_t birth_day, int32_t on_day) {
  const absl::CivilDay born = CivilOf(birth_day);
  const absl::CivilDay on = CivilOf(on_day);
  const bool birthday_to_come = on.month() < born.month() || (on.month() == born.month() && on.day() < born.day());
  return static_cast<int>(on.year() - born.year()) - (birthday_to_come ? 1 : 0);
}

std::string AgeBand(int32_t birth_day, int32_t on_day, absl::Span<const int> bounds) {
  const int age = AgeInYears(birth_day, on_day);
  if (age < 0 || age > 130 || bounds.empty()) return "";
  if (age < bounds.front()) return absl::StrCat("<", bounds.front());
  for (size_t i = 0; i + 1 < bounds.size(); ++i) {
    if (age < bounds[i + 1]) return absl::StrCat(bounds[i], "-", bounds[i + 1] - 1);
  }
  return absl::StrCat(">", bounds.back() - 1);
}

}  // namespace compagnon::moodle
