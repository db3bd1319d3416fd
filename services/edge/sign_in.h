#ifndef COMPAGNON_EDGE_SIGN_IN_H_
#define COMPAGNON_EDGE_SIGN_IN_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "platform/base/status.h"
#include "platform/keys/keys.h"

namespace compagnon::edge {

inline constexpr absl::Duration kSignInLinkLife = absl::Minutes(15);

// Who a link signs in, as what, and where.
struct SignInGrant {
  std::string person;               // stable id, [A-Za-z0-9._-]{1,64}: never a name or an address
  std::string profile;              // one of BuiltInProfiles()
  std::vector<std::string> scopes;  // "*" or resource paths, 1 to 100
};

// InvalidArgument says what is wrong with a grant.
absl::Status CheckGrant(const SignInGrant& grant);

// Makes a one-time link for `compagnon sign-in`: "<public_url>/sign-in/<43 characters>". The link holds 32 random
// bytes; the keys hold their SHA-256 with the grant, for kSignInLinkLife. Whoever reads the keys cannot sign in with
// what is there.
absl::StatusOr<std::string> CreateSignInLink(keys::Keys& keys, std::string_view public_url, const SignInGrant& grant);

// The grant behind a link's token, left in place: mail scanners and previews open links before people do.
absl::StatusOr<std::optional<SignInGrant>> PeekSignInLink(keys::Keys& keys, std::string_view token);
// The grant, taken: the second caller gets nothing.
absl::StatusOr<std::optional<SignInGrant>> TakeSignInLink(keys::Keys& keys, std::string_view token);

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_SIGN_IN_H_
