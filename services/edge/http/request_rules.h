#ifndef COMPAGNON_EDGE_HTTP_REQUEST_RULES_H_
#define COMPAGNON_EDGE_HTTP_REQUEST_RULES_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "edge/http/message.h"

namespace compagnon::edge {

// What a request may weigh before a handler sees it.
struct RequestLimits {
  size_t target_bytes = 2048;
  size_t header_bytes = 16 * 1024;
  size_t header_count = 64;
  size_t body_bytes = 64 * 1024;
  size_t parameters = 64;
};

// True for valid UTF-8 (RFC 3629: no overlong form, no surrogate, at most U+10FFFF).
bool IsUtf8(std::string_view bytes);

// Percent-decodes; `plus_is_space` for forms. False on a broken escape, a NUL or another control character (a form
// keeps TAB, CR and LF), or bytes that are not UTF-8.
bool PercentDecode(std::string_view text, bool plus_is_space, std::string* out);
// Encodes everything but RFC 3986's unreserved characters: safe in a path segment, a query value and an HTML attribute.
std::string PercentEncode(std::string_view text);

// Splits "/a/b%20c" into {"a", "b c"}; "/" gives none. A trailing slash is allowed. False for a relative path, an
// empty,
// "." or ".." segment in any encoding, an encoded slash or backslash: such paths have no innocent reading here.
bool SplitPath(std::string_view path, std::vector<std::string>* segments);

// application/x-www-form-urlencoded, also a query. False when it does not decode or has more than `limit` parameters.
bool ParseForm(std::string_view text, size_t limit, std::vector<std::pair<std::string, std::string>>* out);

// The HTTP status with which to refuse a request of this method, target ("/path?query") and headers; 0 to take it. On 0
// fills method, path, segments and query of `request`. Bodies come with POST alone, with one plain Content-Length.
int CheckRequest(std::string_view method, std::string_view target, const Headers& headers, const RequestLimits& limits,
                 Request* request);

// The length of the body to expect; -1 when Content-Length is not a plain number or is given twice.
int64_t ContentLength(const Headers& headers);

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_HTTP_REQUEST_RULES_H_
