#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "compagnon/analytics/v1/figures.grpc.pb.h"
#include "compagnon/moodle/v1/directory.grpc.pb.h"
#include "compagnon/moodle/v1/sites.grpc.pb.h"
#include "edge/backend.h"
#include "edge/http/ascii_text.h"
#include "edge/pages/weeks.h"
#include "edge/pages/wording.h"
#include "platform/base/log.h"
#include "platform/rpc/call.h"

namespace compagnon::edge {
namespace {

namespace pb = ::compagnon::analytics::v1;
namespace dir = ::compagnon::moodle::v1;

constexpr int kCardsPerPage = 24;  // keeps the home page within its budget of elements
constexpr absl::Duration kExportDeadline = absl::Minutes(5);
constexpr int kLearnersPerPage = 40;  // the same for the cohort page

// Calls in flight for one page. Wait() before anything they write to goes away.
class InFlight {
 public:
  ~InFlight() { Wait(); }
  std::function<void(grpc::Status)> Begin(grpc::Status* result) {
    std::lock_guard lock(mutex_);
    ++pending_;
    return [this, result](grpc::Status status) {
      std::lock_guard lock(mutex_);
      *result = std::move(status);
      if (--pending_ == 0) done_.notify_all();
    };
  }
  void Wait() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return pending_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  int pending_ = 0;
};

// One unary call: its context, answer and outcome, alive until it ended.
template <class Answer>
struct Call {
  grpc::ClientContext context;
  Answer answer;
  grpc::Status status = grpc::Status(grpc::StatusCode::UNAVAILABLE, "not asked");
};

Ratio ToRatio(const pb::Figure& figure) {
  Ratio ratio;
  ratio.numerator = figure.numerator();
  ratio.denominator = figure.denominator();
  ratio.has_denominator = figure.has_denominator();
  ratio.week = figure.week();
  ratio.watermark_us = figure.watermark_us();
  ratio.completeness_bp = figure.completeness_bp();
  ratio.provisional = figure.provisional();
  return ratio;
}

// A figure the module left out is "not computable", never 0.
Ratio ToRatio(bool given, const pb::Figure& figure) {
  Ratio none;
  none.has_denominator = true;
  return given ? ToRatio(figure) : none;
}

SiteInfo ToSite(const dir::Site& site) {
  SiteInfo info;
  info.name = site.name();
  info.title = site.title();
  info.time_zone = site.time_zone();
  switch (site.link()) {
    case dir::LINK_STATE_OK:
      info.link = SiteInfo::Link::kOk;
      break;
    case dir::LINK_STATE_CATCHING_UP:
      info.link = SiteInfo::Link::kCatchingUp;
      break;
    case dir::LINK_STATE_UNREACHABLE:
      info.link = SiteInfo::Link::kUnreachable;
      break;
    case dir::LINK_STATE_NEEDS_OPERATOR:
      info.link = SiteInfo::Link::kNeedsOperator;
      break;
    case dir::LINK_STATE_FILE_ONLY:
      info.link = SiteInfo::Link::kFileOnly;
      break;
    default:
      info.link = SiteInfo::Link::kUnknown;
  }
  info.last_answer_us = site.last_answer_us();
  info.last_event_us = site.last_event_us();
  info.backlog = site.backlog();
  return info;
}

SiteFreshness ToFreshness(const pb::Freshness& fresh) {
  SiteFreshness out;
  out.site = fresh.site();
  out.watermark_us = fresh.watermark_us();
  out.last_ingest_us = fresh.last_ingest_us();
  out.events = fresh.events();
  out.duplicates = fresh.duplicates();
  out.rejected = fresh.rejected();
  out.late = fresh.late();
  out.completeness = ToRatio(fresh.completeness());
  if (!fresh.has_completeness()) out.completeness.numerator = -1;
  for (const pb::CoverageSpan& span : fresh.coverage()) {
    out.coverage.push_back({span.source(), span.from_us(), span.to_us()});
  }
  return out;
}

CohortLine ToLine(const pb::CohortSummary& summary) {
  CohortLine line;
  line.name = summary.name();
  line.course_short_name = summary.course_short_name();
  line.course_full_name = summary.course_full_name();
  line.cohort = summary.cohort();
  line.open = summary.open();
  line.active = ToRatio(summary.has_active(), summary.active());
  line.active_before = ToRatio(summary.has_active_before(), summary.active_before());
  line.started = ToRatio(summary.has_started(), summary.started());
  line.completed = ToRatio(summary.has_completed(), summary.completed());
  line.dropped_out = ToRatio(summary.has_dropped_out(), summary.dropped_out());
  line.newly_enrolled = summary.newly_enrolled();
  line.newly_completed = summary.newly_completed();
  line.last_action_us = summary.last_action_us();
  for (const pb::Figure& week : summary.recent_weeks()) line.recent_weeks.push_back(ToRatio(week));
  return line;
}

Missing MissingOf(const grpc::Status& status, std::string_view rpc) {
  if (status.ok()) return Missing::kNo;
  if (status.error_code() == grpc::StatusCode::PERMISSION_DENIED) return Missing::kForbidden;
  Log(LogLevel::kWarning, "a part of a page is missing",
      {{"rpc", rpc}, {"code", static_cast<int64_t>(status.error_code())}});
  return Missing::kUnavailable;
}

// Rows of a split: one per value of the dimension, each with its figures to date and the last complete week of
// indicator 9.
Split ToSplit(const pb::QueryFiguresResponse& answer, std::string dimension, const std::string& last_week) {
  Split split;
  split.dimension = std::move(dimension);
  std::map<std::string, Split::Row> rows;
  for (const pb::Figure& figure : answer.figures()) {
    const std::string value = split.dimension == "sex"   ? figure.sex()
                              : split.dimension == "age" ? figure.age_band()
                                                         : figure.country();
    const bool weekly = figure.indicator() == "9";
    if (weekly ? figure.week() != last_week : !figure.week().empty()) continue;
    Split::Row& row = rows[value];
    row.value = value;
    row.figures[figure.indicator()] = ToRatio(figure);
  }
  for (auto& [value, row] : rows) split.rows.push_back(std::move(row));
  if (split.dimension == "country") {
    // Largest first; the map's order breaks ties.
    const auto size = [](const Split::Row& row) {
      const auto found = row.figures.find("2");
      return found == row.figures.end() ? 0 : found->second.numerator;
    };
    std::stable_sort(split.rows.begin(), split.rows.end(),
                     [&](const Split::Row& a, const Split::Row& b) { return size(a) > size(b); });
  }
  if (split.dimension == "age") {
    // "< 18" before the bands that begin with a number, "> 35" after them.
    const auto place = [](const Split::Row& row) {
      return row.value.starts_with('<') ? 0 : row.value.starts_with('>') ? 2 : 1;
    };
    std::stable_sort(split.rows.begin(), split.rows.end(),
                     [&](const Split::Row& a, const Split::Row& b) { return place(a) < place(b); });
  }
  // Unknown comes last, however large: it is no value among others.
  std::stable_partition(split.rows.begin(), split.rows.end(), [](const Split::Row& row) { return !row.value.empty(); });
  return split;
}

class GrpcBackend : public Backend {
 public:
  explicit GrpcBackend(GrpcBackendOptions options)
      : options_(std::move(options)),
        figures_(pb::Figures::NewStub(options_.channel("analytics"))),
        directory_(dir::Directory::NewStub(options_.channel("moodle"))),
        sites_(dir::Sites::NewStub(options_.channel("moodle"))) {}

  HomePage LoadHome(const Asker& asker, const std::string& page_token) override {
    Call<pb::ListCohortSummariesResponse> cohorts;
    Call<pb::ListFreshnessResponse> freshness;
    Call<dir::ListSitesResponse> sites;
    pb::ListCohortSummariesRequest cohorts_request;
    cohorts_request.set_page_size(kCardsPerPage);
    cohorts_request.set_page_token(page_token);
    const pb::ListFreshnessRequest freshness_request;
    const dir::ListSitesRequest sites_request;
    InFlight calls;
    Prepare(asker, "analytics", &cohorts.context);
    figures_->async()->ListCohortSummaries(&cohorts.context, &cohorts_request, &cohorts.answer,
                                           calls.Begin(&cohorts.status));
    Prepare(asker, "analytics", &freshness.context);
    figures_->async()->ListFreshness(&freshness.context, &freshness_request, &freshness.answer,
                                     calls.Begin(&freshness.status));
    Prepare(asker, "moodle", &sites.context);
    sites_->async()->ListSites(&sites.context, &sites_request, &sites.answer, calls.Begin(&sites.status));
    calls.Wait();

    HomePage page;
    page.cohorts_missing = MissingOf(cohorts.status, "ListCohortSummaries");
    for (const pb::CohortSummary& summary : cohorts.answer.cohorts()) page.cohorts.push_back(ToLine(summary));
    page.first_page = page_token.empty();
    page.next_page = cohorts.answer.next_page_token();
    page.freshness_missing = MissingOf(freshness.status, "ListFreshness");
    for (const pb::Freshness& fresh : freshness.answer.sites()) page.freshness.push_back(ToFreshness(fresh));
    MissingOf(sites.status, "ListSites");  // without it sites go by their codes
    for (const dir::Site& site : sites.answer.sites()) page.sites[site.name()] = ToSite(site);
    return page;
  }

  FreshnessPage LoadFreshness(const Asker& asker) override {
    Call<pb::ListFreshnessResponse> freshness;
    Call<dir::ListSitesResponse> sites;
    const pb::ListFreshnessRequest freshness_request;
    const dir::ListSitesRequest sites_request;
    InFlight calls;
    Prepare(asker, "analytics", &freshness.context);
    figures_->async()->ListFreshness(&freshness.context, &freshness_request, &freshness.answer,
                                     calls.Begin(&freshness.status));
    Prepare(asker, "moodle", &sites.context);
    sites_->async()->ListSites(&sites.context, &sites_request, &sites.answer, calls.Begin(&sites.status));
    calls.Wait();

    FreshnessPage page;
    page.freshness_missing = MissingOf(freshness.status, "ListFreshness");
    for (const pb::Freshness& fresh : freshness.answer.sites()) page.freshness.push_back(ToFreshness(fresh));
    page.sites_missing = MissingOf(sites.status, "ListSites");
    for (const dir::Site& site : sites.answer.sites()) page.sites[site.name()] = ToSite(site);
    return page;
  }

  absl::StatusOr<CohortPage> LoadCohort(const Asker& asker, const std::string& name,
                                        const std::string& learners_token) override {
    Call<pb::ListCohortSummariesResponse> summary;
    Call<pb::QueryFiguresResponse> totals, by_sex, by_age, by_country;
    Call<pb::ListLearnersResponse> learners;
    Call<dir::ListSitesResponse> sites;

    pb::ListCohortSummariesRequest summary_request;
    summary_request.set_page_size(1);
    summary_request.set_name(name);
    pb::QueryFiguresRequest totals_request;
    totals_request.set_parent(name);
    totals_request.set_weekly(true);
    const auto split_request = [&](pb::Dimension dimension) {
      pb::QueryFiguresRequest request;
      request.set_parent(name);
      request.set_weekly(true);
      for (const char* indicator : {"2", "7", "9", "17", "21"}) request.add_indicators(indicator);
      request.add_by(dimension);
      return request;
    };
    const pb::QueryFiguresRequest sex_request = split_request(pb::DIMENSION_SEX);
    const pb::QueryFiguresRequest age_request = split_request(pb::DIMENSION_AGE_BAND);
    const pb::QueryFiguresRequest country_request = split_request(pb::DIMENSION_COUNTRY);
    pb::ListLearnersRequest learners_request;
    learners_request.set_parent(name);
    learners_request.set_page_size(kLearnersPerPage);
    learners_request.set_page_token(learners_token);
    // A list, since whoever holds one cohort of a site may see it in the list but not ask for it by name.
    const dir::ListSitesRequest sites_request;

    // Small cells say who is meant: splits are for those who may see the learners themselves.
    const bool near = Holds(asker, "analytics.learners.read");
    InFlight calls;
    const auto query = [&](Call<pb::QueryFiguresResponse>& call, const pb::QueryFiguresRequest& request) {
      Prepare(asker, "analytics", &call.context);
      figures_->async()->QueryFigures(&call.context, &request, &call.answer, calls.Begin(&call.status));
    };
    Prepare(asker, "analytics", &summary.context);
    figures_->async()->ListCohortSummaries(&summary.context, &summary_request, &summary.answer,
                                           calls.Begin(&summary.status));
    query(totals, totals_request);
    Prepare(asker, "moodle", &sites.context);
    sites_->async()->ListSites(&sites.context, &sites_request, &sites.answer, calls.Begin(&sites.status));
    if (near) {
      query(by_sex, sex_request);
      query(by_age, age_request);
      query(by_country, country_request);
      Prepare(asker, "analytics", &learners.context);
      figures_->async()->ListLearners(&learners.context, &learners_request, &learners.answer,
                                      calls.Begin(&learners.status));
    }
    calls.Wait();

    for (const grpc::Status* status : {&totals.status, &learners.status}) {
      const grpc::StatusCode code = status->error_code();
      if (code == grpc::StatusCode::PERMISSION_DENIED || code == grpc::StatusCode::NOT_FOUND ||
          code == grpc::StatusCode::INVALID_ARGUMENT) {
        return rpc::FromGrpc(*status);
      }
    }
    CohortPage page;
    page.name = name;
    page.site.name = SiteOf(name);
    MissingOf(sites.status, "ListSites");
    for (const dir::Site& site : sites.answer.sites()) {
      if (site.name() == page.site.name) page.site = ToSite(site);
    }
    Describe(summary, &page);
    page.figures_missing = MissingOf(totals.status, "QueryFigures");
    page.watermark_us = totals.answer.watermark_us();
    for (const pb::Figure& figure : totals.answer.figures()) {
      if (figure.week().empty()) {
        page.totals[figure.indicator()] = ToRatio(figure);
      } else if (figure.indicator() == "9") {
        page.weekly_active.push_back(ToRatio(figure));
      } else if (figure.indicator() == "2") {
        page.weekly_enrolled.push_back(ToRatio(figure));
      }
    }
    if (near) {
      const std::string last_week = LastCompleteWeek(page.watermark_us, ZoneOf(page.site));
      const auto add_split = [&](const Call<pb::QueryFiguresResponse>& call, const char* dimension) {
        Split split = ToSplit(call.answer, dimension, last_week);
        split.missing = MissingOf(call.status, "QueryFigures");
        page.splits.push_back(std::move(split));
      };
      add_split(by_sex, "sex");
      add_split(by_age, "age");
      add_split(by_country, "country");
      page.learners_missing = MissingOf(learners.status, "ListLearners");
      TakeLearners(asker, name, learners.answer, &page);
      page.learners_first_page = learners_token.empty();
    } else {
      page.learners_missing = Missing::kForbidden;
    }
    page.may_export = Holds(asker, "analytics.figures.export");
    return page;
  }

  absl::Status Export(const Asker& asker, const std::string& name, const std::vector<std::string>& indicators,
                      const BodySink& sink) override {
    grpc::ClientContext context;
    // A file on a slow line takes its time; the line itself is watched by the server.
    Asker patient = asker;
    patient.deadline = absl::Now() + kExportDeadline;
    Prepare(patient, "analytics", &context, kExportDeadline);
    pb::ExportFiguresRequest request;
    request.set_parent(name);
    for (const std::string& indicator : indicators) request.add_indicators(indicator);
    const auto reader = figures_->ExportFigures(&context, request);
    pb::ExportFiguresResponse piece;
    while (reader->Read(&piece)) {
      if (const absl::Status status = sink(piece.csv()); !status.ok()) {
        context.TryCancel();
        reader->Finish();
        return status;
      }
    }
    return rpc::FromGrpc(reader->Finish());
  }

 private:
  static bool Holds(const Asker& asker, std::string_view permission) {
    const auto& held = asker.caller.permissions;
    return std::find(held.begin(), held.end(), permission) != held.end();
  }

  void Prepare(const Asker& asker, const std::string& module, grpc::ClientContext* context) const {
    Prepare(asker, module, context, options_.call_deadline);
  }
  void Prepare(const Asker& asker, const std::string& module, grpc::ClientContext* context,
               absl::Duration limit) const {
    rpc::CallOptions call;
    call.deadline = std::min(limit, asker.deadline - absl::Now());
    call.token = options_.token(module, asker.caller);
    call.locale = asker.locale;
    rpc::Prepare(*context, call);
  }

  static void Describe(const Call<pb::ListCohortSummariesResponse>& summary, CohortPage* page) {
    MissingOf(summary.status, "ListCohortSummaries");
    for (const pb::CohortSummary& line : summary.answer.cohorts()) {
      // A cohort below it names the course as well.
      if (!rpc::ScopeCovers(page->name, line.name())) continue;
      page->course_short_name = line.course_short_name();
      page->course_full_name = line.course_full_name();
      break;
    }
    const std::vector<std::string_view> parts = SplitText(page->name, '/');
    if (parts.size() == 6) page->cohort = std::string(parts[5]);
  }

  void TakeLearners(const Asker& asker, const std::string& name, const pb::ListLearnersResponse& answer,
                    CohortPage* page) {
    std::map<int64_t, std::string> names;
    if (!Holds(asker, "moodle.identity.read")) {
      page->names_missing = Missing::kForbidden;
    } else if (answer.learners_size() > 0) {
      Call<dir::BatchGetIdentitiesResponse> identities;
      dir::BatchGetIdentitiesRequest request;
      request.set_parent(name);
      for (const pb::Learner& learner : answer.learners()) request.add_persons(learner.person());
      Prepare(asker, "moodle", &identities.context);
      identities.status = directory_->BatchGetIdentities(&identities.context, request, &identities.answer);
      page->names_missing = MissingOf(identities.status, "BatchGetIdentities");
      for (const dir::Identity& identity : identities.answer.identities()) {
        names[identity.person()] = identity.full_name();
      }
    }
    for (const pb::Learner& learner : answer.learners()) {
      LearnerLine line;
      line.person = learner.person();
      line.full_name = names[learner.person()];
      line.first_action_us = learner.first_action_us();
      line.last_action_us = learner.last_action_us();
      line.active_days = learner.active_days();
      line.recent_active_days.assign(learner.recent_active_days().begin(), learner.recent_active_days().end());
      line.completed = learner.completed();
      line.completed_us = learner.completed_us();
      line.open = learner.open();
      page->learners.push_back(std::move(line));
    }
    page->learners_total = answer.total();
    page->learners_next = answer.next_page_token();
  }

  const GrpcBackendOptions options_;
  const std::unique_ptr<pb::Figures::Stub> figures_;
  const std::unique_ptr<dir::Directory::Stub> directory_;
  const std::unique_ptr<dir::Sites::Stub> sites_;
};

}  // namespace

std::unique_ptr<Backend> NewGrpcBackend(GrpcBackendOptions options) {
  return std::make_unique<GrpcBackend>(std::move(options));
}

}  // namespace compagnon::edge
