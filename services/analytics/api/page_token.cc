#include "analytics/api/page_token.h"

#include <fmt/format.h>

#include "analytics/domain/fields.h"
#include "platform/base/ids.h"

namespace compagnon::analytics {
namespace {

constexpr char kSeparator = '\x1f';

}  // namespace

std::string MakePageToken(std::string_view list, const std::vector<std::string>& place) {
  std::string text(list);
  for (const std::string& part : place) text.append(1, kSeparator).append(part);
  // The sum recognises a token that was cut or made up; it guards nothing: rights are checked with each call.
  return Base64UrlEncode(Sha256(text).substr(0, 6) + text);
}

absl::StatusOr<std::vector<std::string>> ParsePageToken(std::string_view list, std::string_view token, size_t parts) {
  const absl::Status invalid =
      WithReason(absl::InvalidArgumentError("the page token is not one of this list"), "page_token_invalid");
  std::string bytes;
  if (!Base64UrlDecode(token, &bytes) || bytes.size() < 6) return invalid;
  const std::string text = bytes.substr(6);
  if (Sha256(text).substr(0, 6) != bytes.substr(0, 6)) return invalid;
  const std::vector<std::string_view> fields = SplitFields(text, kSeparator);
  if (fields.size() != parts + 1 || fields[0] != list) return invalid;
  return std::vector<std::string>(fields.begin() + 1, fields.end());
}

absl::StatusOr<size_t> PageSize(int32_t asked, int32_t standard, int32_t most) {
  if (asked < 0 || asked > most) {
    return WithReason(absl::InvalidArgumentError(fmt::format("page_size is 1 to {}", most)), "page_size_invalid");
  }
  return static_cast<size_t>(asked == 0 ? standard : asked);
}

}  // namespace compagnon::analytics
