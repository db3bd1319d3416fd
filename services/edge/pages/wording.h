#ifndef COMPAGNON_EDGE_PAGES_WORDING_H_
#define COMPAGNON_EDGE_PAGES_WORDING_H_

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "edge/pages/format.h"
#include "edge/pages/models.h"

namespace compagnon::edge {

// How figures, sites and cohorts are said; shared by the pages so that one thing has one wording.

// "86 %" or "non calculable"; a count as a number.
std::string ValueOf(const Format& format, const Ratio& ratio);
// "112 sur 130, à ce jour"; for a count "à ce jour" or "".
std::string PartsOf(const Format& format, const Ratio& ratio);
// "données complètes", "données incomplètes : 92 %", "complétude non mesurable".
std::string CompletenessOf(const Format& format, int32_t completeness_bp);
// Measured and below all of it.
bool IsIncomplete(const Ratio& ratio);

// "112 apprenants actifs du 9 au 15 mars, +8 par rapport à la semaine précédente."; says so when no week is complete
// yet, or nobody counted in it. `before` is the week before, compared with when somebody counted in it. `year` as for
// Format::WeekSpan.
std::string ActivitySentence(const Format& format, const Ratio& active, const Ratio& before, int64_t year);
// The year of T in a zone: the one that goes without saying.
int64_t YearOf(int64_t watermark_us, const absl::TimeZone& zone);
// "+8 par rapport à la semaine précédente" or "autant que la semaine précédente".
std::string ChangeOf(const Format& format, int64_t delta);

// A week not over at T in the site's zone: its count can only grow.
bool IsCurrentWeek(const Ratio& week, int64_t watermark_us, const absl::TimeZone& zone);
// UTC when the zone is unknown.
absl::TimeZone ZoneOf(const SiteInfo& site);
// The site's title, or its code when the directory did not give one.
std::string TitleOf(const SiteInfo& site);
// "Toute la session du cours" or "Cohorte A".
std::string CohortTitle(const Format& format, std::string_view cohort);
// A dimension's value as people read it: "Femmes", "Sénégal", "inconnu", else the value itself.
std::string DimensionValue(const Format& format, std::string_view dimension, std::string_view value);

// "sites/sn1" of any resource name below it, "" when it is none.
std::string SiteOf(std::string_view name);
// "sites/sn1/courses/4" of that name and of any below it, "" when it is none.
std::string CourseOf(std::string_view name);
// "sn1/4/A" of "sites/sn1/courses/4/cohorts/A", percent-encoded: what stands after "/cohorts/". "" when it is no
// cohort.
std::string CohortPath(std::string_view name);

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_PAGES_WORDING_H_
