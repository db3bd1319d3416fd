#ifndef COMPAGNON_ANALYTICS_API_PAGE_TOKEN_H_
#define COMPAGNON_ANALYTICS_API_PAGE_TOKEN_H_

#include <string>
#include <string_view>
#include <vector>

#include "platform/base/status.h"

namespace compagnon::analytics {

// An opaque page token that holds the place after the last line handed over and the list it belongs to. Parse refuses a
// token of another list, or one that was not made here, with InvalidArgument and reason "page_token_invalid".
std::string MakePageToken(std::string_view list, const std::vector<std::string>& place);
absl::StatusOr<std::vector<std::string>> ParsePageToken(std::string_view list, std::string_view token, size_t parts);

// The size asked for: `standard` for 0; InvalidArgument outside 0 to `most`.
absl::StatusOr<size_t> PageSize(int32_t asked, int32_t standard, int32_t most);

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_API_PAGE_TOKEN_H_
