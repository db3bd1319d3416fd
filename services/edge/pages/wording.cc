#include "edge/pages/wording.h"

#include "edge/http/ascii_text.h"
#include "edge/http/request_rules.h"

namespace compagnon::edge {

std::string ValueOf(const Format& format, const Ratio& ratio) {
  if (!ratio.has_denominator) return format.Number(ratio.numerator);
  if (!ratio.computable()) return format.texts().Text("figure.not_computable");
  return format.Percent(ratio.numerator, ratio.denominator);
}

std::string PartsOf(const Format& format, const Ratio& ratio) {
  const Catalogue& texts = format.texts();
  if (!ratio.has_denominator) return ratio.provisional ? texts.Text("figure.to_date") : "";
  if (!ratio.computable()) return texts.Text("figure.nobody");
  return texts.Text(ratio.provisional ? "figure.of_to_date" : "figure.of",
                    {{"numerator", format.Number(ratio.numerator)}, {"denominator", format.Number(ratio.denominator)}});
}

std::string CompletenessOf(const Format& format, int32_t completeness_bp) {
  const Catalogue& texts = format.texts();
  if (completeness_bp < 0) return texts.Text("figure.unmeasured");
  if (completeness_bp >= 10000) return texts.Text("figure.complete");
  return texts.Text("figure.incomplete", {{"share", format.BasisPoints(completeness_bp)}});
}

bool IsIncomplete(const Ratio& ratio) { return ratio.completeness_bp >= 0 && ratio.completeness_bp < 10000; }

std::string ChangeOf(const Format& format, int64_t delta) {
  if (delta == 0) return format.texts().Text("change.same");
  return format.texts().Text("change.delta", {{"delta", format.Signed(delta)}});
}

std::string ActivitySentence(const Format& format, const Ratio& active, const Ratio& before, int64_t year) {
  const Catalogue& texts = format.texts();
  if (active.week.empty()) return texts.Text("cohort.no_week");
  const std::string count = format.Count("active", active.numerator);
  const std::string week = format.WeekSpan(active.week, year);
  if (!active.computable()) return texts.Text("cohort.sentence_nobody", {{"week", week}});
  if (before.week.empty() || !before.computable())
    return texts.Text("cohort.sentence_plain", {{"active", count}, {"week", week}});
  return texts.Text(
      "cohort.sentence",
      {{"active", count}, {"week", week}, {"change", ChangeOf(format, active.numerator - before.numerator)}});
}

int64_t YearOf(int64_t watermark_us, const absl::TimeZone& zone) {
  return absl::ToCivilYear(absl::FromUnixMicros(watermark_us), zone).year();
}

bool IsCurrentWeek(const Ratio& week, int64_t watermark_us, const absl::TimeZone& zone) {
  const std::optional<absl::CivilDay> monday = MondayOf(week.week);
  return monday && absl::FromCivil(*monday + 7, zone) > absl::FromUnixMicros(watermark_us);
}

absl::TimeZone ZoneOf(const SiteInfo& site) {
  absl::TimeZone zone;
  if (site.time_zone.empty() || !absl::LoadTimeZone(site.time_zone, &zone)) return absl::UTCTimeZone();
  return zone;
}

std::string TitleOf(const SiteInfo& site) {
  if (!site.title.empty()) return DisplayName(site.title);
  const size_t slash = site.name.rfind('/');
  return slash == std::string::npos ? site.name : site.name.substr(slash + 1);
}

std::string CohortTitle(const Format& format, std::string_view cohort) {
  if (cohort.empty()) return format.texts().Text("cohort.run");
  return format.texts().Text("cohort.named", {{"cohort", format.Foreign(DisplayName(cohort))}});
}

std::string DimensionValue(const Format& format, std::string_view dimension, std::string_view value) {
  const Catalogue& texts = format.texts();
  if (value.empty()) return texts.Text("value.unknown");
  std::string key;
  if (dimension == "sex") key = "value.sex." + std::string(value);
  if (dimension == "country") key = "country." + std::string(value);
  if (!key.empty() && texts.Has(key)) return texts.Text(key);
  return DisplayName(value);
}

std::string SiteOf(std::string_view name) {
  const std::vector<std::string_view> parts = SplitText(name, '/');
  if (parts.size() < 2 || parts[0] != "sites") return "";
  return "sites/" + std::string(parts[1]);
}

std::string CourseOf(std::string_view name) {
  const std::vector<std::string_view> parts = SplitText(name, '/');
  if (parts.size() < 4 || parts[0] != "sites" || parts[2] != "courses") return "";
  return SiteOf(name) + "/courses/" + std::string(parts[3]);
}

std::string CohortPath(std::string_view name) {
  const std::vector<std::string_view> parts = SplitText(name, '/');
  const bool run = parts.size() == 4, cohort = parts.size() == 6 && parts[4] == "cohorts";
  if (!(run || cohort) || parts[0] != "sites" || parts[2] != "courses") return "";
  std::string path = PercentEncode(parts[1]) + "/" + PercentEncode(parts[3]);
  if (cohort) path += "/" + PercentEncode(parts[5]);
  return path;
}

}  // namespace compagnon::edge
