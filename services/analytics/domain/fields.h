#ifndef COMPAGNON_ANALYTICS_DOMAIN_FIELDS_H_
#define COMPAGNON_ANALYTICS_DOMAIN_FIELDS_H_

#include <charconv>
#include <cstdint>
#include <string_view>
#include <vector>

namespace compagnon::analytics {

// The whole of `text` as a decimal integer; false otherwise. (Debian's absl has a string_view of its own.)
inline bool ParseInt(std::string_view text, int64_t* value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size();
}

// Parts of `text` between separators; none for an empty text.
inline std::vector<std::string_view> SplitFields(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  if (text.empty()) return parts;
  for (size_t from = 0;;) {
    const size_t at = text.find(separator, from);
    parts.push_back(text.substr(from, at == std::string_view::npos ? at : at - from));
    if (at == std::string_view::npos) return parts;
    from = at + 1;
  }
}

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_DOMAIN_FIELDS_H_
