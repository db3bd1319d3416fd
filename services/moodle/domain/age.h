#ifndef COMPAGNON_MOODLE_DOMAIN_AGE_H_
#define COMPAGNON_MOODLE_DOMAIN_AGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"

namespace compagnon::moodle {

// Lower bounds of the age bands after the first: {18, 25, 36} makes "<18", "18-24", "25-35", ">35" (indicators.md,
// "Age").
std::vector<int> StandardAgeBounds();

// Whole years on `on_day` of somebody born on `birth_day` (days since 1970-01-01). Born on 29 February is a year older
// on 1 March of common years.
int AgeInYears(int32_t birth_day, int32_t on_day);

// Name of the band. Negative ages and ages over 130 are "" (inconnu): a mistyped year is no evidence of an age.
std::string AgeBand(int32_t birth_day, int32_t on_day, absl::Span<const int> bounds);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_DOMAIN_AGE_H_
