#include "moodle/api/ws_client.h"

#include <zlib.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/match.h"
#include "moodle/domain/address.h"
#include "moodle/domain/breaker.h"
#include "moodle_double/server/http_server.h"
#include "unit/moodle/manual_clock.h"

namespace compagnon::moodle {
namespace {

using moodle_double::HttpReply;
using moodle_double::HttpRequest;
using moodle_double::HttpServer;
using test::ManualClock;

// A web server that answers with what a test put in its hand, one answer after the other; the last one stays.
struct Server {
  std::vector<HttpReply> replies;
  std::atomic<int> calls = 0;
  HttpRequest last;
  std::unique_ptr<HttpServer> http;

  explicit Server(std::vector<HttpReply> given) : replies(std::move(given)) {
    auto started = HttpServer::Start("127.0.0.1", 0, [this](const HttpRequest& request) {
      last = request;
      const size_t n = static_cast<size_t>(calls++);
      return replies[std::min(n, replies.size() - 1)];
    });
    REQUIRE(started.ok());
    http = *std::move(started);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(http->port()); }
};

HttpReply Reply(std::string body, int status = 200) {
  HttpReply reply;
  reply.status = status;
  reply.body = std::move(body);
  return reply;
}

HttpReply Exception(const std::string& code) {
  return Reply(
      nlohmann::json{{"exception", "core\\exception\\moodle_exception"}, {"errorcode", code}, {"message", "m"}}.dump());
}

WsOptions Options(const Server& server) {
  WsOptions options;
  options.url = server.url() + "/";
  options.token = "0123456789abcdef0123456789abcdef";
  options.allow_private_addresses = true;
  options.total_timeout = absl::Seconds(20);
  return options;
}

TEST_CASE("parameters are flattened as PHP reads them") {
  CHECK(FlattenPhp({{"courseids", {4, 5}}}) == "courseids%5B0%5D=4&courseids%5B1%5D=5");
  CHECK(FlattenPhp({{"options", {{{"name", "userfields"}, {"value", "id,email"}}}}}) ==
        "options%5B0%5D%5Bname%5D=userfields&options%5B0%5D%5Bvalue%5D=id%2Cemail");
  CHECK(FlattenPhp({{"a", true}, {"b", false}, {"c", nullptr}, {"d", "é&="}}) == "a=1&b=0&d=%C3%A9%26%3D");
  CHECK(FlattenPhp(nlohmann::json::object()).empty());
}

TEST_CASE("the token travels in the body and never in the address") {
  Server server({Reply("{\"ok\":1}")});
  ManualClock clock;
  auto client = NewWsClient(Options(server), clock);
  REQUIRE(client->Read("core_x", {{"id", 7}}).value() == "{\"ok\":1}");
  CHECK(server.last.method == "POST");
  CHECK(server.last.target == "/webservice/rest/server.php");
  CHECK(absl::StrContains(server.last.body,
                          "wstoken=0123456789abcdef0123456789abcdef&wsfunction=core_x&moodlewsrestformat=json&id=7"));
}

TEST_CASE("HTTP 200 with an exception is the error that its errorcode names and is not asked again") {
  for (const auto& [code, category, status] : std::vector<std::tuple<std::string, FaultCategory, absl::StatusCode>>{
           {"invalidtoken", FaultCategory::kOperator, absl::StatusCode::kFailedPrecondition},
           {"accessexception", FaultCategory::kOperator, absl::StatusCode::kFailedPrecondition},
           {"nopermissions", FaultCategory::kOperator, absl::StatusCode::kFailedPrecondition},
           {"invalidparameter", FaultCategory::kCaller, absl::StatusCode::kInvalidArgument},
           {"nocriteriaset", FaultCategory::kGone, absl::StatusCode::kNotFound},
           {"somethingnew", FaultCategory::kOperator, absl::StatusCode::kFailedPrecondition}}) {
    CAPTURE(code);
    Server server({Exception(code)});
    ManualClock clock;
    auto client = NewWsClient(Options(server), clock);
    const auto answer = client->Read("f", nlohmann::json::object());
    CHECK(answer.status().code() == status);
    CHECK(FaultOf(answer.status()).code == code);
    CHECK(FaultOf(answer.status()).category == category);
    CHECK(ReasonOf(answer.status()) == code);
    CHECK(server.calls == 1);
  }
}

TEST_CASE("what passes by itself is asked again with growing pauses for reads only") {
  Server server({Exception("dbconnectionfailed"), Exception("sitemaintenance"), Reply("[]")});
  ManualClock clock;
  auto client = NewWsClient(Options(server), clock);
  CHECK(client->Read("f", nlohmann::json::object()).value() == "[]");
  CHECK(server.calls == 3);
  CHECK(clock.slept() > absl::Milliseconds(700));

  Server again({Exception("dbconnectionfailed"), Reply("[]")});
  auto writer = NewWsClient(Options(again), clock);
  CHECK(FaultOf(writer->Write("f", nlohmann::json::object()).status()).code == "dbconnectionfailed");
  CHECK(again.calls == 1);
}

TEST_CASE("503 with Retry-After is left alone until then") {
  HttpReply maintenance = Reply("<!DOCTYPE html><html></html>", 503);
  maintenance.type = "text/html; charset=utf-8";
  maintenance.headers = {{"Retry-After", "300"}};
  Server server({maintenance, Reply("[]")});
  ManualClock clock;
  auto client = NewWsClient(Options(server), clock);
  WsFault fault = FaultOf(client->Read("f", nlohmann::json::object()).status());
  CHECK(fault.code == "maintenance");
  CHECK(fault.category == FaultCategory::kRetry);
  CHECK(fault.retry_after == absl::Seconds(300));
  CHECK(server.calls == 1);
  fault = FaultOf(client->Read("f", nlohmann::json::object()).status());
  CHECK(fault.code == "circuit_open");
  CHECK(fault.retry_after > absl::Seconds(290));
  CHECK(server.calls == 1);
  clock.Advance(absl::Seconds(301));
  CHECK(client->Read("f", nlohmann::json::object()).ok());
  CHECK(client->BreakerState() == "closed");
}

TEST_CASE("a page in place of data is tried again and said as such") {
  HttpReply html = Reply("<html>login</html>");
  html.type = "text/html";
  Server server({html});
  ManualClock clock;
  auto client = NewWsClient(Options(server), clock);
  CHECK(FaultOf(client->Read("f", nlohmann::json::object()).status()).code == "not_json");
  CHECK(server.calls == 3);
}

TEST_CASE("web services switched off and redirects are the operator's to mend") {
  ManualClock clock;
  Server off({Reply("", 403)});
  CHECK(FaultOf(NewWsClient(Options(off), clock)->Read("f", nlohmann::json::object()).status()).code ==
        "webservices_disabled");
  HttpReply moved = Reply("", 301);
  moved.headers = {{"Location", "https://example.org/"}};
  Server redirect({moved});
  CHECK(FaultOf(NewWsClient(Options(redirect), clock)->Read("f", nlohmann::json::object()).status()).code ==
        "redirect_refused");
  CHECK(redirect.calls == 1);
}

TEST_CASE("an endless answer is cut at the limit and not asked for again") {
  HttpReply endless = Reply("[");
  endless.delivery = HttpReply::Delivery::kEndless;
  Server server({endless});
  ManualClock clock;
  WsOptions options = Options(server);
  options.max_answer_bytes = 1 << 20;
  auto client = NewWsClient(options, clock);
  const WsFault fault = FaultOf(client->Read("f", nlohmann::json::object()).status());
  CHECK(fault.code == "answer_too_large");
  CHECK(server.calls == 1);
}

TEST_CASE("a connection cut mid-answer is tried again and what came of it is thrown away") {
  HttpReply cut = Reply(std::string("[") + std::string(5000, '1') + "]");
  cut.delivery = HttpReply::Delivery::kCut;
  cut.amount = 100;
  Server server({cut, Reply("[2]")});
  ManualClock clock;
  CHECK(NewWsClient(Options(server), clock)->Read("f", nlohmann::json::object()).value() == "[2]");

  HttpReply closed = Reply("[]");
  closed.delivery = HttpReply::Delivery::kClose;
  Server silent({closed, Reply("[3]")});
  CHECK(NewWsClient(Options(silent), clock)->Read("f", nlohmann::json::object()).value() == "[3]");
}

TEST_CASE("an answer slower than the limit of time ends") {
  HttpReply late = Reply("[]");
  late.wait_ms = 3000;
  Server server({late});
  ManualClock clock;
  WsOptions options = Options(server);
  options.total_timeout = absl::Milliseconds(200);
  options.attempts = 1;
  CHECK(FaultOf(NewWsClient(options, clock)->Read("f", nlohmann::json::object()).status()).code == "timeout");
}

TEST_CASE("a gzipped bomb is measured by what it unpacks to") {
  const std::string zeros = "[" + std::string(8 << 20, '0') + "]";
  std::string packed(64 << 10, '\0');
  z_stream z{};
  REQUIRE(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) == Z_OK);
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(zeros.data()));
  z.avail_in = static_cast<uInt>(zeros.size());
  z.next_out = reinterpret_cast<Bytef*>(packed.data());
  z.avail_out = static_cast<uInt>(packed.size());
  REQUIRE(deflate(&z, Z_FINISH) == Z_STREAM_END);
  packed.resize(z.total_out);
  deflateEnd(&z);
  HttpReply reply = Reply(packed);
  reply.headers = {{"Content-Encoding", "gzip"}};
  Server server({reply});
  ManualClock clock;
  WsOptions options = Options(server);
  CHECK(NewWsClient(options, clock)->Read("f", nlohmann::json::object()).value() == zeros);
  options.max_answer_bytes = 1 << 20;
  CHECK(FaultOf(NewWsClient(options, clock)->Read("f", nlohmann::json::object()).status()).code == "answer_too_large");
}

TEST_CASE("private and loopback addresses are refused unless they are allowed") {
  Server server({Reply("[]")});
  ManualClock clock;
  WsOptions options = Options(server);
  options.url = "https://127.0.0.1:" + std::to_string(server.http->port());
  options.allow_private_addresses = false;
  options.attempts = 1;
  CHECK(FaultOf(NewWsClient(options, clock)->Read("f", nlohmann::json::object()).status()).code == "private_address");
  options.url = "https://localhost:" + std::to_string(server.http->port());
  CHECK(FaultOf(NewWsClient(options, clock)->Read("f", nlohmann::json::object()).status()).code == "private_address");
  options.url = "file:///etc/passwd";
  CHECK(FaultOf(NewWsClient(options, clock)->Read("f", nlohmann::json::object()).status()).code == "bad_url");
  CHECK(server.calls == 0);
}

TEST_CASE("only addresses of the public Internet count as public") {
  const auto v4 = [](int a, int b, int c, int d) {
    const char bytes[] = {static_cast<char>(a), static_cast<char>(b), static_cast<char>(c), static_cast<char>(d)};
    return IsPublicAddress(std::string_view(bytes, 4));
  };
  CHECK(v4(8, 8, 8, 8));
  CHECK(v4(172, 32, 0, 1));
  for (const auto& [a, b] : std::vector<std::pair<int, int>>{{127, 0},
                                                             {10, 1},
                                                             {172, 16},
                                                             {172, 31},
                                                             {192, 168},
                                                             {169, 254},
                                                             {100, 64},
                                                             {0, 0},
                                                             {224, 0},
                                                             {255, 255},
                                                             {198, 18}}) {
    CAPTURE(a, b);
    CHECK_FALSE(v4(a, b, 1, 1));
  }
  std::string v6(16, '\0');
  v6[15] = 1;
  CHECK_FALSE(IsPublicAddress(v6));  // ::1
  v6[0] = '\xfd';
  CHECK_FALSE(IsPublicAddress(v6));
  v6[0] = '\x20';
  v6[1] = '\x01';
  v6[2] = '\x41';
  CHECK(IsPublicAddress(v6));
  const std::string mapped = std::string(10, '\0') + "\xff\xff" + std::string("\x7f\x00\x00\x01", 4);
  CHECK_FALSE(IsPublicAddress(mapped));
  CHECK_FALSE(IsPublicAddress(""));
}

TEST_CASE("a site that fails again and again is left alone and probed later") {
  HttpReply broken = Reply("oops", 500);
  Server server({broken});
  ManualClock clock;
  WsOptions options = Options(server);
  options.attempts = 1;
  auto client = NewWsClient(options, clock);
  for (int i = 0; i < 5; ++i) CHECK(FaultOf(client->Read("f", nlohmann::json::object()).status()).code == "http_5xx");
  CHECK(client->BreakerState() == "open");
  CHECK(FaultOf(client->Read("f", nlohmann::json::object()).status()).code == "circuit_open");
  CHECK(server.calls == 5);
  clock.Advance(absl::Seconds(30));
  CHECK(FaultOf(client->Read("f", nlohmann::json::object()).status()).code == "http_5xx");  // the probe
  CHECK(FaultOf(client->Read("f", nlohmann::json::object()).status()).code == "circuit_open");
  CHECK(server.calls == 6);
}

TEST_CASE("the breaker stays open longer each time up to its limit") {
  Breaker breaker(2, absl::Seconds(10), absl::Seconds(25));
  absl::Time now = absl::UnixEpoch();
  breaker.Failed(now, absl::ZeroDuration(), 0.5);
  CHECK(breaker.Ask(now) == absl::ZeroDuration());
  breaker.Failed(now, absl::ZeroDuration(), 0.5);
  CHECK(breaker.Ask(now) == absl::Seconds(10));
  now += absl::Seconds(10);
  CHECK(breaker.Ask(now) == absl::ZeroDuration());
  CHECK(breaker.Ask(now) > absl::ZeroDuration());  // one probe at a time
  breaker.Failed(now, absl::ZeroDuration(), 0.5);
  CHECK(breaker.Ask(now) == absl::Seconds(20));
  now += absl::Seconds(20);
  CHECK(breaker.Ask(now) == absl::ZeroDuration());
  breaker.Failed(now, absl::ZeroDuration(), 0.5);
  CHECK(breaker.Ask(now) == absl::Seconds(25));
  now += absl::Seconds(25);
  CHECK(breaker.Ask(now) == absl::ZeroDuration());
  breaker.Succeeded();
  CHECK(breaker.state() == Breaker::State::kClosed);
}

TEST_CASE("calls beyond the site's rate wait their turn") {
  Server server({Reply("[]")});
  ManualClock clock;
  WsOptions options = Options(server);
  options.calls_per_second = 2;
  options.burst = 2;
  auto client = NewWsClient(options, clock);
  for (int i = 0; i < 6; ++i) CHECK(client->Read("f", nlohmann::json::object()).ok());
  CHECK(clock.slept() >= absl::Milliseconds(1900));
}

TEST_CASE("a cancelled client ends the call in hand") {
  HttpReply late = Reply("[]");
  late.wait_ms = 4000;
  Server server({late});
  WsOptions options = Options(server);
  ManualClock clock;
  auto client = NewWsClient(options, clock);
  absl::Status ended;
  std::thread caller([&] { ended = client->Read("f", nlohmann::json::object()).status(); });
  while (server.calls == 0) std::this_thread::yield();
  client->Cancel();
  caller.join();
  CHECK(FaultOf(ended).code == "cancelled");
}

}  // namespace
}  // namespace compagnon::moodle
