#include "edge/profiles.h"

#include <google/protobuf/descriptor.h>

#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <string>

#include "compagnon/access/v1/rights.pb.h"
#include "compagnon/analytics/v1/figures.pb.h"
#include "compagnon/moodle/v1/directory.pb.h"
#include "compagnon/moodle/v1/sites.pb.h"

namespace compagnon::edge {
namespace {

// The whole table: what each profile may do. A line that changes here changes who sees what.
const std::map<std::string, std::set<std::string>> kAllowed = {
    {"analytics.figures.read", {"coordinator", "auditor", "reader"}},
    {"analytics.figures.export", {"coordinator"}},
    {"analytics.freshness.read", {"coordinator", "auditor", "operator", "reader"}},
    {"analytics.learners.read", {"coordinator"}},
    {"moodle.directory.read", {"coordinator", "auditor"}},
    {"moodle.identity.read", {"coordinator"}},
    {"moodle.sites.read", {"coordinator", "auditor", "operator", "reader"}},
};

// Permissions that some rpc of the services the edge calls asks for.
std::set<std::string> PermissionsOfRpcs() {
  std::set<std::string> permissions;
  for (const google::protobuf::FileDescriptor* file :
       {analytics::v1::Figure::descriptor()->file(), moodle::v1::Course::descriptor()->file(),
        moodle::v1::Site::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        const auto& right = file->service(s)->method(m)->options().GetExtension(access::v1::right);
        if (!right.permission().empty()) permissions.insert(right.permission());
      }
    }
  }
  return permissions;
}

}  // namespace

TEST_CASE("the table of profiles and permissions is exactly this") {
  CHECK(BuiltInProfiles().size() == 4);
  for (const Profile& profile : BuiltInProfiles()) {
    for (const auto& [permission, profiles] : kAllowed) {
      INFO(profile.name << " " << permission);
      CHECK(Allows(profile, permission) == profiles.contains(std::string(profile.name)));
    }
    for (const std::string_view permission : profile.permissions) CHECK(kAllowed.contains(std::string(permission)));
  }
}

TEST_CASE("every permission of the table is asked for by some rpc and the other way round") {
  std::set<std::string> ours;
  for (const auto& [permission, profiles] : kAllowed) ours.insert(permission);
  CHECK(ours == PermissionsOfRpcs());
}

TEST_CASE("no profile but the coordinator names a person or takes figures away") {
  for (const Profile& profile : BuiltInProfiles()) {
    for (const std::string_view permission : profile.permissions) {
      const bool reads = permission.ends_with(".read");
      CHECK((reads || profile.name == "coordinator"));
    }
  }
}

TEST_CASE("a profile nobody knows is none") {
  CHECK(FindProfile("admin") == nullptr);
  CHECK(FindProfile("") == nullptr);
  CHECK(FindProfile("Coordinator") == nullptr);
}

}  // namespace compagnon::edge
