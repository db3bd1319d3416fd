#include "moodle/api/directory_rpc.h"

#include <catch2/catch.hpp>

#include "compagnon/moodle/v1/directory.grpc.pb.h"
#include "moodle/domain/resource_path.h"
#include "platform/rpc/server.h"
#include "unit/moodle/manual_clock.h"
#include "unit/moodle/moodle_store_fixture.h"
#include "unit/platform/fake_sites.h"

namespace compagnon::moodle {
namespace {

constexpr int64_t kStart = 1'800'000'000;

// A served directory of one site: course 4 with 30 learners in two cohorts, a tutor of one of them, and one learner in
// none.
struct Served {
  compagnon::test::StoreBackend backend{store::Dialect::kSqlite};
  MoodleStore store{backend};
  test::ManualClock clock;
  rpc::Keyring keys;
  std::unique_ptr<grpc::Service> service = NewDirectoryService(store.database(), keys.guard);
  std::unique_ptr<rpc::Server> server;
  std::unique_ptr<v1::Directory::Stub> stub;

  Served() {
    auto map = std::make_shared<DimensionMap>();
    map->standard.cohorts.push_back({false, "*", "", ""});
    Directory directory({&clock, map});
    const auto page = [&](std::string_view kind, const std::vector<std::string>& rows) {
      store.Write(
          [&](store::Session& session) { return directory.ApplyExportPage(session, "sn1", kind, 1, 10, rows); });
    };
    std::vector<std::string> users, enrolments, roles, members;
    for (int i = 0; i < 32; ++i) {
      const std::string user = std::to_string(100 + i);
      users.push_back(R"({"id":)" + user + R"(,"firstname":"First)" + user +
                      R"(","lastname":"Last","suspended":0,"deleted":0})");
      enrolments.push_back(R"({"id":)" + std::to_string(900 + i) + R"(,"userid":)" + user +
                           R"(,"courseid":4,"status":0,"timestart":0,"timeend":0,"timecreated":)" +
                           std::to_string(kStart) + "}");
      roles.push_back(R"({"id":1,"roleid":)" + std::string(i == 31 ? "4" : "5") +
                      R"(,"contextlevel":50,"courseid":4,"userid":)" + user + "}");
      if (i != 30)
        members.push_back(R"({"id":1,"groupid":)" + std::to_string(i % 2 == 0 ? 70 : 71) +
                          R"(,"courseid":4,"userid":)" + user + "}");
    }
    page(
        "courses",
        {R"({"id":4,"shortname":"C4","fullname":"Cours 4","category":0,"startdate":1799971200,"enddate":0,"visible":1})",
         R"({"id":5,"shortname":"C5","fullname":"Cours 5","category":0,"startdate":0,"enddate":0,"visible":0})",
         R"({"id":6,"shortname":"C6","fullname":"Cours 6","category":0,"startdate":0,"enddate":0,"visible":1})"});
    page("users", users);
    page("groups", {R"({"id":70,"courseid":4,"name":"Groupe A","idnumber":"A"})",
                    R"({"id":71,"courseid":4,"name":"Groupe B","idnumber":"B"})"});
    page("enrolments", enrolments);
    page("role_assignments", roles);
    page("group_members", members);
    rpc::ServerOptions options;
    server = std::move(rpc::Server::Open(options)).value();
    Fine(server->Serve({service.get()}));
    stub = v1::Directory::NewStub(server->InProcessChannel());
  }

  std::string Reader(std::vector<std::string> scopes = {"sites/sn1"}, std::vector<std::string> also = {}) {
    also.push_back("moodle.directory.read");
    return keys.Person(std::move(also), std::move(scopes));
  }

  template <typename Request, typename Response>
  grpc::StatusCode Call(grpc::Status (v1::Directory::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                        const std::string& token, const Request& request, Response* response) {
    grpc::ClientContext context;
    rpc::Prepare(context, {absl::Seconds(20), token, ""});
    return (stub.get()->*method)(&context, request, response).error_code();
  }
};

TEST_CASE("courses come page by page with dates and visibility", "[directory]") {
  Served served;
  v1::ListCoursesRequest request;
  request.set_parent("sites/sn1");
  request.set_page_size(2);
  v1::ListCoursesResponse first, second;
  REQUIRE(served.Call(&v1::Directory::Stub::ListCourses, served.Reader(), request, &first) == grpc::StatusCode::OK);
  REQUIRE(first.courses_size() == 2);
  CHECK(first.courses(0).name() == "sites/sn1/courses/4");
  CHECK(first.courses(0).start_date() == "2027-01-15");
  CHECK(first.courses(0).end_date().empty());
  CHECK_FALSE(first.courses(1).visible());
  request.set_page_token(first.next_page_token());
  REQUIRE(served.Call(&v1::Directory::Stub::ListCourses, served.Reader(), request, &second) == grpc::StatusCode::OK);
  REQUIRE(second.courses_size() == 1);
  CHECK(second.courses(0).short_name() == "C6");
  CHECK(second.next_page_token().empty());
}

TEST_CASE("cohorts count learners, and tutors are named only to who may see identities", "[directory]") {
  Served served;
  v1::ListCohortsRequest request;
  request.set_parent("sites/sn1/courses/4");
  v1::ListCohortsResponse blind, named;
  REQUIRE(served.Call(&v1::Directory::Stub::ListCohorts, served.Reader(), request, &blind) == grpc::StatusCode::OK);
  REQUIRE(blind.cohorts_size() == 3);
  CHECK(blind.cohorts(0).name() == "sites/sn1/courses/4");
  CHECK(blind.cohorts(0).title() == "Cours 4");
  CHECK(blind.cohorts(0).learners() == 1);
  CHECK(blind.cohorts(1).name() == "sites/sn1/courses/4/cohorts/A");
  CHECK(blind.cohorts(1).title() == "Groupe A");
  CHECK(blind.cohorts(1).learners() == 15);
  CHECK(blind.cohorts(2).learners() == 15);
  for (const auto& cohort : blind.cohorts()) CHECK(cohort.tutors_size() == 0);

  REQUIRE(served.Call(&v1::Directory::Stub::ListCohorts, served.Reader({"sites/sn1"}, {"moodle.identity.read"}),
                      request, &named) == grpc::StatusCode::OK);
  CHECK(named.cohorts(1).tutors_size() == 0);
  REQUIRE(named.cohorts(2).tutors_size() == 1);
  CHECK(named.cohorts(2).tutors(0) == "First131 Last");
  // A service principal asks for nobody: it is told no names.
  v1::ListCohortsResponse service;
  REQUIRE(served.Call(&v1::Directory::Stub::ListCohorts, served.keys.Service(served.keys.edge, "edge"), request,
                      &service) == grpc::StatusCode::OK);
  for (const auto& cohort : service.cohorts()) CHECK(cohort.tutors_size() == 0);
}

TEST_CASE("enrolments of a cohort and names behind their pseudonyms", "[directory]") {
  Served served;
  v1::ListEnrolmentsRequest request;
  request.set_parent("sites/sn1/courses/4/cohorts/A");
  request.set_page_size(10);
  v1::BatchGetIdentitiesRequest who;
  who.set_parent(request.parent());
  do {
    v1::ListEnrolmentsResponse page;
    REQUIRE(served.Call(&v1::Directory::Stub::ListEnrolments, served.Reader({"sites/sn1/courses/4/cohorts/A"}), request,
                        &page) == grpc::StatusCode::OK);
    for (const auto& enrolment : page.enrolments()) {
      CHECK(enrolment.cohort() == "A");
      CHECK(enrolment.intervals_size() == 1);
      who.add_persons(enrolment.person());
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  CHECK(who.persons_size() == 15);

  who.add_persons(12345);
  v1::BatchGetIdentitiesResponse identities;
  REQUIRE(served.Call(&v1::Directory::Stub::BatchGetIdentities,
                      served.keys.Person({"moodle.identity.read"}, {"sites/sn1"}), who,
                      &identities) == grpc::StatusCode::OK);
  REQUIRE(identities.identities_size() == 15);
  CHECK(identities.identities(0).person() == who.persons(0));
  CHECK(identities.identities(0).full_name() ==
        "First" + std::to_string(identities.identities(0).moodle_user()) + " Last");

  // The same persons asked for through the other cohort are nobody there.
  who.set_parent("sites/sn1/courses/4/cohorts/B");
  v1::BatchGetIdentitiesResponse none;
  REQUIRE(served.Call(&v1::Directory::Stub::BatchGetIdentities, served.keys.Person({"moodle.identity.read"}, {"*"}),
                      who, &none) == grpc::StatusCode::OK);
  CHECK(none.identities_size() == 0);
}

TEST_CASE("every call of the directory needs its permission and its scope", "[directory]") {
  Served served;
  const std::string right = "moodle.directory.read";
  const auto outcomes = [&](const std::string& token) {
    std::vector<grpc::StatusCode> codes;
    v1::ListCoursesRequest courses;
    courses.set_parent("sites/sn1");
    v1::ListCoursesResponse courses_answer;
    codes.push_back(served.Call(&v1::Directory::Stub::ListCourses, token, courses, &courses_answer));
    v1::ListCohortsRequest cohorts;
    cohorts.set_parent("sites/sn1/courses/4");
    v1::ListCohortsResponse cohorts_answer;
    codes.push_back(served.Call(&v1::Directory::Stub::ListCohorts, token, cohorts, &cohorts_answer));
    v1::ListEnrolmentsRequest enrolments;
    enrolments.set_parent("sites/sn1/courses/4");
    v1::ListEnrolmentsResponse enrolments_answer;
    codes.push_back(served.Call(&v1::Directory::Stub::ListEnrolments, token, enrolments, &enrolments_answer));
    v1::BatchGetIdentitiesRequest identities;
    identities.set_parent("sites/sn1/courses/4");
    v1::BatchGetIdentitiesResponse identities_answer;
    codes.push_back(served.Call(&v1::Directory::Stub::BatchGetIdentities, token, identities, &identities_answer));
    return codes;
  };
  using C = grpc::StatusCode;
  CHECK(outcomes("") == std::vector<C>(4, C::UNAUTHENTICATED));
  CHECK(outcomes(served.keys.Person({"analytics.figures.read"}, {"*"})) == std::vector<C>(4, C::PERMISSION_DENIED));
  CHECK(outcomes(
            served.keys.Person({right, "moodle.identity.read"}, {"sites/sn10", "sites/ci1", "sites/sn1/courses/44"})) ==
        std::vector<C>(4, C::PERMISSION_DENIED));
  CHECK(outcomes(served.keys.Person({right}, {"sites/sn1/courses/4"})) ==
        std::vector<C>{C::PERMISSION_DENIED, C::OK, C::OK, C::PERMISSION_DENIED});
  CHECK(outcomes(served.keys.Service(served.keys.analytics, "analytics")) == std::vector<C>(4, C::PERMISSION_DENIED));
}

TEST_CASE("what is asked wrongly is said to be wrong", "[directory]") {
  Served served;
  const std::string token = served.Reader({"*"}, {"moodle.identity.read"});
  using C = grpc::StatusCode;
  v1::ListCoursesResponse courses;
  v1::ListCoursesRequest request;
  request.set_parent("sites/none");
  CHECK(served.Call(&v1::Directory::Stub::ListCourses, token, request, &courses) == C::NOT_FOUND);
  for (const char* parent : {"", "sites", "sites/", "sites/sn1/courses/4", "courses/4", "sites/SN1", "sites/sn1/"}) {
    INFO(parent);
    request.set_parent(parent);
    CHECK(served.Call(&v1::Directory::Stub::ListCourses, token, request, &courses) == C::INVALID_ARGUMENT);
  }
  request.set_parent("sites/sn1");
  request.set_page_size(-1);
  CHECK(served.Call(&v1::Directory::Stub::ListCourses, token, request, &courses) == C::INVALID_ARGUMENT);
  request.set_page_size(1);
  REQUIRE(served.Call(&v1::Directory::Stub::ListCourses, token, request, &courses) == C::OK);
  v1::ListCohortsRequest cohorts;
  v1::ListCohortsResponse cohorts_answer;
  cohorts.set_parent("sites/sn1/courses/4");
  cohorts.set_page_token(courses.next_page_token());
  CHECK(served.Call(&v1::Directory::Stub::ListCohorts, token, cohorts, &cohorts_answer) == C::INVALID_ARGUMENT);
  cohorts.clear_page_token();
  cohorts.set_parent("sites/sn1/courses/99");
  CHECK(served.Call(&v1::Directory::Stub::ListCohorts, token, cohorts, &cohorts_answer) == C::NOT_FOUND);
  v1::BatchGetIdentitiesRequest many;
  v1::BatchGetIdentitiesResponse identities;
  many.set_parent("sites/sn1/courses/4");
  for (int i = 0; i < 5001; ++i) many.add_persons(i + 1);
  CHECK(served.Call(&v1::Directory::Stub::BatchGetIdentities, token, many, &identities) == C::INVALID_ARGUMENT);
}

TEST_CASE("a resource path has one spelling", "[directory]") {
  CHECK(ParseResourcePath("sites/sn1")->course == 0);
  CHECK(ParseResourcePath("sites/sn1/courses/4")->course == 4);
  CHECK(ParseResourcePath("sites/sn1/courses/4/cohorts/A")->cohort == "A");
  for (const char* bad : {"", "/", "sites", "sites/a/b", "sites/a/courses", "sites/a/courses/04", "sites/a/courses/+4",
                          "sites/a/courses/4x", "sites/a/courses/0", "sites/a/courses/4/", "sites/a/courses/4/cohorts",
                          "sites/a/courses/4/cohorts/", "sites/a/courses/4/cohorts/A/B", "sites//courses/4",
                          "sites/a/courses/99999999999999999999"}) {
    INFO(bad);
    CHECK_FALSE(ParseResourcePath(bad).has_value());
  }
}

}  // namespace
}  // namespace compagnon::moodle
