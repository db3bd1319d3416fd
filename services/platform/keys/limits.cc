#include "platform/keys/limits.h"

#include <algorithm>

namespace compagnon::keys {

absl::Status CheckKey(std::string_view key) {
  const bool fits = !key.empty() && key.size() <= 512 &&
                    std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < 127; });
  return fits ? absl::OkStatus() : absl::InvalidArgumentError("a key is 1 to 512 printable ASCII characters");
}

absl::Status CheckValue(std::string_view value) {
  return value.size() <= (1 << 20) ? absl::OkStatus() : absl::InvalidArgumentError("a value is at most 1 MiB");
}

absl::Status CheckTtl(absl::Duration ttl) {
  const bool fits = ttl >= absl::Milliseconds(1) && ttl <= absl::Hours(24 * 3653);
  return fits ? absl::OkStatus() : absl::InvalidArgumentError("a key lives from a millisecond to ten years");
}

}  // namespace compagnon::keys
