#include "edge/http/request_rules.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

namespace compagnon::edge {
namespace {

int Check(std::string_view method, std::string_view target, const Headers& headers = {}) {
  Request request;
  return CheckRequest(method, target, headers, RequestLimits{}, &request);
}

Headers With(std::string_view name, std::string value) {
  Headers headers;
  headers.Add(name, std::move(value));
  return headers;
}

}  // namespace

TEST_CASE("a path is split into decoded segments") {
  std::vector<std::string> segments;
  REQUIRE(SplitPath("/cohorts/sn1/4/A%20%26%20B", &segments));
  CHECK(segments == std::vector<std::string>{"cohorts", "sn1", "4", "A & B"});
  REQUIRE(SplitPath("/", &segments));
  CHECK(segments.empty());
  REQUIRE(SplitPath("/freshness/", &segments));
  CHECK(segments == std::vector<std::string>{"freshness"});
  REQUIRE(SplitPath("/%D8%A3", &segments));
  CHECK(segments[0] == "أ");
}

TEST_CASE("paths that try to climb or to hide a separator are refused") {
  std::vector<std::string> segments;
  for (const char* path :
       {"", "relative", "//host/x", "/a//b", "/..", "/a/../b", "/%2e%2e/etc", "/.%2E", "/a/%2e/b", "/a%2Fb", "/a%5cb",
        "/a%00b", "/a%0d%0aSet-Cookie", "/%", "/%4", "/%zz", "/%ff", "/%C0%AF", "/%ED%A0%80"}) {
    INFO(path);
    CHECK_FALSE(SplitPath(path, &segments));
  }
}

TEST_CASE("only GET HEAD and POST are methods here") {
  CHECK(Check("GET", "/") == 0);
  CHECK(Check("HEAD", "/") == 0);
  CHECK(Check("POST", "/") == 0);
  for (const char* method : {"PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "get", ""})
    CHECK(Check(method, "/") == 405);
}

TEST_CASE("a body is announced by one plain length and comes with POST alone") {
  CHECK(Check("POST", "/", With("Content-Length", "100")) == 0);
  CHECK(Check("POST", "/", With("Content-Length", "65537")) == 413);
  for (const char* length : {"-1", "+1", "12abc", "1 2", "0x10", "99999999999999999999", ""}) {
    INFO(length);
    CHECK(Check("POST", "/", With("Content-Length", length)) == 400);
  }
  Headers twice = With("Content-Length", "5");
  twice.Add("content-length", "6");
  CHECK(Check("POST", "/", twice) == 400);
  CHECK(Check("GET", "/", With("Content-Length", "5")) == 400);
  CHECK(Check("POST", "/", With("Transfer-Encoding", "chunked")) == 411);
  CHECK(Check("GET", "/", With("transfer-encoding", "identity")) == 411);
  CHECK(Check("POST", "/", With("Expect", "100-continue")) == 417);
}

TEST_CASE("headers and targets have a size and a number") {
  CHECK(Check("GET", "/" + std::string(3000, 'a')) == 414);
  CHECK(Check("GET", "/", With("Cookie", std::string(20000, 'a'))) == 431);
  Headers many;
  for (int i = 0; i < 65; ++i) many.Add("X-" + std::to_string(i), "1");
  CHECK(Check("GET", "/", many) == 431);
}

TEST_CASE("a form decodes and has a bounded number of fields") {
  std::vector<std::pair<std::string, std::string>> form;
  REQUIRE(ParseForm("a=1&b=x+y%21&c&=d", 10, &form));
  CHECK(form == std::vector<std::pair<std::string, std::string>>{{"a", "1"}, {"b", "x y!"}, {"c", ""}, {"", "d"}});
  CHECK_FALSE(ParseForm("a=1&b=2&c=3", 2, &form));
  CHECK_FALSE(ParseForm("a=%ff", 2, &form));
}

TEST_CASE("encoding then decoding gives the same text back") {
  for (const std::string text : {"A & B", "é/أ?#%", "a\"b'<>", "~-._"}) {
    std::string back;
    REQUIRE(PercentDecode(PercentEncode(text), false, &back));
    CHECK(back == text);
  }
  CHECK(PercentEncode("a b/\"<") == "a%20b%2F%22%3C");
}

TEST_CASE("overlong forms and surrogates are not UTF-8") {
  CHECK(IsUtf8("aé\u202e😀"));
  for (const char* bytes : {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80", "\xc3", "\xff"})
    CHECK_FALSE(IsUtf8(bytes));
}

TEST_CASE("cookies are found by their whole name") {
  Request request;
  request.headers.Add("Cookie", "xcompagnon=1; compagnon=two; compagnon=three");
  CHECK(request.Cookie("compagnon") == "two");
  CHECK(request.Cookie("pagnon").empty());
}

TEST_CASE("the proxy's configuration keeps the limits the decision relies on") {
  const auto read = [](const char* path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  };
  const std::string proxy = read("deploy/nginx/compagnon.conf");
  const std::string decision = read("docs/decisions/0026-cpprestsdk-behind-an-interface.md");
  for (const char* directive : {"client_header_timeout 5s", "client_max_body_size 64k"}) {
    INFO(directive);
    CHECK(decision.find(directive) != std::string::npos);
    CHECK(proxy.find(std::string("\n  ") + directive + ";") != std::string::npos);
  }
  CHECK(RequestLimits{}.body_bytes == 64 * 1024);
  for (const char* directive : {"proxy_request_buffering on;", "proxy_buffering on;", "ssl_protocols TLSv1.2 TLSv1.3;",
                                "X-Forwarded-For $remote_addr;"})
    CHECK(proxy.find(directive) != std::string::npos);
  // A sign-in link is in its path: no log of the proxy's may hold one.
  for (const char* variable : {"$request ", "$request'", "$uri", "$http_referer", "$remote_addr "})
    CHECK(proxy.find(variable) == std::string::npos);
}

}  // namespace compagnon::edge
