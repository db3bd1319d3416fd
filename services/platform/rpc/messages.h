#ifndef COMPAGNON_PLATFORM_RPC_MESSAGES_H_
#define COMPAGNON_PLATFORM_RPC_MESSAGES_H_

#include <string_view>

#include "absl/status/status.h"

namespace compagnon::rpc {

// What a person is told about an error: by its reason when one is known here, else by its code. Locales "fr" (also for
// any other), "en" and "ar"; never holds data of the request.
std::string_view MessageFor(absl::StatusCode code, std::string_view reason, std::string_view locale);

}  // namespace compagnon::rpc

#endif  // COMPAGNON_PLATFORM_RPC_MESSAGES_H_
