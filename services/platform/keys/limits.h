#ifndef COMPAGNON_PLATFORM_KEYS_LIMITS_H_
#define COMPAGNON_PLATFORM_KEYS_LIMITS_H_

#include <string_view>

#include "absl/time/time.h"
#include "platform/base/status.h"

namespace compagnon::keys {

// What both back ends refuse, so that code tried on one is right on the other: InvalidArgument.
absl::Status CheckKey(std::string_view key);      // 1 to 512 printable ASCII characters, no space
absl::Status CheckValue(std::string_view value);  // at most 1 MiB
absl::Status CheckTtl(absl::Duration ttl);        // a millisecond to ten years

}  // namespace compagnon::keys

#endif  // COMPAGNON_PLATFORM_KEYS_LIMITS_H_
