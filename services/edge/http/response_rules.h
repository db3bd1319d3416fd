#ifndef COMPAGNON_EDGE_HTTP_RESPONSE_RULES_H_
#define COMPAGNON_EDGE_HTTP_RESPONSE_RULES_H_

#include <string>
#include <string_view>

#include "edge/http/message.h"

namespace compagnon::edge {

struct ResponsePolicy {
  bool https = false;    // the public address is https: HSTS
  bool indexed = false;  // false: X-Robots-Tag noindex, nofollow
};

// Adds what every answer carries: CSP, nosniff, Referrer-Policy, COOP, CORP, Permissions-Policy, HSTS, X-Robots-Tag,
// Date.
void AddSecurityHeaders(const ResponsePolicy& policy, absl::Time now, Response* response);

// True when the tag is in an If-None-Match (weak comparison, RFC 9110, 13.1.2; "*" matches).
bool EtagMatches(std::string_view if_none_match, std::string_view etag);

// Turns a 200 with an ETag the client holds into a 304, then compresses what is left. `etag` values are weak, since the
// same page travels in several codings.
void Finish(const Request& request, const ResponsePolicy& policy, absl::Time now, Response* response);

// Standard reason phrase.
std::string_view ReasonPhrase(int status);

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_HTTP_RESPONSE_RULES_H_
