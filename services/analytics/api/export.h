#ifndef COMPAGNON_ANALYTICS_API_EXPORT_H_
#define COMPAGNON_ANALYTICS_API_EXPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "analytics/store/figures.h"

namespace compagnon::analytics {

// Numbers of public indicator codes; InvalidArgument with reason "indicator_unknown".
absl::StatusOr<std::vector<int32_t>> ParseIndicators(const std::vector<std::string>& codes);

// The figures of a site, a course or a cohort as CSV, in pieces of whole lines, header first. Per course, and per
// mapped cohort of it (column cohort; "*" = the whole course): totals, by sex, by age band, by country, and by the
// three together; whole history (week "*") and by week. "*" = all values, "inconnu" = not known. Counts (2, 2open) have
// a row when they are not 0, rates when their denominator is not 0. Indicator 38 is one row by site, when it is
// measurable.
absl::Status ExportCsv(FigureReader& reader, const Scope& scope, const std::vector<int32_t>& indicators,
                       absl::FunctionRef<absl::Status(std::string piece)> piece);

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_API_EXPORT_H_
