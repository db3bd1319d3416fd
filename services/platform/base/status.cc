#include "platform/base/status.h"

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/cord.h"
#include "platform/base/log.h"

namespace compagnon {
namespace {
constexpr std::string_view kReasonUrl = "compagnon/reason";
}

absl::Status WithReason(absl::Status status, std::string_view reason) {
  status.SetPayload(absl::string_view(kReasonUrl.data(), kReasonUrl.size()),
                    absl::Cord(absl::string_view(reason.data(), reason.size())));
  return status;
}

std::string ReasonOf(const absl::Status& status) {
  auto payload = status.GetPayload(absl::string_view(kReasonUrl.data(), kReasonUrl.size()));
  return payload ? std::string(*payload) : std::string();
}

void Die(std::string_view message) {
  Log(LogLevel::kError, message, {{"fatal", true}});
  std::abort();
}

}  // namespace compagnon
