#include <zlib.h>

#include <catch2/catch.hpp>

#include "edge/http/client_address.h"
#include "edge/http/encoding.h"
#include "edge/http/response_rules.h"

namespace compagnon::edge {
namespace {

std::string Gunzip(const std::string& bytes, size_t size) {
  std::string out(size, '\0');
  z_stream stream{};
  inflateInit2(&stream, 15 + 16);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = bytes.size();
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = out.size();
  inflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

}  // namespace

TEST_CASE("brotli is preferred and a weight of zero forbids") {
  CHECK(ChooseCoding("gzip, deflate, br") == Coding::kBrotli);
  CHECK(ChooseCoding("gzip") == Coding::kGzip);
  CHECK(ChooseCoding("br;q=0, gzip;q=0.5") == Coding::kGzip);
  CHECK(ChooseCoding("br;q=0.1, gzip;q=0.9") == Coding::kGzip);
  CHECK(ChooseCoding("*") == Coding::kBrotli);
  CHECK(ChooseCoding("*;q=0") == Coding::kIdentity);
  CHECK(ChooseCoding("identity") == Coding::kIdentity);
  CHECK(ChooseCoding("") == Coding::kIdentity);
  CHECK(ChooseCoding("br;q=x, ,;;") == Coding::kIdentity);
}

TEST_CASE("what was compressed comes back whole") {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "cohorte " + std::to_string(i);
  const std::string gzip = Encode(Coding::kGzip, text, Effort::kQuick);
  CHECK(gzip.size() < text.size() / 3);
  CHECK(Gunzip(gzip, text.size()) == text);
  CHECK(Encode(Coding::kBrotli, text, Effort::kBest).size() < text.size() / 3);
  CHECK(Encode(Coding::kIdentity, text, Effort::kQuick) == text);
}

TEST_CASE("every answer carries the security headers") {
  Response response;
  AddSecurityHeaders({.https = true}, absl::UnixEpoch(), &response);
  const std::string_view csp = response.headers.Get("content-security-policy");
  for (const char* part : {"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'",
                           "connect-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"}) {
    CHECK(csp.find(part) != std::string_view::npos);
  }
  CHECK(csp.find("unsafe") == std::string_view::npos);
  CHECK(response.headers.Get("x-content-type-options") == "nosniff");
  CHECK(response.headers.Get("cross-origin-opener-policy") == "same-origin");
  CHECK(response.headers.Get("cross-origin-resource-policy") == "same-origin");
  CHECK(response.headers.Has("permissions-policy"));
  CHECK(response.headers.Get("x-robots-tag") == "noindex, nofollow");
  CHECK(response.headers.Get("strict-transport-security").starts_with("max-age="));
  CHECK(response.headers.Get("date") == "Thu, 01 Jan 1970 00:00:00 GMT");
  Response plain;
  AddSecurityHeaders({.https = false}, absl::UnixEpoch(), &plain);
  CHECK_FALSE(plain.headers.Has("strict-transport-security"));
}

TEST_CASE("a route may tighten the referrer policy and keeps it") {
  Response response;
  response.headers.Set("Referrer-Policy", "strict-origin");
  AddSecurityHeaders({}, absl::UnixEpoch(), &response);
  CHECK(response.headers.Get("referrer-policy") == "strict-origin");
}

TEST_CASE("a page the browser still holds is answered with 304 and no body") {
  Request request;
  request.headers.Add("If-None-Match", "\"a\", W/\"b\"");
  request.headers.Add("Accept-Encoding", "br");
  Response response;
  response.headers.Set("ETag", "W/\"b\"");
  response.body = std::string(5000, 'x');
  Finish(request, {}, absl::UnixEpoch(), &response);
  CHECK(response.status == 304);
  CHECK(response.bytes().empty());
  CHECK(response.headers.Get("etag") == "W/\"b\"");
}

TEST_CASE("an error is never turned into 304") {
  Request request;
  request.headers.Add("If-None-Match", "*");
  Response response;
  response.status = 500;
  response.headers.Set("ETag", "\"b\"");
  Finish(request, {}, absl::UnixEpoch(), &response);
  CHECK(response.status == 500);
}

TEST_CASE("small answers travel uncompressed") {
  Request request;
  request.headers.Add("Accept-Encoding", "br, gzip");
  Response small, large;
  small.body = "ok";
  large.body = std::string(5000, 'x');
  Finish(request, {}, absl::UnixEpoch(), &small);
  Finish(request, {}, absl::UnixEpoch(), &large);
  CHECK_FALSE(small.headers.Has("content-encoding"));
  CHECK(large.headers.Get("content-encoding") == "br");
  CHECK(large.headers.Get("vary") == "Accept-Encoding");
}

TEST_CASE("only a trusted proxy may say who the client is") {
  const auto proxies = TrustedProxies::Parse({"10.0.0.0/8", "::1", "192.168.1.7"});
  REQUIRE(proxies.ok());
  Headers headers;
  headers.Add("X-Forwarded-For", "203.0.113.9, 10.1.2.3");
  CHECK(proxies->ClientOf("198.51.100.1", headers) == "198.51.100.1");
  CHECK(proxies->ClientOf("10.0.0.1", headers) == "203.0.113.9");
  CHECK(proxies->ClientOf("::ffff:10.0.0.1", headers) == "203.0.113.9");
  CHECK(proxies->ClientOf("::1", headers) == "203.0.113.9");
  CHECK(proxies->ClientOf("192.168.1.8", headers) == "192.168.1.8");
}

TEST_CASE("what a client writes into X-Forwarded-For itself is not believed") {
  const auto proxies = TrustedProxies::Parse({"10.0.0.0/8"});
  Headers forged;
  forged.Add("X-Forwarded-For", "1.1.1.1, 203.0.113.9");
  CHECK(proxies->ClientOf("10.0.0.1", forged) == "203.0.113.9");
  Headers broken;
  broken.Add("X-Forwarded-For", "1.1.1.1, <script>, 10.0.0.2");
  CHECK(proxies->ClientOf("10.0.0.1", broken) == "10.0.0.2");
  Headers split;
  split.Add("X-Forwarded-For", "1.1.1.1");
  split.Add("X-Forwarded-For", "203.0.113.9");
  CHECK(proxies->ClientOf("10.0.0.1", split) == "203.0.113.9");
  CHECK(proxies->ClientOf("10.0.0.1", Headers()) == "10.0.0.1");
}

TEST_CASE("a network that is none is named") {
  for (const char* network : {"10.0.0.0/33", "10.0.0/8", "host", "::/129", "1.2.3.4/x"}) {
    const auto parsed = TrustedProxies::Parse({"127.0.0.1", network});
    CHECK_FALSE(parsed.ok());
    CHECK(std::string(parsed.status().message()).find(network) != std::string::npos);
  }
}

}  // namespace compagnon::edge
