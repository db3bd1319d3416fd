#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "analytics/api/csv.h"
#include "analytics/api/figures_service.h"
#include "analytics/api/page_token.h"
#include "compagnon/analytics/v1/figures.grpc.pb.h"
#include "feed.h"
#include "platform/rpc/principal.h"
#include "platform/rpc/server.h"

// The five rpcs over a real guard, server and store.
namespace compagnon::analytics {
namespace {

using test::At;
using test::Feed;
using test::Store;

struct World {
  explicit World(store::Database& database) : store(database) {
    Feed feed;
    feed.Course(4, "Africa/Dakar", "2026-03-02", "2026-05-31").Course(5, "Africa/Dakar");
    feed.Enrol(11, 4, {{"2026-02-20", ""}}, "F", "18-24", "SN", "A")
        .Enrol(12, 4, {{"2026-02-20", ""}}, "M", "", "=1+1", "B");
    feed.Enrol(13, 4, {{"2026-02-20", "2026-03-11"}}, "", ">35", "SN", "A").Enrol(14, 5, {{"2026-03-16", ""}});
    feed.Act(11, 4, "2026-03-03 08:00")
        .Act(12, 4, "2026-03-10 08:00")
        .Act(11, 4, "2026-03-12 08:00")
        .Complete(11, 4, "2026-03-12 09:00");
    feed.Counted("2026-03-17", 90, 100).Counted("2026-03-18", 100, 100);
    feed.Cover({{"bridge/a", "2026-03-02", "2026-03-09"}, {"bridge/b", "2026-03-10", "2026-03-18 12:00"}});
    store.Take(feed);
    Feed other{"ma1"};
    other.Course(4, "Africa/Casablanca")
        .Enrol(21, 4, {{"2026-02-20", ""}})
        .Cover({{"bridge/z", "2026-03-02", "2026-03-18"}});
    store.Take(other);
    store.Count();
    REQUIRE(server->Serve({&service}).ok());
    stub = v1::Figures::NewStub(server->InProcessChannel());
  }

  std::unique_ptr<grpc::ClientContext> As(std::vector<std::string> scopes,
                                          std::vector<std::string> permissions = {
                                              "analytics.figures.read", "analytics.freshness.read",
                                              "analytics.learners.read", "analytics.figures.export"}) {
    auto context = std::make_unique<grpc::ClientContext>();
    rpc::Caller caller;
    caller.person = "p-1";
    caller.permissions = std::move(permissions);
    caller.scopes = std::move(scopes);
    rpc::Prepare(*context, {absl::Seconds(20), rpc::SignPerson(edge, "analytics", caller, absl::Now()), ""});
    return context;
  }

  std::vector<std::string> CohortNames(std::vector<std::string> scopes, int page_size = 0) {
    std::vector<std::string> names;
    v1::ListCohortSummariesRequest request;
    request.set_page_size(page_size);
    do {
      v1::ListCohortSummariesResponse response;
      REQUIRE(stub->ListCohortSummaries(As(scopes).get(), request, &response).ok());
      for (const auto& cohort : response.cohorts()) names.push_back(cohort.name());
      request.set_page_token(response.next_page_token());
    } while (!request.page_token().empty());
    return names;
  }

  std::string Export(const std::string& parent, std::vector<std::string> indicators = {}) {
    v1::ExportFiguresRequest request;
    request.set_parent(parent);
    for (const std::string& code : indicators) request.add_indicators(code);
    const auto context = As({"*"});
    const auto reader = stub->ExportFigures(context.get(), request);
    std::string csv;
    for (v1::ExportFiguresResponse piece; reader->Read(&piece);) csv += piece.csv();
    CHECK(reader->Finish().ok());
    return csv;
  }

  Store store;
  rpc::SigningKey edge = rpc::SigningKey::Generate();
  rpc::Verifier verifier{"analytics", {{"edge", edge.PublicPem()}}};
  rpc::Guard guard{{&verifier, {}, {}, "analytics", nullptr}};
  FiguresService service{store.reader, guard};
  std::unique_ptr<rpc::Server> server = std::move(rpc::Server::Open({})).value();
  std::unique_ptr<v1::Figures::Stub> stub;
};

STORE_CONTRACT("a coordinator sees the cohorts of her scopes and no others", "[service]") {
  World w(backend.database());
  const std::vector<std::string> all = {"sites/ma1/courses/4", "sites/sn1/courses/4/cohorts/A",
                                        "sites/sn1/courses/4/cohorts/B", "sites/sn1/courses/5"};
  CHECK(w.CohortNames({"*"}) == all);
  CHECK(w.CohortNames({"*"}, 1) == all);
  CHECK(w.CohortNames({"*"}, 3) == all);
  CHECK(w.CohortNames({"sites/sn1/courses/4/cohorts/B"}) == std::vector<std::string>{all[2]});
  CHECK(w.CohortNames({"sites/sn1/courses/4", "sites/ma1"}) == std::vector<std::string>{all[0], all[1], all[2]});
  CHECK(w.CohortNames({"sites/sn"}).empty());
  CHECK(w.CohortNames({"nonsense"}).empty());
}

STORE_CONTRACT("a cohort's line tells the last complete week and the one before", "[service]") {
  World w(backend.database());
  v1::ListCohortSummariesResponse response;
  REQUIRE(w.stub->ListCohortSummaries(w.As({"sites/sn1/courses/4/cohorts/A"}).get(), {}, &response).ok());
  REQUIRE(response.cohorts_size() == 1);
  const v1::CohortSummary& a = response.cohorts(0);
  CHECK(a.course_short_name() == "C4");
  CHECK(a.cohort() == "A");
  CHECK(a.open() == 1);
  CHECK(a.active().week() == "2026-W11");
  CHECK(a.active().numerator() == 1);
  CHECK(a.active().denominator() == 2);
  CHECK(a.active_before().week() == "2026-W10");
  CHECK(a.completed().numerator() == 1);
  CHECK(a.dropped_out().numerator() == 1);
  CHECK(a.dropped_out().provisional());
  CHECK(a.newly_completed() == 1);
  CHECK(a.newly_enrolled() == 0);
  CHECK(a.last_action_us() == At("2026-03-12 08:00"));
  CHECK(a.recent_weeks_size() == 12);
  CHECK(a.recent_weeks(11).week() == "2026-W11");
  CHECK(a.recent_weeks(11).completeness_bp() == 8571);  // the Monday is missing
}

STORE_CONTRACT("figures carry numerator and denominator and watermark and completeness", "[service]") {
  World w(backend.database());
  v1::QueryFiguresRequest request;
  request.set_parent("sites/sn1/courses/4");
  request.set_weekly(true);
  v1::QueryFiguresResponse response;
  REQUIRE(w.stub->QueryFigures(w.As({"sites/sn1"}).get(), request, &response).ok());
  std::vector<std::string> order;
  for (const v1::Figure& f : response.figures()) {
    order.push_back(f.indicator() + f.week());
    CHECK(f.watermark_us() == At("2026-03-18 12:00"));
    if (f.indicator() == "7") CHECK((f.numerator() == 1 && f.denominator() == 3 && f.has_denominator()));
    if (f.indicator() == "2" && f.week().empty()) CHECK((f.numerator() == 3 && !f.has_denominator()));
    if (f.indicator() == "38") CHECK((f.numerator() == 190 && f.denominator() == 200));
    if (f.week() == "2026-W10") CHECK(f.completeness_bp() == 10000);
    // Half of W12 up to T, of which 190 of 200 rows were pulled.
    if (f.week() == "2026-W12") CHECK(f.completeness_bp() == 9500);
  }
  CHECK(order == std::vector<std::string>{"17", "2", "22026-W10", "22026-W11", "22026-W12", "21", "2open", "38", "7",
                                          "92026-W10", "92026-W11", "92026-W12"});

  const std::string etag = response.etag();
  REQUIRE(w.stub->QueryFigures(w.As({"*"}).get(), request, &response).ok());
  CHECK(response.etag() == etag);

  request.add_by(v1::DIMENSION_SEX);
  request.set_weekly(false);
  request.add_indicators("2");
  response.Clear();
  REQUIRE(w.stub->QueryFigures(w.As({"*"}).get(), request, &response).ok());
  REQUIRE(response.figures_size() == 3);
  CHECK(response.figures(0).has_sex());
  CHECK(response.figures(0).sex().empty());
  CHECK_FALSE(response.figures(0).has_country());
}

STORE_CONTRACT("a figure nobody counts in yet is nought of nought and never left out", "[service]") {
  World w(backend.database());
  v1::QueryFiguresRequest request;
  request.set_parent("sites/sn1/courses/5");
  request.add_indicators("7");
  v1::QueryFiguresResponse response;
  REQUIRE(w.stub->QueryFigures(w.As({"*"}).get(), request, &response).ok());
  REQUIRE(response.figures_size() == 1);
  CHECK(response.figures(0).denominator() == 0);
  CHECK(response.figures(0).has_denominator());
}

STORE_CONTRACT("learners come the longest silent first and page by page", "[service]") {
  World w(backend.database());
  v1::ListLearnersRequest request;
  request.set_parent("sites/sn1/courses/4");
  request.set_page_size(1);
  std::vector<int64_t> persons;
  do {
    v1::ListLearnersResponse response;
    REQUIRE(w.stub->ListLearners(w.As({"sites/sn1/courses/4"}).get(), request, &response).ok());
    CHECK(response.total() == 3);
    for (const auto& learner : response.learners()) {
      persons.push_back(learner.person());
      CHECK(learner.open() == (learner.person() != 13));
      CHECK(learner.completed() == (learner.person() == 11));
      CHECK(learner.recent_active_days_size() == 4);
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  CHECK(persons == std::vector<int64_t>{13, 12, 11});
}

STORE_CONTRACT("freshness shows the sites a caller has any part of", "[service]") {
  World w(backend.database());
  v1::ListFreshnessResponse response;
  REQUIRE(w.stub->ListFreshness(w.As({"sites/sn1/courses/4/cohorts/A"}).get(), {}, &response).ok());
  REQUIRE(response.sites_size() == 1);
  CHECK(response.sites(0).site() == "sites/sn1");
  CHECK(response.sites(0).watermark_us() == At("2026-03-18 12:00"));
  CHECK(response.sites(0).coverage_size() == 2);
  CHECK(response.sites(0).completeness().completeness_bp() == 9500);
  response.Clear();
  REQUIRE(w.stub->ListFreshness(w.As({"sites/ma1"}).get(), {}, &response).ok());
  CHECK(response.sites(0).completeness().numerator() == -1);
}

STORE_CONTRACT("every rpc refuses no principal and the wrong permission and the wrong scope", "[service]") {
  World w(backend.database());
  const auto codes = [&](const std::function<std::unique_ptr<grpc::ClientContext>()>& as, const std::string& parent) {
    v1::QueryFiguresRequest figures;
    figures.set_parent(parent);
    v1::ListLearnersRequest learners;
    learners.set_parent(parent);
    v1::ExportFiguresRequest exported;
    exported.set_parent(parent);
    v1::QueryFiguresResponse figures_answer;
    v1::ListLearnersResponse learners_answer;
    v1::ListCohortSummariesResponse cohorts_answer;
    v1::ListFreshnessResponse freshness_answer;
    std::vector<grpc::StatusCode> all;
    all.push_back(w.stub->QueryFigures(as().get(), figures, &figures_answer).error_code());
    all.push_back(w.stub->ListLearners(as().get(), learners, &learners_answer).error_code());
    const auto context = as();
    all.push_back(w.stub->ExportFigures(context.get(), exported)->Finish().error_code());
    all.push_back(w.stub->ListCohortSummaries(as().get(), {}, &cohorts_answer).error_code());
    all.push_back(w.stub->ListFreshness(as().get(), {}, &freshness_answer).error_code());
    return all;
  };
  const std::string parent = "sites/sn1/courses/4";
  using grpc::StatusCode;
  CHECK(codes([] { return std::make_unique<grpc::ClientContext>(); }, parent) ==
        std::vector<StatusCode>(5, StatusCode::UNAUTHENTICATED));
  CHECK(codes([&] { return w.As({"*"}, {"moodle.sites.read"}); }, parent) ==
        std::vector<StatusCode>(5, StatusCode::PERMISSION_DENIED));
  const auto wrong_scope = codes([&] { return w.As({"sites/sn1/courses/4/cohorts/A", "sites/ma1"}); }, parent);
  CHECK(wrong_scope == std::vector<StatusCode>{StatusCode::PERMISSION_DENIED, StatusCode::PERMISSION_DENIED,
                                               StatusCode::PERMISSION_DENIED, StatusCode::OK, StatusCode::OK});
  CHECK(codes([&] { return w.As({"*"}); }, "sites/sn1/courses/77") ==
        std::vector<StatusCode>{StatusCode::NOT_FOUND, StatusCode::NOT_FOUND, StatusCode::NOT_FOUND, StatusCode::OK,
                                StatusCode::OK});
  CHECK(codes([&] { return w.As({"*"}); }, "sites/sn1/cours/4")[0] == StatusCode::INVALID_ARGUMENT);
}

STORE_CONTRACT("the export has all cuts and mapped cohorts and no formula", "[service]") {
  World w(backend.database());
  const std::string csv = w.Export("sites/sn1");
  const std::vector<std::string> lines = absl::StrSplit(csv, "\r\n");
  CHECK(lines[0] + "\r\n" == kCsvHeader);
  CHECK(lines.back().empty());
  const auto has = [&](const std::string& line) { return std::find(lines.begin(), lines.end(), line) != lines.end(); };
  CHECK(has("7,sn1,4,*,*,*,*,*,1,3,2026-03-18T12:00:00Z,89.23"));
  CHECK(has("7,sn1,4,A,*,*,*,*,1,2,2026-03-18T12:00:00Z,89.23"));
  CHECK(has("2,sn1,4,*,2026-W10,inconnu,*,*,1,,2026-03-18T12:00:00Z,100.00"));
  CHECK(has("21,sn1,4,*,*,M,inconnu,'=1+1,0,1,2026-03-18T12:00:00Z,89.23"));
  CHECK(has("2open,sn1,5,*,*,*,*,*,1,,2026-03-18T12:00:00Z,89.23"));
  CHECK(has("38,sn1,*,*,2026-03-17,*,*,*,90,100,,90.00"));
  CHECK(has("38,sn1,*,*,2026-03-18,*,*,*,100,100,,100.00"));
  CHECK(absl::StrContains(csv, ",,\r\n") == false);
  for (const std::string& line : lines) CHECK((line.empty() || std::count(line.begin(), line.end(), ',') == 11));
  CHECK(absl::StrContains(w.Export("sites/sn1/courses/5", {"2"}), "38,") == false);
}

TEST_CASE("CSV cells are quoted by RFC 4180 and formulas are led by an apostrophe") {
  CHECK(CsvText("plain") == "plain");
  CHECK(CsvText("a,b") == "\"a,b\"");
  CHECK(CsvText("say \"x\"\n") == "\"say \"\"x\"\"\n\"");
  for (const char* formula : {"=1", "+1", "-1", "@x", "\tx"}) CHECK(CsvText(formula)[0] == '\'');
  CHECK(CsvText("\r=1") == "\"'\r=1\"");
  CHECK(CsvText("<18") == "<18");
  CHECK(CsvText("") == "");
}

TEST_CASE("a page token serves its own list alone") {
  const std::string token = MakePageToken("cohorts", {"sn1", "4", ""});
  CHECK(ParsePageToken("cohorts", token, 3).value() == std::vector<std::string>{"sn1", "4", ""});
  CHECK_FALSE(ParsePageToken("freshness", token, 3).ok());
  CHECK_FALSE(ParsePageToken("cohorts", token.substr(1), 3).ok());
  CHECK_FALSE(ParsePageToken("cohorts", "", 3).ok());
  CHECK_FALSE(ParsePageToken("cohorts", "!", 3).ok());
  CHECK(ReasonOf(ParsePageToken("cohorts", "x", 3).status()) == "page_token_invalid");
}

}  // namespace
}  // namespace compagnon::analytics
