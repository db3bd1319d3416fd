#ifndef COMPAGNON_PLATFORM_KEYS_KEYS_H_
#define COMPAGNON_PLATFORM_KEYS_KEYS_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "platform/base/clock.h"
#include "platform/base/status.h"

namespace compagnon::keys {

// Short-lived values by key: sessions, one-time links, rate limits, caches. Losing all of it signs people out and loses
// nothing else. Thread-safe. Keys are ASCII, "edge:session:<hash>"; values any bytes up to 1 MiB; lives of 1 ms to ten
// years; else InvalidArgument. Unavailable when the back end is down.
class Keys {
 public:
  virtual ~Keys() = default;
  virtual absl::Status Set(std::string_view key, std::string_view value, absl::Duration ttl) = 0;
  // False when the key exists already.
  virtual absl::StatusOr<bool> SetIfAbsent(std::string_view key, std::string_view value, absl::Duration ttl) = 0;
  virtual absl::StatusOr<std::optional<std::string>> Get(std::string_view key) = 0;
  // Reads and deletes in one step: a one-time link serves one caller only.
  virtual absl::StatusOr<std::optional<std::string>> Take(std::string_view key) = 0;
  // Puts the deadline off; false when the key is gone.
  virtual absl::StatusOr<bool> Touch(std::string_view key, absl::Duration ttl) = 0;
  virtual absl::Status Delete(std::string_view key) = 0;
  // Adds one to a counter that starts at 0 and dies `window` after its first increment; answers the new value.
  virtual absl::StatusOr<int64_t> Increment(std::string_view key, absl::Duration window) = 0;
  virtual absl::Status Ping() = 0;
};

struct RedisOptions {
  std::string host = "127.0.0.1";
  int port = 6379;
  std::string unix_socket;  // preferred when set (hiredis 0.14 speaks no TLS)
  std::string user, password;
  absl::Duration timeout = absl::Seconds(2);
};
// Connects when first used and again after a loss: a Redis that is down at start or restarts is Unavailable meanwhile.
// Increment, Take and SetIfAbsent whose answer got lost are not repeated: Unavailable, done or not.
absl::StatusOr<std::unique_ptr<Keys>> NewRedisKeys(const RedisOptions& options);
// One SQLite file; a restart signs nobody out.
absl::StatusOr<std::unique_ptr<Keys>> NewSqliteKeys(std::string path, const Clock& clock);

}  // namespace compagnon::keys

#endif  // COMPAGNON_PLATFORM_KEYS_KEYS_H_
