#ifndef COMPAGNON_EDGE_PROFILES_H_
#define COMPAGNON_EDGE_PROFILES_H_

#include <span>
#include <string_view>
#include <vector>

namespace compagnon::edge {

// A set of permissions under a name. These four are built in until the module access manages profiles; what is not
// listed is refused, by the edge and again by each module.
struct Profile {
  std::string_view name;
  std::vector<std::string_view> permissions;
};

std::span<const Profile> BuiltInProfiles();
// Null when there is none of the name.
const Profile* FindProfile(std::string_view name);
bool Allows(const Profile& profile, std::string_view permission);

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_PROFILES_H_
