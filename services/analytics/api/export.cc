#include "analytics/api/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "analytics/api/csv.h"

namespace compagnon::analytics {
namespace {

constexpr size_t kPieceBytes = 64 << 10;
constexpr Split kCuts[] = {{}, {.sex = true}, {.age_band = true}, {.country = true}, {true, true, true}};

std::string ValueText(const std::optional<std::string>& value) {
  if (!value) return "*";
  return value->empty() ? "inconnu" : CsvText(*value);
}

void AppendRow(std::string& text, const FigureSet& set, std::string_view cohort, const FigureRow& row) {
  const bool rate = HasDenominator(row.indicator);
  if (rate ? row.cell.denominator == 0 : row.cell.numerator == 0) return;
  text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{}\r\n", IndicatorCode(row.indicator), set.site.code,
                      set.course.course, cohort, row.week == kWholeHistory ? "*" : WeekLabel(row.week),
                      ValueText(row.sex), ValueText(row.age_band), ValueText(row.country), row.cell.numerator,
                      rate ? std::to_string(row.cell.denominator) : "", CsvInstant(set.site.watermark_us),
                      CsvCompleteness(row.completeness_bp));
}

}  // namespace

absl::StatusOr<std::vector<int32_t>> ParseIndicators(const std::vector<std::string>& codes) {
  std::vector<int32_t> indicators;
  for (const std::string& code : codes) {
    const std::optional<int32_t> indicator = IndicatorOfCode(code);
    if (!indicator) return WithReason(absl::InvalidArgumentError("no such indicator"), "indicator_unknown");
    indicators.push_back(*indicator);
  }
  return indicators;
}

absl::Status ExportCsv(FigureReader& reader, const Scope& scope, const std::vector<int32_t>& indicators,
                       absl::FunctionRef<absl::Status(std::string piece)> piece) {
  std::string text(kCsvHeader);
  std::vector<int64_t> courses;
  if (scope.course) {
    courses.push_back(*scope.course);
  } else {
    ASSIGN_OR_RETURN(courses, reader.CoursesOf(scope.site));
  }
  for (const int64_t course : courses) {
    std::vector<std::optional<std::string>> cohorts = {scope.cohort};
    if (!scope.cohort) {
      ASSIGN_OR_RETURN(const std::vector<std::string> mapped, reader.CohortsOf(scope.site, course));
      cohorts.insert(cohorts.end(), mapped.begin(), mapped.end());
    }
    for (const std::optional<std::string>& cohort : cohorts) {
      for (const Split& cut : kCuts) {
        ASSIGN_OR_RETURN(const std::shared_ptr<const FigureSet> set,
                         reader.Query({{scope.site, course, cohort}, indicators, cut, true, false}));
        const std::string cohort_text = cohort ? CsvText(*cohort) : "*";
        for (const FigureRow& row : set->figures) {
          AppendRow(text, *set, cohort_text, row);
          if (text.size() < kPieceBytes) continue;
          RETURN_IF_ERROR(piece(std::exchange(text, {})));
        }
      }
    }
  }
  if (indicators.empty() || std::find(indicators.begin(), indicators.end(), kCompleteness) != indicators.end()) {
    ASSIGN_OR_RETURN(const CompletenessDays days, reader.Completeness(scope.site));
    for (const auto& [day, cell] : days) {
      text +=
          fmt::format("38,{},*,*,{},*,*,*,{},{},,{}\r\n", scope.site, DayLabel(day), cell.numerator, cell.denominator,
                      CsvCompleteness(static_cast<int32_t>(cell.numerator * 10000 / cell.denominator)));
    }
  }
  return text.empty() ? absl::OkStatus() : piece(std::move(text));
}

}  // namespace compagnon::analytics
