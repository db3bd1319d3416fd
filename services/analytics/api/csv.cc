#include "analytics/api/csv.h"

#include <fmt/format.h>

#include "absl/time/time.h"

namespace compagnon::analytics {

std::string CsvText(std::string_view text) {
  std::string cell(text);
  if (!cell.empty() && std::string_view("=+-@\t\r").find(cell[0]) != std::string_view::npos) cell.insert(0, "'");
  if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (const char c : cell) {
    if (c == '"') quoted.push_back('"');
    quoted.push_back(c);
  }
  quoted.push_back('"');
  return quoted;
}

std::string CsvInstant(int64_t at_us) {
  return at_us == 0 ? "" : absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixMicros(at_us), absl::UTCTimeZone());
}

std::string CsvCompleteness(int32_t bp) {
  return bp < 0 ? "non mesurable" : fmt::format("{}.{:02}", bp / 100, bp % 100);
}

}  // namespace compagnon::analytics
