#ifndef COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_CONCAT_H_
#define COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_CONCAT_H_

#include <concepts>
#include <string>
#include <string_view>

namespace compagnon::moodle_double {

inline void AppendPart(std::string_view part, std::string* out) { out->append(part); }
template <std::integral T>
void AppendPart(T part, std::string* out) {
  out->append(std::to_string(part));
}

// The parts one after another; Debian's absl::StrCat does not take std::string_view.
template <class... Parts>
std::string Concat(const Parts&... parts) {
  std::string out;
  (AppendPart(parts, &out), ...);
  return out;
}

}  // namespace compagnon::moodle_double

#endif  // COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_CONCAT_H_
