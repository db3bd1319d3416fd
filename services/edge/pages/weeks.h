#ifndef COMPAGNON_EDGE_PAGES_WEEKS_H_
#define COMPAGNON_EDGE_PAGES_WEEKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "edge/pages/models.h"

namespace compagnon::edge {

// The calendar of weekly figures. Figures come without the weeks in which nobody counted (0 of 0): rows that follow
// each other are not weeks that do. ISO weeks are written "2026-W12", so that their order is that of their texts.

// The last week over at T in the site's zone; "" while T is not known.
std::string LastCompleteWeek(int64_t watermark_us, const absl::TimeZone& zone);
// "2026-W11" before "2026-W12"; "" when malformed.
std::string WeekBefore(const std::string& week);
// The figure of `week` among `rows` (oldest first); 0 of 0 when it has none but one before it has; without a week
// before that, when the course had not begun.
Ratio WeekAmong(const std::vector<Ratio>& rows, const std::string& week);
// Every week from the first in which somebody counted to the last (the end of the course, or T): 0 of 0 where a row is
// missing between. Rows are oldest first; malformed ones are left out.
std::vector<Ratio> EveryWeek(const std::vector<Ratio>& rows);

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_PAGES_WEEKS_H_
