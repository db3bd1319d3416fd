#include "edge/sessions.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "platform/base/ids.h"

namespace compagnon::edge {
namespace {

constexpr size_t kIdBytes = 32;
constexpr size_t kMaskBytes = 16;
constexpr size_t kMacBytes = 32;
constexpr absl::Duration kTouchEvery = absl::Minutes(1);
constexpr size_t kTouchedLimit = 20000;

std::string SessionKey(const std::string& id) { return "edge:session:" + id; }
// The person's id is hashed so that every key has one shape and none names anybody.
std::string PersonKey(std::string_view person) { return "edge:person:" + HexEncode(Sha256(person)); }

// "" for what cannot be a cookie of ours.
std::string IdOf(std::string_view cookie) {
  std::string bytes;
  if (!Base64UrlDecode(cookie, &bytes) || bytes.size() != kIdBytes) return "";
  return HexEncode(Sha256(bytes));
}

std::string CsrfMac(const Session& session, std::string_view mask) {
  return HmacSha256(session.csrf_secret, "csrf:" + std::string(mask));
}

}  // namespace

Sessions::Sessions(keys::Keys& keys, const Clock& clock, Options options)
    : keys_(keys), clock_(clock), options_(options) {}

absl::StatusOr<std::string> Sessions::Start(const SignInGrant& grant) {
  const std::string bytes = RandomBytes(kIdBytes);
  const std::string id = HexEncode(Sha256(bytes));
  const nlohmann::json json = {{"person", grant.person},
                               {"profile", grant.profile},
                               {"scopes", grant.scopes},
                               {"started", absl::ToUnixMicros(clock_.Now())},
                               {"csrf", HexEncode(RandomBytes(32))}};
  ASSIGN_OR_RETURN(const std::optional<std::string> before, keys_.Get(PersonKey(grant.person)));
  RETURN_IF_ERROR(keys_.Set(SessionKey(id), json.dump(), std::min(options_.idle, options_.absolute)));
  // From here on the older session is dead: a session counts only while its person's key names it.
  RETURN_IF_ERROR(keys_.Set(PersonKey(grant.person), id, options_.absolute));
  if (before) RETURN_IF_ERROR(keys_.Delete(SessionKey(*before)));
  return Base64UrlEncode(bytes);
}

absl::StatusOr<std::optional<Session>> Sessions::Find(std::string_view cookie) {
  Session session;
  session.id = IdOf(cookie);
  if (session.id.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(const std::optional<std::string> value, keys_.Get(SessionKey(session.id)));
  if (!value) return std::nullopt;
  const nlohmann::json json = nlohmann::json::parse(*value, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::DataLossError("a session's record is broken");
  session.person = json.value("person", "");
  session.profile = json.value("profile", "");
  session.scopes = json.value("scopes", std::vector<std::string>());
  session.started = absl::FromUnixMicros(json.value("started", int64_t{0}));
  if (!HexDecode(json.value("csrf", ""), &session.csrf_secret) || session.csrf_secret.size() != 32) {
    return absl::DataLossError("a session's record is broken");
  }
  ASSIGN_OR_RETURN(const std::optional<std::string> current, keys_.Get(PersonKey(session.person)));
  if (current != session.id) return std::nullopt;

  const absl::Time now = clock_.Now(), end = session.started + options_.absolute;
  if (now >= end) {
    RETURN_IF_ERROR(End(session));
    return std::nullopt;
  }
  if (TouchIsDue(session.id, now)) {
    ASSIGN_OR_RETURN(const bool there, keys_.Touch(SessionKey(session.id), std::min(options_.idle, end - now)));
    if (!there) return std::nullopt;
  }
  return session;
}

bool Sessions::TouchIsDue(const std::string& id, absl::Time now) {
  std::lock_guard lock(mutex_);
  if (touched_.size() > kTouchedLimit) touched_.clear();
  const auto [entry, fresh] = touched_.try_emplace(id, now);
  if (!fresh && now - entry->second < kTouchEvery) return false;
  entry->second = now;
  return true;
}

absl::Status Sessions::End(const Session& session) {
  {
    std::lock_guard lock(mutex_);
    touched_.erase(session.id);
  }
  return keys_.Delete(SessionKey(session.id));
}

std::string_view Sessions::cookie_name() const { return options_.secure ? "__Host-compagnon" : "compagnon-loopback"; }

std::string Sessions::SetCookie(std::string_view value) const {
  return std::string(cookie_name()) + "=" + std::string(value) + "; Path=/; HttpOnly; SameSite=Lax" +
         (options_.secure ? "; Secure" : "");
}

std::string Sessions::ClearCookie() const { return SetCookie("") + "; Max-Age=0"; }

std::string MakeCsrfToken(const Session& session) {
  const std::string mask = RandomBytes(kMaskBytes);
  return Base64UrlEncode(mask + CsrfMac(session, mask));
}

bool CsrfTokenIsValid(const Session& session, std::string_view token) {
  std::string bytes;
  if (!Base64UrlDecode(token, &bytes) || bytes.size() != kMaskBytes + kMacBytes) return false;
  const std::string mac = CsrfMac(session, std::string_view(bytes).substr(0, kMaskBytes));
  return CRYPTO_memcmp(mac.data(), bytes.data() + kMaskBytes, kMacBytes) == 0;
}

}  // namespace compagnon::edge
