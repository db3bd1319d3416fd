#include "edge/http/response_rules.h"

#include "edge/http/ascii_text.h"
#include "edge/http/encoding.h"

namespace compagnon::edge {
namespace {

constexpr size_t kSmallestCompressed = 600;  // under one packet compression gains nothing

std::string_view WithoutWeakness(std::string_view tag) {
  tag = Trim(tag);
  if (tag.starts_with("W/")) tag.remove_prefix(2);
  return tag;
}

}  // namespace

void AddSecurityHeaders(const ResponsePolicy& policy, absl::Time now, Response* response) {
  Headers& headers = response->headers;
  headers.Set("Content-Security-Policy",
              "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
              "form-action 'self'; frame-ancestors 'none'; base-uri 'none'");
  headers.Set("X-Content-Type-Options", "nosniff");
  if (!headers.Has("Referrer-Policy")) headers.Set("Referrer-Policy", "no-referrer");
  headers.Set("Cross-Origin-Opener-Policy", "same-origin");
  headers.Set("Cross-Origin-Resource-Policy", "same-origin");
  headers.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()");
  if (policy.https) headers.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains");
  if (!policy.indexed) headers.Set("X-Robots-Tag", "noindex, nofollow");
  if (!headers.Has("Cache-Control")) headers.Set("Cache-Control", "no-store");
  headers.Set("Date", absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", now, absl::UTCTimeZone()));
}

bool EtagMatches(std::string_view if_none_match, std::string_view etag) {
  if (etag.empty()) return false;
  for (std::string_view tag : SplitText(if_none_match, ',')) {
    tag = WithoutWeakness(tag);
    if (tag == "*" || tag == WithoutWeakness(etag)) return true;
  }
  return false;
}

void Finish(const Request& request, const ResponsePolicy& policy, absl::Time now, Response* response) {
  AddSecurityHeaders(policy, now, response);
  const std::string_view condition = request.headers.Get("if-none-match");
  if (response->status == 200 && !condition.empty() && EtagMatches(condition, response->headers.Get("etag"))) {
    response->status = 304;
    response->body.clear();
    response->shared_body.reset();
    response->stream = nullptr;
    response->headers.Remove("Content-Type");
    response->headers.Remove("Content-Encoding");
    return;
  }
  if (!response->compress || response->stream || response->headers.Has("Content-Encoding")) return;
  response->headers.Add("Vary", "Accept-Encoding");
  if (response->bytes().size() < kSmallestCompressed) return;
  const Coding coding = ChooseCoding(request.headers.Get("accept-encoding"));
  if (coding == Coding::kIdentity) return;
  response->body = Encode(coding, response->bytes(), Effort::kQuick);
  response->shared_body.reset();
  response->headers.Set("Content-Encoding", std::string(NameOf(coding)));
}

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
  }
  return "Status";
}

}  // namespace compagnon::edge
