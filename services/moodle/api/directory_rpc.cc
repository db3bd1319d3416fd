#include "moodle/api/directory_rpc.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "compagnon/moodle/v1/directory.grpc.pb.h"
#include "moodle/domain/local_day.h"
#include "moodle/domain/resource_path.h"
#include "moodle/store/directory_reader.h"
#include "moodle/store/site_store.h"
#include "platform/base/ids.h"

namespace compagnon::moodle {
namespace {

constexpr std::string_view kIdentity = "moodle.identity.read";
constexpr int kMostIdentities = 5000;

absl::Status Bad(std::string_view field, std::string_view reason) {
  return WithReason(absl::InvalidArgumentError(std::string(field)), reason);
}

// 0 = the default; beyond the largest a page is simply smaller than asked.
absl::StatusOr<int> PageSize(int asked, int standard, int largest) {
  if (asked < 0) return Bad("page_size", "bad_page_size");
  return asked == 0 ? standard : std::min(asked, largest);
}

// A token holds what was asked beside where to go on: shown with another parent it is refused, not answered with the
// wrong page.
std::string MakeToken(std::string_view parent, std::string_view after) {
  return Base64UrlEncode(fmt::format("{}\n{}", parent, after));
}

absl::StatusOr<std::optional<std::string>> ReadToken(const std::string& token, std::string_view parent) {
  if (token.empty()) return std::optional<std::string>();
  std::string text;
  if (!Base64UrlDecode(token, &text)) return Bad("page_token", "bad_page_token");
  const size_t line = text.find('\n');
  if (line == std::string::npos || std::string_view(text).substr(0, line) != parent)
    return Bad("page_token", "bad_page_token");
  return std::optional(text.substr(line + 1));
}

absl::StatusOr<int64_t> NumberOf(const std::optional<std::string>& after) {
  if (!after) return int64_t{0};
  int64_t number = 0;
  const auto read = std::from_chars(after->data(), after->data() + after->size(), number);
  if (read.ec != std::errc() || read.ptr != after->data() + after->size() || number < 0)
    return Bad("page_token", "bad_page_token");
  return number;
}

std::string DateOf(const std::optional<int32_t>& day) {
  if (!day) return "";
  const absl::CivilDay date = CivilOf(*day);
  return fmt::format("{:04d}-{:02d}-{:02d}", date.year(), date.month(), date.day());
}

enum class Depth { kSite, kCourse, kSiteOrCourse, kCourseOrCohort, kAny };

absl::StatusOr<ResourcePath> Parent(const std::string& parent, Depth depth) {
  std::optional<ResourcePath> path = ParseResourcePath(parent);
  if (!path || !IsSiteCode(path->site)) return Bad("parent", "bad_parent");
  const bool site = depth == Depth::kSite || depth == Depth::kSiteOrCourse || depth == Depth::kAny;
  const bool course = depth != Depth::kSite;
  const bool cohort = depth == Depth::kCourseOrCohort || depth == Depth::kAny;
  if (!(path->cohort ? cohort : path->course > 0 ? course : site)) return Bad("parent", "bad_parent");
  return *std::move(path);
}

absl::StatusOr<CourseFacts> KnownCourse(store::Session& session, const ResourcePath& path) {
  RETURN_IF_ERROR(GetSite(session, path.site).status());
  ASSIGN_OR_RETURN(std::optional<CourseFacts> course, FindCourse(session, path.site, path.course));
  if (!course) return WithReason(absl::NotFoundError("course"), "course_not_found");
  return *std::move(course);
}

absl::Status Known(store::Session& session, const ResourcePath& path) {
  return path.course > 0 ? KnownCourse(session, path).status() : GetSite(session, path.site).status();
}

// Which page of what is numbered is asked for.
struct Asked {
  int size = 0;
  int64_t after = 0;
};

template <typename Request>
absl::StatusOr<Asked> PageAsked(const Request& request, int standard, int largest) {
  Asked asked;
  ASSIGN_OR_RETURN(asked.size, PageSize(request.page_size(), standard, largest));
  ASSIGN_OR_RETURN(const std::optional<std::string> token, ReadToken(request.page_token(), request.parent()));
  ASSIGN_OR_RETURN(asked.after, NumberOf(token));
  return asked;
}

// Takes what was read beyond the page off its end, and then sets the token of the next one. `number` is what the
// entries are ordered by.
template <typename Entry, typename Request, typename Response>
void EndPage(std::vector<Entry>& entries, const Asked& asked, int64_t Entry::*number, const Request& request,
             Response* response) {
  if (entries.size() <= static_cast<size_t>(asked.size)) return;
  entries.resize(asked.size);
  response->set_next_page_token(MakeToken(request.parent(), fmt::format("{}", entries.back().*number)));
}

// A service principal asks for nobody and holds no permission.
bool SeesNames(const rpc::Caller& caller) {
  return std::find(caller.permissions.begin(), caller.permissions.end(), kIdentity) != caller.permissions.end();
}

std::string CategoryName(std::string_view site, int64_t category) {
  return category > 0 ? fmt::format("sites/{}/categories/{}", site, category) : "";
}

void Say(const Interval& interval, event::v1::Interval* out) {
  out->set_from_us(interval.from_us);
  out->set_to_us(interval.to_us);
}

void Say(const EnrolmentEntry& entry, int64_t course, event::v1::EnrolmentState* out) {
  out->set_person(entry.facts.person);
  out->set_course(course);
  out->set_cohort(entry.facts.cohort.code);
  out->set_learner(entry.facts.learner);
  for (const Interval& interval : entry.intervals) Say(interval, out->add_intervals());
  out->set_sex(entry.facts.values.sex);
  out->set_age_band(entry.facts.values.age_band);
  out->set_country(entry.facts.values.country);
  out->set_area(entry.facts.values.area);
}

v1::AccountState StateOf(const std::optional<ChangeKind>& account) {
  if (!account) return v1::ACCOUNT_STATE_UNSPECIFIED;
  switch (*account) {
    case ChangeKind::kSuspended:
      return v1::ACCOUNT_STATE_SUSPENDED;
    case ChangeKind::kDeleted:
      return v1::ACCOUNT_STATE_DELETED;
    case ChangeKind::kCreated:
    case ChangeKind::kActivated:
      break;
  }
  return v1::ACCOUNT_STATE_ACTIVE;
}

void Say(const PersonEntry& entry, bool names, v1::Person* out) {
  out->set_person(entry.person);
  out->set_account(StateOf(entry.account));
  out->set_account_since_us(entry.account_since_us);
  for (const auto& [course, enrolment] : entry.enrolments) Say(enrolment, course, out->add_enrolments());
  if (!names) return;
  v1::Identity& identity = *out->mutable_identity();
  identity.set_person(entry.person);
  identity.set_full_name(entry.full_name);
  identity.set_moodle_user(entry.user);
  for (const auto& [field, text] : entry.fields) {
    v1::ProfileField& said = *out->add_profile_fields();
    said.set_field(field);
    said.set_text(text);
  }
}

class DirectoryService final : public v1::Directory::Service {
 public:
  DirectoryService(store::Database& database, const rpc::Guard& guard) : database_(database), guard_(guard) {}

  grpc::Status ListPeople(grpc::ServerContext* context, const v1::ListPeopleRequest* request,
                          v1::ListPeopleResponse* response) override {
    return guard_.Run(
        context, "compagnon.moodle.v1.Directory.ListPeople", *request, [&](const rpc::Caller& caller) -> absl::Status {
          ASSIGN_OR_RETURN(const ResourcePath path, Parent(request->parent(), Depth::kAny));
          ASSIGN_OR_RETURN(const Asked asked, PageAsked(*request, 200, 1000));
          std::vector<PersonEntry> people;
          RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
            RETURN_IF_ERROR(Known(session, path));
            ASSIGN_OR_RETURN(people,
                             PeopleAfter(session, path.site, path.course, path.cohort, asked.after, asked.size + 1));
            return absl::OkStatus();
          }));
          EndPage(people, asked, &PersonEntry::person, *request, response);
          for (const PersonEntry& person : people) Say(person, SeesNames(caller), response->add_people());
          return absl::OkStatus();
        });
  }

  grpc::Status ListCategories(grpc::ServerContext* context, const v1::ListCategoriesRequest* request,
                              v1::ListCategoriesResponse* response) override {
    return guard_.Run(
        context, "compagnon.moodle.v1.Directory.ListCategories", *request, [&](const rpc::Caller&) -> absl::Status {
          ASSIGN_OR_RETURN(const ResourcePath path, Parent(request->parent(), Depth::kSite));
          ASSIGN_OR_RETURN(const Asked asked, PageAsked(*request, 200, 1000));
          std::vector<CategoryEntry> categories;
          RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
            RETURN_IF_ERROR(Known(session, path));
            ASSIGN_OR_RETURN(categories, CategoriesAfter(session, path.site, asked.after, asked.size + 1));
            return absl::OkStatus();
          }));
          EndPage(categories, asked, &CategoryEntry::category, *request, response);
          for (const CategoryEntry& category : categories) {
            v1::Category& out = *response->add_categories();
            out.set_name(CategoryName(path.site, category.category));
            out.set_title(category.name);
            out.set_parent(CategoryName(path.site, category.parent));
          }
          return absl::OkStatus();
        });
  }

  grpc::Status ListGroups(grpc::ServerContext* context, const v1::ListGroupsRequest* request,
                          v1::ListGroupsResponse* response) override {
    return guard_.Run(
        context, "compagnon.moodle.v1.Directory.ListGroups", *request, [&](const rpc::Caller&) -> absl::Status {
          ASSIGN_OR_RETURN(const ResourcePath path, Parent(request->parent(), Depth::kSiteOrCourse));
          ASSIGN_OR_RETURN(const Asked asked, PageAsked(*request, 200, 1000));
          std::vector<GroupEntry> groups;
          RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
            RETURN_IF_ERROR(Known(session, path));
            ASSIGN_OR_RETURN(groups, GroupsAfter(session, path.site, path.course, asked.after, asked.size + 1));
            return absl::OkStatus();
          }));
          EndPage(groups, asked, &GroupEntry::group, *request, response);
          for (const GroupEntry& group : groups) {
            v1::Group& out = *response->add_groups();
            out.set_name(
                fmt::format("{}/{}/{}", request->parent(), path.course > 0 ? "groups" : "moodle-cohorts", group.group));
            out.set_title(group.name);
            out.set_id_number(group.idnumber);
            out.set_members(group.members);
          }
          return absl::OkStatus();
        });
  }

  grpc::Status ListGroupMembers(grpc::ServerContext* context, const v1::ListGroupMembersRequest* request,
                                v1::ListGroupMembersResponse* response) override {
    return guard_.Run(
        context, "compagnon.moodle.v1.Directory.ListGroupMembers", *request, [&](const rpc::Caller&) -> absl::Status {
          const std::optional<GroupPath> path = ParseGroupPath(request->parent());
          if (!path || !IsSiteCode(path->site)) return Bad("parent", "bad_parent");
          ASSIGN_OR_RETURN(const Asked asked, PageAsked(*request, 500, 5000));
          std::vector<MemberEntry> members;
          RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
            RETURN_IF_ERROR(GetSite(session, path->site).status());
            ASSIGN_OR_RETURN(members,
                             MembersAfter(session, path->site, path->course, path->id, asked.after, asked.size + 1));
            return absl::OkStatus();
          }));
          EndPage(members, asked, &MemberEntry::person, *request, response);
          for (const MemberEntry& member : members) {
            v1::GroupMember& out = *response->add_members();
            out.set_person(member.person);
            out.set_since_us(member.since_us);
          }
          return absl::OkStatus();
        });
  }

  grpc::Status ListRoles(grpc::ServerContext* context, const v1::ListRolesRequest* request,
                         v1::ListRolesResponse* response) override {
    return guard_.Run(
        context, "compagnon.moodle.v1.Directory.ListRoles", *request, [&](const rpc::Caller&) -> absl::Status {
          ASSIGN_OR_RETURN(const ResourcePath path, Parent(request->parent(), Depth::kCourseOrCohort));
          ASSIGN_OR_RETURN(const Asked asked, PageAsked(*request, 200, 1000));
          std::vector<RolesEntry> enrolments;
          RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
            RETURN_IF_ERROR(Known(session, path));
            ASSIGN_OR_RETURN(enrolments,
                             RolesAfter(session, path.site, path.course, path.cohort, asked.after, asked.size + 1));
            return absl::OkStatus();
          }));
          EndPage(enrolments, asked, &RolesEntry::person, *request, response);
          for (const RolesEntry& enrolment : enrolments) {
            v1::EnrolmentRoles& out = *response->add_enrolments();
            out.set_person(enrolment.person);
            for (const RoleEntry& role : enrolment.roles) {
              v1::HeldRole& held = *out.add_roles();
              held.set_role(role.role);
              held.set_short_name(role.short_name);
              Say(role.interval, held.mutable_interval());
            }
          }
          return absl::OkStatus();
        });
  }

  grpc::Status ListCourses(grpc::ServerContext* context, const v1::ListCoursesRequest* request,
                           v1::ListCoursesResponse* response) override {
    return guard_.Run(context, "compagnon.moodle.v1.Directory.ListCourses", *request,
                      [&](const rpc::Caller&) -> absl::Status {
                        ASSIGN_OR_RETURN(const ResourcePath path, Parent(request->parent(), Depth::kSite));
                        ASSIGN_OR_RETURN(const Asked asked, PageAsked(*request, 200, 1000));
                        std::vector<CourseFacts> courses;
                        RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
                          RETURN_IF_ERROR(GetSite(session, path.site).status());
                          ASSIGN_OR_RETURN(courses, CoursesAfter(session, path.site, asked.after, asked.size + 1));
                          return absl::OkStatus();
                        }));
                        EndPage(courses, asked, &CourseFacts::course, *request, response);
                        for (const CourseFacts& course : courses) {
                          v1::Course& out = *response->add_courses();
                          out.set_name(fmt::format("sites/{}/courses/{}", path.site, course.course));
                          out.set_short_name(course.short_name);
                          out.set_full_name(course.full_name);
                          out.set_start_date(DateOf(course.start_day));
                          out.set_end_date(DateOf(course.end_day));
                          for (const NamedSet& category : course.categories) out.add_category_path(category.name);
                          out.set_visible(course.visible && !course.deleted);
                          out.set_category(CategoryName(path.site, course.category));
                        }
                        return absl::OkStatus();
                      });
  }

  grpc::Status ListCohorts(grpc::ServerContext* context, const v1::ListCohortsRequest* request,
                           v1::ListCohortsResponse* response) override {
    return guard_.Run(
        context, "compagnon.moodle.v1.Directory.ListCohorts", *request, [&](const rpc::Caller& caller) -> absl::Status {
          ASSIGN_OR_RETURN(const ResourcePath path, Parent(request->parent(), Depth::kCourse));
          ASSIGN_OR_RETURN(const int size, PageSize(request->page_size(), 200, 1000));
          ASSIGN_OR_RETURN(const std::optional<std::string> after, ReadToken(request->page_token(), request->parent()));
          const bool sees_names = SeesNames(caller);
          CourseFacts course;
          std::vector<CohortSummary> cohorts;
          std::vector<Tutor> tutors;
          RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
            ASSIGN_OR_RETURN(course, KnownCourse(session, path));
            ASSIGN_OR_RETURN(cohorts, CohortsAfter(session, path.site, path.course, after, size + 1));
            if (sees_names) {
              ASSIGN_OR_RETURN(tutors, TutorsOf(session, path.site, path.course));
            }
            return absl::OkStatus();
          }));
          if (cohorts.size() > static_cast<size_t>(size)) {
            cohorts.pop_back();
            response->set_next_page_token(MakeToken(request->parent(), cohorts.back().code));
          }
          for (const CohortSummary& cohort : cohorts) {
            v1::Cohort& out = *response->add_cohorts();
            out.set_name(cohort.code.empty() ? request->parent()
                                             : fmt::format("{}/cohorts/{}", request->parent(), cohort.code));
            out.set_title(!cohort.code.empty()       ? cohort.title
                          : course.full_name.empty() ? course.short_name
                                                     : course.full_name);
            out.set_learners(cohort.learners);
            for (const Tutor& tutor : tutors) {
              if (tutor.cohort.empty() || tutor.cohort == cohort.code) out.add_tutors(tutor.name);
            }
          }
          return absl::OkStatus();
        });
  }

  grpc::Status ListEnrolments(grpc::ServerContext* context, const v1::ListEnrolmentsRequest* request,
                              v1::ListEnrolmentsResponse* response) override {
    return guard_.Run(
        context, "compagnon.moodle.v1.Directory.ListEnrolments", *request, [&](const rpc::Caller&) -> absl::Status {
          ASSIGN_OR_RETURN(const ResourcePath path, Parent(request->parent(), Depth::kCourseOrCohort));
          ASSIGN_OR_RETURN(const Asked asked, PageAsked(*request, 500, 5000));
          std::vector<EnrolmentEntry> entries;
          RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
            RETURN_IF_ERROR(KnownCourse(session, path).status());
            ASSIGN_OR_RETURN(
                entries, EnrolmentsAfter(session, path.site, path.course, path.cohort, asked.after, asked.size + 1));
            return absl::OkStatus();
          }));
          if (entries.size() > static_cast<size_t>(asked.size)) {
            entries.pop_back();
            response->set_next_page_token(MakeToken(request->parent(), fmt::format("{}", entries.back().facts.person)));
          }
          for (const EnrolmentEntry& entry : entries) Say(entry, path.course, response->add_enrolments());
          return absl::OkStatus();
        });
  }

  grpc::Status BatchGetIdentities(grpc::ServerContext* context, const v1::BatchGetIdentitiesRequest* request,
                                  v1::BatchGetIdentitiesResponse* response) override {
    return guard_.Run(
        context, "compagnon.moodle.v1.Directory.BatchGetIdentities", *request, [&](const rpc::Caller&) -> absl::Status {
          ASSIGN_OR_RETURN(const ResourcePath path, Parent(request->parent(), Depth::kCourseOrCohort));
          if (request->persons_size() > kMostIdentities) return Bad("persons", "too_many_persons");
          if (request->persons_size() == 0) return absl::OkStatus();
          std::vector<IdentityEntry> entries;
          RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
            RETURN_IF_ERROR(KnownCourse(session, path).status());
            ASSIGN_OR_RETURN(entries, IdentitiesOf(session, path.site, path.course, path.cohort,
                                                   absl::MakeSpan(request->persons().data(), request->persons_size())));
            return absl::OkStatus();
          }));
          std::map<int64_t, const IdentityEntry*> by_person;
          for (const IdentityEntry& entry : entries) by_person[entry.person] = &entry;
          for (int64_t person : request->persons()) {
            auto found = by_person.find(person);
            if (found == by_person.end()) continue;
            v1::Identity& out = *response->add_identities();
            out.set_person(person);
            out.set_full_name(found->second->full_name);
            out.set_moodle_user(found->second->user);
          }
          return absl::OkStatus();
        });
  }

 private:
  store::Database& database_;
  const rpc::Guard& guard_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewDirectoryService(store::Database& database, const rpc::Guard& guard) {
  return std::make_unique<DirectoryService>(database, guard);
}

}  // namespace compagnon::moodle
