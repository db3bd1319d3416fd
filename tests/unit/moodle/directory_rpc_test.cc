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
  MoodleStore store;
  test::ManualClock clock;
  rpc::Keyring keys;
  std::unique_ptr<grpc::Service> service = NewDirectoryService(store.database(), keys.guard);
  std::unique_ptr<rpc::Server> server;
  std::unique_ptr<v1::Directory::Stub> stub;

  explicit Served(compagnon::test::StoreBackend& backend) : store(backend) {
    auto map = std::make_shared<DimensionMap>();
    map->standard.cohorts.push_back({false, "*", "", ""});
    map->standard.sex.push_back({ValueSource::kProfileField, "genre", {{"Femme", "F"}, {"Homme", "M"}}});
    Directory directory({&clock, map});
    const auto page = [&](std::string_view kind, const std::vector<std::string>& rows) {
      store.Write(
          [&](store::Session& session) { return directory.ApplyExportPage(session, "sn1", kind, 1, 10, rows); });
    };
    std::vector<std::string> users, enrolments, roles, members;
    for (int i = 0; i < 32; ++i) {
      const std::string user = std::to_string(100 + i);
      users.push_back(
          R"({"id":)" + user + R"(,"firstname":"First)" + user +
          R"(","lastname":"Last","suspended":0,"deleted":0,"timecreated":1794000000,"timemodified":1795000000,"profile":{"genre":")" +
          (i == 0 ? "Femme" : "") + R"("}})");
      enrolments.push_back(R"({"id":)" + std::to_string(900 + i) + R"(,"userid":)" + user +
                           R"(,"courseid":4,"status":0,"timestart":0,"timeend":0,"timecreated":)" +
                           std::to_string(kStart) + "}");
      roles.push_back(R"({"id":1,"roleid":)" + std::string(i == 31 ? "4" : "5") +
                      R"(,"contextlevel":50,"courseid":4,"timemodified":1795000000,"userid":)" + user + "}");
      if (i != 30)
        members.push_back(R"({"id":1,"groupid":)" + std::to_string(i % 2 == 0 ? 70 : 71) +
                          R"(,"courseid":4,"userid":)" + user + "}");
    }
    page(
        "courses",
        {R"({"id":4,"shortname":"C4","fullname":"Cours 4","category":8,"startdate":1799971200,"enddate":0,"visible":1})",
         R"({"id":5,"shortname":"C5","fullname":"Cours 5","category":0,"startdate":0,"enddate":0,"visible":0})",
         R"({"id":6,"shortname":"C6","fullname":"Cours 6","category":0,"startdate":0,"enddate":0,"visible":1})"});
    page("categories", {R"({"id":7,"name":"Dakar","parent":0})", R"({"id":8,"name":"Soir","parent":7})"});
    users.push_back(
        R"({"id":600,"firstname":"Away","lastname":"Last","suspended":1,"deleted":0,"timecreated":1794000000,"timemodified":1795000000})");
    page("users", users);
    page("roles", {R"({"id":4,"shortname":"teacher"})", R"({"id":5,"shortname":"student"})"});
    page("cohorts", {R"({"id":3,"name":"Boursiers","idnumber":"B1"})"});
    page("groups", {R"({"id":70,"courseid":4,"name":"Groupe A","idnumber":"A"})",
                    R"({"id":71,"courseid":4,"name":"Groupe B","idnumber":"B"})"});
    page("enrolments", enrolments);
    page("role_assignments", roles);
    page("group_members", members);
    // Somebody of a Moodle cohort who is enrolled nowhere.
    page("cohort_members", {R"({"id":1,"cohortid":3,"userid":500})", R"({"id":2,"cohortid":3,"userid":100})"});
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

STORE_CONTRACT("courses come page by page with dates and visibility", "[directory]") {
  Served served(backend);
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

STORE_CONTRACT(
    "people come by pseudonym with the state of their account and their enrolments and are named only to who may",
    "[directory]") {
  Served served(backend);
  const auto all = [&](const std::string& parent, const std::string& token) {
    std::vector<v1::Person> people;
    v1::ListPeopleRequest request;
    request.set_parent(parent);
    request.set_page_size(7);
    do {
      v1::ListPeopleResponse page;
      REQUIRE(served.Call(&v1::Directory::Stub::ListPeople, token, request, &page) == grpc::StatusCode::OK);
      REQUIRE(page.people_size() <= 7);
      people.insert(people.end(), page.people().begin(), page.people().end());
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    CHECK(std::is_sorted(people.begin(), people.end(),
                         [](const v1::Person& a, const v1::Person& b) { return a.person() < b.person(); }));
    return people;
  };
  const auto blind = all("sites/sn1", served.Reader());
  CHECK(blind.size() == 34);
  for (const v1::Person& person : blind) {
    CHECK(person.person() > 0);
    CHECK_FALSE(person.has_identity());
    CHECK(person.profile_fields_size() == 0);
  }
  CHECK(all("sites/sn1/courses/4", served.Reader()).size() == 32);
  CHECK(all("sites/sn1/courses/4/cohorts/A", served.Reader({"sites/sn1/courses/4/cohorts/A"})).size() == 15);
  // A service principal asks for nobody: it is told no names.
  for (const v1::Person& person : all("sites/sn1", served.keys.Service(served.keys.edge, "edge")))
    CHECK_FALSE(person.has_identity());

  std::map<int64_t, v1::Person> by_user;
  for (const v1::Person& person : all("sites/sn1", served.Reader({"sites/sn1"}, {"moodle.identity.read"})))
    by_user[person.identity().moodle_user()] = person;
  REQUIRE(by_user.size() == 34);
  const v1::Person& first = by_user.at(100);
  CHECK(first.identity().full_name() == "First100 Last");
  CHECK(first.identity().person() == first.person());
  CHECK(first.account() == v1::ACCOUNT_STATE_ACTIVE);
  CHECK(first.account_since_us() == 1'794'000'000'000'000);
  REQUIRE(first.profile_fields_size() == 1);
  CHECK(first.profile_fields(0).field() == "profile:genre");
  CHECK(first.profile_fields(0).text() == "Femme");
  REQUIRE(first.enrolments_size() == 1);
  CHECK(first.enrolments(0).person() == first.person());
  CHECK(first.enrolments(0).course() == 4);
  CHECK(first.enrolments(0).cohort() == "A");
  CHECK(first.enrolments(0).sex() == "F");
  CHECK(first.enrolments(0).learner());
  CHECK(by_user.at(101).profile_fields_size() == 0);
  CHECK(by_user.at(101).enrolments(0).sex().empty());
  CHECK(by_user.at(600).account() == v1::ACCOUNT_STATE_SUSPENDED);
  CHECK(by_user.at(600).account_since_us() == 1'795'000'000'000'000);
  CHECK(by_user.at(500).account() == v1::ACCOUNT_STATE_UNSPECIFIED);
  CHECK(by_user.at(500).enrolments_size() == 0);
}

STORE_CONTRACT("a person asked for in one course is told with that course alone", "[directory]") {
  Served served(backend);
  Directory directory({&served.clock, nullptr});
  served.store.Write([&](store::Session& session) {
    return directory.ApplyExportPage(
        session, "sn1", "enrolments", 2, 10,
        std::vector<std::string>{
            R"({"id":999,"userid":100,"courseid":6,"status":0,"timestart":0,"timeend":0,"timecreated":1800000000})"});
  });
  v1::ListPeopleRequest request;
  v1::ListPeopleResponse in_course, in_site;
  request.set_parent("sites/sn1/courses/6");
  REQUIRE(served.Call(&v1::Directory::Stub::ListPeople, served.Reader({"sites/sn1/courses/6"}), request, &in_course) ==
          grpc::StatusCode::OK);
  REQUIRE(in_course.people_size() == 1);
  REQUIRE(in_course.people(0).enrolments_size() == 1);
  CHECK(in_course.people(0).enrolments(0).course() == 6);
  request.set_parent("sites/sn1");
  REQUIRE(served.Call(&v1::Directory::Stub::ListPeople, served.Reader(), request, &in_site) == grpc::StatusCode::OK);
  for (const v1::Person& person : in_site.people()) {
    if (person.person() == in_course.people(0).person()) CHECK(person.enrolments_size() == 2);
  }
}

STORE_CONTRACT("categories come with the one they stand in and courses with theirs", "[directory]") {
  Served served(backend);
  v1::ListCategoriesRequest request;
  request.set_parent("sites/sn1");
  request.set_page_size(1);
  v1::ListCategoriesResponse first, second;
  REQUIRE(served.Call(&v1::Directory::Stub::ListCategories, served.Reader(), request, &first) == grpc::StatusCode::OK);
  REQUIRE(first.categories_size() == 1);
  CHECK(first.categories(0).name() == "sites/sn1/categories/7");
  CHECK(first.categories(0).title() == "Dakar");
  CHECK(first.categories(0).parent().empty());
  request.set_page_token(first.next_page_token());
  REQUIRE(served.Call(&v1::Directory::Stub::ListCategories, served.Reader(), request, &second) == grpc::StatusCode::OK);
  REQUIRE(second.categories_size() == 1);
  CHECK(second.categories(0).parent() == "sites/sn1/categories/7");
  CHECK(second.next_page_token().empty());
  v1::ListCoursesRequest courses;
  courses.set_parent("sites/sn1");
  v1::ListCoursesResponse answer;
  REQUIRE(served.Call(&v1::Directory::Stub::ListCourses, served.Reader(), courses, &answer) == grpc::StatusCode::OK);
  CHECK(answer.courses(0).category() == "sites/sn1/categories/8");
  CHECK(answer.courses(1).category().empty());
}

STORE_CONTRACT("groups of a course and cohorts of Moodle come with who is in them now", "[directory]") {
  Served served(backend);
  v1::ListGroupsRequest request;
  request.set_parent("sites/sn1/courses/4");
  v1::ListGroupsResponse groups, cohorts;
  REQUIRE(served.Call(&v1::Directory::Stub::ListGroups, served.Reader(), request, &groups) == grpc::StatusCode::OK);
  REQUIRE(groups.groups_size() == 2);
  CHECK(groups.groups(0).name() == "sites/sn1/courses/4/groups/70");
  CHECK(groups.groups(0).title() == "Groupe A");
  CHECK(groups.groups(0).id_number() == "A");
  CHECK(groups.groups(0).members() == 15);
  CHECK(groups.groups(1).members() == 16);
  request.set_parent("sites/sn1");
  REQUIRE(served.Call(&v1::Directory::Stub::ListGroups, served.Reader(), request, &cohorts) == grpc::StatusCode::OK);
  REQUIRE(cohorts.groups_size() == 1);
  CHECK(cohorts.groups(0).name() == "sites/sn1/moodle-cohorts/3");
  CHECK(cohorts.groups(0).members() == 2);

  const auto members = [&](const std::string& parent) {
    std::set<int64_t> people;
    v1::ListGroupMembersRequest asked;
    asked.set_parent(parent);
    asked.set_page_size(6);
    do {
      v1::ListGroupMembersResponse page;
      REQUIRE(served.Call(&v1::Directory::Stub::ListGroupMembers, served.Reader(), asked, &page) ==
              grpc::StatusCode::OK);
      REQUIRE(page.members_size() <= 6);
      for (const v1::GroupMember& member : page.members()) {
        CHECK(member.since_us() > 0);
        people.insert(member.person());
      }
      asked.set_page_token(page.next_page_token());
    } while (!asked.page_token().empty());
    return people;
  };
  CHECK(members("sites/sn1/courses/4/groups/70").size() == 15);
  CHECK(members("sites/sn1/moodle-cohorts/3").size() == 2);
  // Who leaves is no member any more; a group asked for through another course is not there.
  Directory directory({&served.clock, nullptr});
  MoodleEvent left;
  left.name = "\\core\\event\\group_member_removed";
  left.seq = 50;
  left.occurred_us = left.recorded_us = 1'900'000'000'000'000;
  left.course = 4;
  left.object_id = 70;
  left.related_user = 100;
  served.store.Write([&](store::Session& session) { return directory.ApplyEvents(session, "sn1", {&left, 1}, false); });
  CHECK(members("sites/sn1/courses/4/groups/70").size() == 14);
  v1::ListGroupMembersRequest elsewhere;
  v1::ListGroupMembersResponse nobody;
  elsewhere.set_parent("sites/sn1/courses/5/groups/70");
  CHECK(served.Call(&v1::Directory::Stub::ListGroupMembers, served.Reader(), elsewhere, &nobody) ==
        grpc::StatusCode::NOT_FOUND);
  elsewhere.set_parent("sites/sn1/moodle-cohorts/70");
  CHECK(served.Call(&v1::Directory::Stub::ListGroupMembers, served.Reader(), elsewhere, &nobody) ==
        grpc::StatusCode::NOT_FOUND);
}

STORE_CONTRACT("roles of an enrolment are told with since when and until when", "[directory]") {
  Served served(backend);
  Directory directory({&served.clock, nullptr});
  MoodleEvent taken;
  taken.name = "\\core\\event\\role_unassigned";
  taken.seq = 50;
  taken.occurred_us = taken.recorded_us = 1'900'000'000'000'000;
  taken.course = 4;
  taken.context_level = 50;
  taken.object_id = 4;
  taken.related_user = 131;
  served.store.Write([&](store::Session& session) {
    return directory.ApplyEvents(session, "sn1", {&taken, 1}, false);
  });
  v1::ListRolesRequest request;
  request.set_parent("sites/sn1/courses/4");
  request.set_page_size(10);
  int students = 0, teachers = 0, pages = 0;
  do {
    v1::ListRolesResponse page;
    REQUIRE(served.Call(&v1::Directory::Stub::ListRoles, served.Reader({"sites/sn1/courses/4"}), request, &page) ==
            grpc::StatusCode::OK);
    for (const v1::EnrolmentRoles& enrolment : page.enrolments()) {
      REQUIRE(enrolment.roles_size() == 1);
      const v1::HeldRole& role = enrolment.roles(0);
      if (role.short_name() == "student") {
        ++students;
        CHECK(role.role() == 5);
        CHECK(role.interval().from_us() == 1'795'000'000'000'000);
        CHECK(role.interval().to_us() == INT64_MAX);
      } else {
        ++teachers;
        CHECK(role.short_name() == "teacher");
        CHECK(role.interval().from_us() == 0);
        CHECK(role.interval().to_us() == 1'900'000'000'000'000);
      }
    }
    ++pages;
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  CHECK(students == 31);
  CHECK(teachers == 1);
  CHECK(pages == 4);
  request.set_parent("sites/sn1/courses/4/cohorts/A");
  v1::ListRolesResponse cohort;
  request.set_page_size(100);
  REQUIRE(served.Call(&v1::Directory::Stub::ListRoles, served.Reader(), request, &cohort) == grpc::StatusCode::OK);
  CHECK(cohort.enrolments_size() == 15);
}

STORE_CONTRACT("cohorts count learners, and tutors are named only to who may see identities", "[directory]") {
  Served served(backend);
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

STORE_CONTRACT("enrolments of a cohort and names behind their pseudonyms", "[directory]") {
  Served served(backend);
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

STORE_CONTRACT("every call of the directory needs its permission and its scope", "[directory]") {
  Served served(backend);
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
    v1::ListPeopleRequest people;
    people.set_parent("sites/sn1/courses/4");
    v1::ListPeopleResponse people_answer;
    codes.push_back(served.Call(&v1::Directory::Stub::ListPeople, token, people, &people_answer));
    v1::ListCategoriesRequest categories;
    categories.set_parent("sites/sn1");
    v1::ListCategoriesResponse categories_answer;
    codes.push_back(served.Call(&v1::Directory::Stub::ListCategories, token, categories, &categories_answer));
    v1::ListGroupsRequest groups;
    groups.set_parent("sites/sn1/courses/4");
    v1::ListGroupsResponse groups_answer;
    codes.push_back(served.Call(&v1::Directory::Stub::ListGroups, token, groups, &groups_answer));
    v1::ListGroupMembersRequest members;
    members.set_parent("sites/sn1/courses/4/groups/70");
    v1::ListGroupMembersResponse members_answer;
    codes.push_back(served.Call(&v1::Directory::Stub::ListGroupMembers, token, members, &members_answer));
    v1::ListRolesRequest roles;
    roles.set_parent("sites/sn1/courses/4");
    v1::ListRolesResponse roles_answer;
    codes.push_back(served.Call(&v1::Directory::Stub::ListRoles, token, roles, &roles_answer));
    return codes;
  };
  using C = grpc::StatusCode;
  CHECK(outcomes("") == std::vector<C>(9, C::UNAUTHENTICATED));
  CHECK(outcomes(served.keys.Person({"analytics.figures.read"}, {"*"})) == std::vector<C>(9, C::PERMISSION_DENIED));
  CHECK(outcomes(
            served.keys.Person({right, "moodle.identity.read"}, {"sites/sn10", "sites/ci1", "sites/sn1/courses/44"})) ==
        std::vector<C>(9, C::PERMISSION_DENIED));
  CHECK(outcomes(served.keys.Person({right}, {"sites/sn1/courses/4"})) ==
        std::vector<C>{C::PERMISSION_DENIED, C::OK, C::OK, C::PERMISSION_DENIED, C::OK, C::PERMISSION_DENIED, C::OK,
                       C::OK, C::OK});
  CHECK(outcomes(served.keys.Service(served.keys.analytics, "analytics")) == std::vector<C>(9, C::PERMISSION_DENIED));
}

STORE_CONTRACT("what is asked wrongly is said to be wrong", "[directory]") {
  Served served(backend);
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
  v1::ListGroupMembersRequest members;
  v1::ListGroupMembersResponse members_answer;
  for (const char* parent :
       {"", "sites/sn1", "sites/sn1/courses/4", "sites/sn1/groups/70", "sites/sn1/courses/4/groups",
        "sites/sn1/courses/4/groups/070", "sites/sn1/courses/4/groups/70/", "sites/sn1/courses/4/moodle-cohorts/3",
        "sites/sn1/courses/4/cohorts/A/groups/70", "sites/sn1/courses/4/groups/", "/groups/70",
        "sites/SN1/courses/4/groups/70"}) {
    INFO(parent);
    members.set_parent(parent);
    CHECK(served.Call(&v1::Directory::Stub::ListGroupMembers, token, members, &members_answer) == C::INVALID_ARGUMENT);
  }
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
