#include "edge/sign_in.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "edge/profiles.h"
#include "platform/base/ids.h"

namespace compagnon::edge {
namespace {

constexpr size_t kTokenBytes = 32;

// "" for what cannot be a token, so that nothing foreign becomes a key.
std::string KeyOf(std::string_view token) {
  std::string bytes;
  if (!Base64UrlDecode(token, &bytes) || bytes.size() != kTokenBytes) return "";
  return "edge:sign-in:" + HexEncode(Sha256(bytes));
}

absl::StatusOr<std::optional<SignInGrant>> Read(const absl::StatusOr<std::optional<std::string>>& value) {
  if (!value.ok()) return value.status();
  if (!value->has_value()) return std::nullopt;
  const nlohmann::json json = nlohmann::json::parse(**value, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("person") || !json.contains("profile") || !json.contains("scopes")) {
    return absl::DataLossError("a sign-in link's record is broken");
  }
  SignInGrant grant;
  grant.person = json["person"].get<std::string>();
  grant.profile = json["profile"].get<std::string>();
  for (const auto& scope : json["scopes"]) grant.scopes.push_back(scope.get<std::string>());
  return grant;
}

bool IsScope(std::string_view scope) {
  if (scope == "*") return true;
  if (!scope.starts_with("sites/") || scope.size() > 256 || scope.back() == '/') return false;
  if (scope.find("//") != std::string_view::npos) return false;
  return std::none_of(scope.begin(), scope.end(), [](unsigned char c) { return c < 0x21 || c == 0x7f; });
}

}  // namespace

absl::Status CheckGrant(const SignInGrant& grant) {
  const bool plain = std::all_of(grant.person.begin(), grant.person.end(),
                                 [](unsigned char c) { return std::isalnum(c) || c == '.' || c == '_' || c == '-'; });
  if (grant.person.empty() || grant.person.size() > 64 || !plain) {
    return absl::InvalidArgumentError("person: 1 to 64 letters, digits, '.', '_' or '-'");
  }
  if (FindProfile(grant.profile) == nullptr) {
    std::string known;
    for (const Profile& profile : BuiltInProfiles())
      absl::StrAppend(&known, known.empty() ? "" : ", ", std::string(profile.name));
    return absl::InvalidArgumentError(absl::StrCat("profile: one of ", known));
  }
  if (grant.scopes.empty() || grant.scopes.size() > 100) return absl::InvalidArgumentError("scope: 1 to 100 of them");
  for (const std::string& scope : grant.scopes) {
    if (!IsScope(scope))
      return absl::InvalidArgumentError(absl::StrCat("scope: \"*\" or \"sites/...\", not \"", scope, "\""));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> CreateSignInLink(keys::Keys& keys, std::string_view public_url, const SignInGrant& grant) {
  RETURN_IF_ERROR(CheckGrant(grant));
  const std::string token = Base64UrlEncode(RandomBytes(kTokenBytes));
  const nlohmann::json json = {{"person", grant.person}, {"profile", grant.profile}, {"scopes", grant.scopes}};
  RETURN_IF_ERROR(keys.Set(KeyOf(token), json.dump(), kSignInLinkLife));
  while (public_url.ends_with('/')) public_url.remove_suffix(1);
  return std::string(public_url) + "/sign-in/" + token;
}

absl::StatusOr<std::optional<SignInGrant>> PeekSignInLink(keys::Keys& keys, std::string_view token) {
  const std::string key = KeyOf(token);
  if (key.empty()) return std::nullopt;
  return Read(keys.Get(key));
}

absl::StatusOr<std::optional<SignInGrant>> TakeSignInLink(keys::Keys& keys, std::string_view token) {
  const std::string key = KeyOf(token);
  if (key.empty()) return std::nullopt;
  return Read(keys.Take(key));
}

}  // namespace compagnon::edge
