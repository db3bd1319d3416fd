#ifndef COMPAGNON_ANALYTICS_API_CSV_H_
#define COMPAGNON_ANALYTICS_API_CSV_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace compagnon::analytics {

inline constexpr std::string_view kCsvHeader =
    "indicator,site,course,cohort,week,sex,age_band,country,numerator,denominator,watermark,completeness\r\n";

// A text cell by RFC 4180. What a spreadsheet would run as a formula (a first character = + - @ TAB CR) is led by an
// apostrophe.
std::string CsvText(std::string_view text);

// "2026-11-21T08:00:00Z"; "" for 0.
std::string CsvInstant(int64_t at_us);
// Ten-thousandths as percent with two decimals: "99.95"; "non mesurable" for -1.
std::string CsvCompleteness(int32_t bp);

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_API_CSV_H_
