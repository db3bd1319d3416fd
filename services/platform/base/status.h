#ifndef COMPAGNON_PLATFORM_BASE_STATUS_H_
#define COMPAGNON_PLATFORM_BASE_STATUS_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Early return of a status that is not OK, and assignment from a StatusOr.
#define RETURN_IF_ERROR(expr)                                 \
  do {                                                        \
    if (auto status_ = (expr); !status_.ok()) return status_; \
  } while (false)
#define COMPAGNON_CONCAT_INNER(a, b) a##b
#define COMPAGNON_CONCAT(a, b) COMPAGNON_CONCAT_INNER(a, b)
#define ASSIGN_OR_RETURN(lhs, expr) ASSIGN_OR_RETURN_IMPL(COMPAGNON_CONCAT(statusor_, __LINE__), lhs, expr)
#define ASSIGN_OR_RETURN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                          \
  if (!tmp.ok()) return tmp.status();         \
  lhs = std::move(tmp).value()

namespace compagnon {

// Attaches a machine code ("site_not_found", "invalidtoken") that becomes google.rpc.ErrorInfo.reason at the gRPC
// border.
absl::Status WithReason(absl::Status status, std::string_view reason);
// The code attached by WithReason, "" when none.
std::string ReasonOf(const absl::Status& status);

// Stops the process with the message: a broken invariant, after which nothing this process says can be trusted.
[[noreturn]] void Die(std::string_view message);

}  // namespace compagnon

#endif  // COMPAGNON_PLATFORM_BASE_STATUS_H_
