#include "edge/profiles.h"

#include <algorithm>

namespace compagnon::edge {

std::span<const Profile> BuiltInProfiles() {
  static const std::vector<Profile> profiles = {
      // Accompanies named learners: sees who they are, takes figures away.
      {"coordinator",
       {"analytics.figures.read", "analytics.figures.export", "analytics.freshness.read", "analytics.learners.read",
        "moodle.directory.read", "moodle.identity.read", "moodle.sites.read"}},
      // Reads everything that names nobody; changes and takes away nothing.
      {"auditor", {"analytics.figures.read", "analytics.freshness.read", "moodle.directory.read", "moodle.sites.read"}},
      // Keeps the suite running: links and freshness, no figure about people.
      {"operator", {"analytics.freshness.read", "moodle.sites.read"}},
      // Reads overall figures.
      {"reader", {"analytics.figures.read", "analytics.freshness.read", "moodle.sites.read"}},
  };
  return profiles;
}

const Profile* FindProfile(std::string_view name) {
  for (const Profile& profile : BuiltInProfiles()) {
    if (profile.name == name) return &profile;
  }
  return nullptr;
}

bool Allows(const Profile& profile, std::string_view permission) {
  return std::find(profile.permissions.begin(), profile.permissions.end(), permission) != profile.permissions.end();
}

}  // namespace compagnon::edge
