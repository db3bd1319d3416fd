#ifndef COMPAGNON_EDGE_SESSIONS_H_
#define COMPAGNON_EDGE_SESSIONS_H_

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "edge/sign_in.h"
#include "platform/base/clock.h"
#include "platform/base/status.h"
#include "platform/keys/keys.h"

namespace compagnon::edge {

struct Session {
  std::string id;  // SHA-256 of the cookie's bytes in hex: what the keys know, and what may be logged
  std::string person, profile;
  std::vector<std::string> scopes;
  absl::Time started;
  std::string csrf_secret;
};

// Web sessions in the keys. The cookie holds 256 random bits; the keys hold their hash. A person has one session: a new
// one ends the one before, on whatever machine it was. Thread-safe; several edges may share the keys.
class Sessions {
 public:
  struct Options {
    absl::Duration idle = absl::Minutes(30);
    absl::Duration absolute = absl::Hours(8);
    // False only for http on loopback: a __Host- cookie needs https.
    bool secure = true;
  };
  // `keys` and `clock` outlive this.
  Sessions(keys::Keys& keys, const Clock& clock, Options options);

  // A new session under a new id; answers the cookie's value.
  absl::StatusOr<std::string> Start(const SignInGrant& grant);
  // The live session of a cookie and puts its idle end off, by steps of a minute so that reading pages hardly writes.
  // Nothing when there is none: never was, idle, too old, signed out, or replaced by a newer sign-in.
  absl::StatusOr<std::optional<Session>> Find(std::string_view cookie);
  absl::Status End(const Session& session);

  std::string_view cookie_name() const;
  // Values of Set-Cookie.
  std::string SetCookie(std::string_view value) const;
  std::string ClearCookie() const;

 private:
  bool TouchIsDue(const std::string& id, absl::Time now);

  keys::Keys& keys_;
  const Clock& clock_;
  const Options options_;
  std::mutex mutex_;
  std::map<std::string, absl::Time> touched_;  // when this process last put a session's end off
};

// A token for forms of this session: random mask and its HMAC, so that a compressed page never repeats a secret.
std::string MakeCsrfToken(const Session& session);
bool CsrfTokenIsValid(const Session& session, std::string_view token);

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_SESSIONS_H_
