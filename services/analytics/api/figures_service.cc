#include "analytics/api/figures_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "analytics/api/export.h"
#include "analytics/api/page_token.h"
#include "analytics/domain/fields.h"
#include "platform/base/ids.h"

namespace compagnon::analytics {
namespace {

absl::StatusOr<Scope> ParseParent(const std::string& parent) {
  std::optional<Scope> scope = ParseScope(parent);
  if (!scope || !scope->course) {
    return WithReason(absl::InvalidArgumentError("parent is sites/<code>/courses/<id> or .../cohorts/<cohort>"),
                      "parent_invalid");
  }
  return *std::move(scope);
}

void Fill(const Cell& cell, int32_t indicator, int32_t week, int64_t watermark_us, int32_t completeness_bp,
          bool provisional, v1::Figure* figure) {
  const std::string_view code = IndicatorCode(indicator);
  figure->set_indicator(code.data(), code.size());
  figure->set_numerator(cell.numerator);
  figure->set_denominator(cell.denominator);
  figure->set_has_denominator(HasDenominator(indicator));
  if (week != kWholeHistory) figure->set_week(WeekLabel(week));
  figure->set_watermark_us(watermark_us);
  figure->set_completeness_bp(completeness_bp);
  figure->set_provisional(provisional);
}

// Indicator 38 of a site over some days: rows pulled / rows counted; -1 while it is not measurable.
void FillCompleteness(const std::optional<Cell>& cell, int64_t watermark_us, v1::Figure* figure) {
  const Cell said = cell.value_or(Cell{-1, 0});
  const int32_t bp =
      cell && cell->denominator > 0 ? static_cast<int32_t>(cell->numerator * 10000 / cell->denominator) : -1;
  Fill(said, kCompleteness, kWholeHistory, watermark_us, bp, true, figure);
}

std::string EtagOf(const v1::QueryFiguresRequest& request, const FigureSet& set) {
  return HexEncode(Sha256(fmt::format("{}|{}|{}|{}", request.SerializeAsString(), set.course.version, set.site.version,
                                      set.site.watermark_us))
                       .substr(0, 16));
}

}  // namespace

grpc::Status FiguresService::ListCohortSummaries(grpc::ServerContext* context,
                                                 const v1::ListCohortSummariesRequest* request,
                                                 v1::ListCohortSummariesResponse* response) {
  return guard_.Run(context, "compagnon.analytics.v1.Figures.ListCohortSummaries", *request,
                    [&](const rpc::Caller& caller) -> absl::Status {
                      constexpr std::string_view kList = "cohorts";
                      ASSIGN_OR_RETURN(const size_t limit, PageSize(request->page_size(), 100, 500));
                      std::optional<CohortPlace> after;
                      if (!request->page_token().empty()) {
                        ASSIGN_OR_RETURN(const std::vector<std::string> place,
                                         ParsePageToken(kList, request->page_token(), 3));
                        after = CohortPlace{place[0], 0, place[2]};
                        ParseInt(place[1], &after->course);
                      }
                      std::vector<std::string> scopes = caller.scopes;
                      if (!request->name().empty()) {
                        if (!rpc::AnyScopeCovers(scopes, request->name())) return absl::OkStatus();
                        scopes = {request->name()};
                      }
                      ASSIGN_OR_RETURN(std::vector<CohortLine> lines, reader_.Cohorts(scopes, after, limit));
                      if (lines.size() > limit) {
                        lines.resize(limit);
                        const CohortLine& last = lines.back();
                        response->set_next_page_token(
                            MakePageToken(kList, {last.site, std::to_string(last.course.course), last.cohort}));
                      }
                      for (const CohortLine& line : lines) {
                        v1::CohortSummary* summary = response->add_cohorts();
                        summary->set_name(CohortName(line.site, line.course.course, line.cohort));
                        summary->set_course_short_name(line.course.short_name);
                        summary->set_course_full_name(line.course.full_name);
                        summary->set_cohort(line.cohort);
                        const auto total = [&](int32_t week, int32_t indicator) {
                          const auto found = line.totals.find({week, indicator});
                          return found == line.totals.end() ? Cell{} : found->second;
                        };
                        const auto fill = [&](int32_t week, int32_t indicator, v1::Figure* figure) {
                          const auto known = line.completeness_bp.find(week);
                          Fill(total(week, indicator), indicator, week, line.watermark_us,
                               known == line.completeness_bp.end() ? -1 : known->second,
                               week == kWholeHistory && line.provisional, figure);
                        };
                        summary->set_open(total(kWholeHistory, kOpen).numerator);
                        summary->set_last_action_us(line.last_action_us);
                        fill(kWholeHistory, kStarted, summary->mutable_started());
                        fill(kWholeHistory, kCompleted, summary->mutable_completed());
                        fill(kWholeHistory, kDroppedOut, summary->mutable_dropped_out());
                        if (line.last_week == 0) continue;
                        fill(line.last_week, kActive, summary->mutable_active());
                        fill(line.last_week - 1, kActive, summary->mutable_active_before());
                        summary->set_newly_enrolled(total(line.last_week, kNewlyEnrolled).numerator);
                        summary->set_newly_completed(total(line.last_week, kNewlyCompleted).numerator);
                        for (int32_t week = line.last_week - 11; week <= line.last_week; ++week)
                          fill(week, kActive, summary->add_recent_weeks());
                      }
                      return absl::OkStatus();
                    });
}

grpc::Status FiguresService::QueryFigures(grpc::ServerContext* context, const v1::QueryFiguresRequest* request,
                                          v1::QueryFiguresResponse* response) {
  return guard_.Run(
      context, "compagnon.analytics.v1.Figures.QueryFigures", *request, [&](const rpc::Caller&) -> absl::Status {
        FigureQuery query;
        ASSIGN_OR_RETURN(query.scope, ParseParent(request->parent()));
        ASSIGN_OR_RETURN(query.indicators,
                         ParseIndicators({request->indicators().begin(), request->indicators().end()}));
        query.weekly = request->weekly();
        for (const int dimension : request->by()) {
          query.by.sex = query.by.sex || dimension == v1::DIMENSION_SEX;
          query.by.age_band = query.by.age_band || dimension == v1::DIMENSION_AGE_BAND;
          query.by.country = query.by.country || dimension == v1::DIMENSION_COUNTRY;
        }
        ASSIGN_OR_RETURN(const std::shared_ptr<const FigureSet> set, reader_.Query(query));
        const bool split = query.by.sex || query.by.age_band || query.by.country;
        const bool asks38 = query.indicators.empty() || std::find(query.indicators.begin(), query.indicators.end(),
                                                                  kCompleteness) != query.indicators.end();
        std::optional<Cell> completeness;
        if (asks38 && !split) {
          ASSIGN_OR_RETURN(completeness, reader_.RecentCompleteness(query.scope.site));
        }
        bool said38 = !asks38 || split;
        for (const FigureRow& row : set->figures) {
          // Ordered by code as text: "38" stands between "2open" and "7".
          if (!said38 && IndicatorCode(row.indicator) > IndicatorCode(kCompleteness)) {
            FillCompleteness(completeness, set->site.watermark_us, response->add_figures());
            said38 = true;
          }
          v1::Figure* figure = response->add_figures();
          Fill(row.cell, row.indicator, row.week, set->site.watermark_us, row.completeness_bp,
               row.week == kWholeHistory && set->provisional, figure);
          if (row.sex) figure->set_sex(*row.sex);
          if (row.age_band) figure->set_age_band(*row.age_band);
          if (row.country) figure->set_country(*row.country);
        }
        if (!said38) FillCompleteness(completeness, set->site.watermark_us, response->add_figures());
        response->set_watermark_us(set->site.watermark_us);
        response->set_etag(EtagOf(*request, *set));
        return absl::OkStatus();
      });
}

grpc::Status FiguresService::ListLearners(grpc::ServerContext* context, const v1::ListLearnersRequest* request,
                                          v1::ListLearnersResponse* response) {
  return guard_.Run(
      context, "compagnon.analytics.v1.Figures.ListLearners", *request, [&](const rpc::Caller&) -> absl::Status {
        ASSIGN_OR_RETURN(const Scope scope, ParseParent(request->parent()));
        ASSIGN_OR_RETURN(const size_t limit, PageSize(request->page_size(), 200, 5000));
        const std::string list = "learners " + request->parent();
        std::optional<LearnerPlace> after;
        if (!request->page_token().empty()) {
          ASSIGN_OR_RETURN(const std::vector<std::string> place, ParsePageToken(list, request->page_token(), 2));
          after.emplace();
          ParseInt(place[0], &after->last_action_us);
          ParseInt(place[1], &after->person);
        }
        ASSIGN_OR_RETURN(const LearnerPage page, reader_.Learners(scope, after, limit));
        for (const LearnerLine& line : page.learners) {
          v1::Learner* learner = response->add_learners();
          learner->set_person(line.person);
          learner->set_first_action_us(line.first_action_us);
          learner->set_last_action_us(line.last_action_us);
          learner->set_active_days(static_cast<int32_t>(line.active_days));
          for (const int32_t days : line.recent_active_days) learner->add_recent_active_days(days);
          learner->set_completed(line.completed_us != 0);
          learner->set_completed_us(line.completed_us);
          learner->set_open(line.open);
        }
        if (page.more) {
          const LearnerLine& last = page.learners.back();
          response->set_next_page_token(
              MakePageToken(list, {std::to_string(last.last_action_us), std::to_string(last.person)}));
        }
        response->set_total(page.total);
        return absl::OkStatus();
      });
}

grpc::Status FiguresService::ListFreshness(grpc::ServerContext* context, const v1::ListFreshnessRequest* request,
                                           v1::ListFreshnessResponse* response) {
  return guard_.Run(
      context, "compagnon.analytics.v1.Figures.ListFreshness", *request,
      [&](const rpc::Caller& caller) -> absl::Status {
        constexpr std::string_view kList = "freshness";
        ASSIGN_OR_RETURN(const size_t limit, PageSize(request->page_size(), 100, 500));
        std::string after;
        if (!request->page_token().empty()) {
          ASSIGN_OR_RETURN(const std::vector<std::string> place, ParsePageToken(kList, request->page_token(), 1));
          after = place[0];
        }
        ASSIGN_OR_RETURN(std::vector<FreshnessLine> lines, reader_.Freshness(caller.scopes, after, limit));
        if (lines.size() > limit) {
          lines.resize(limit);
          response->set_next_page_token(MakePageToken(kList, {lines.back().site.code}));
        }
        for (const FreshnessLine& line : lines) {
          v1::Freshness* site = response->add_sites();
          site->set_site("sites/" + line.site.code);
          site->set_watermark_us(line.site.watermark_us);
          site->set_last_ingest_us(line.last_ingest_us);
          site->set_events(line.events);
          site->set_duplicates(line.duplicates);
          site->set_rejected(line.rejected);
          site->set_late(line.late);
          FillCompleteness(line.completeness, line.site.watermark_us, site->mutable_completeness());
          for (const CoverageSpan& span : line.site.spans) {
            v1::CoverageSpan* said = site->add_coverage();
            said->set_source(span.source);
            said->set_from_us(span.span.from);
            said->set_to_us(span.span.to);
          }
        }
        return absl::OkStatus();
      });
}

grpc::Status FiguresService::ExportFigures(grpc::ServerContext* context, const v1::ExportFiguresRequest* request,
                                           grpc::ServerWriter<v1::ExportFiguresResponse>* writer) {
  return guard_.Run(
      context, "compagnon.analytics.v1.Figures.ExportFigures", *request, [&](const rpc::Caller&) -> absl::Status {
        const std::optional<Scope> scope = ParseScope(request->parent());
        if (!scope)
          return WithReason(absl::InvalidArgumentError("parent is a site, a course or a cohort"), "parent_invalid");
        ASSIGN_OR_RETURN(const std::vector<int32_t> indicators,
                         ParseIndicators({request->indicators().begin(), request->indicators().end()}));
        return ExportCsv(reader_, *scope, indicators, [&](std::string piece) -> absl::Status {
          v1::ExportFiguresResponse response;
          response.set_csv(std::move(piece));
          // A reader that has gone is no error of the export.
          return writer->Write(response) ? absl::OkStatus() : absl::CancelledError("the reader has gone");
        });
      });
}

}  // namespace compagnon::analytics
