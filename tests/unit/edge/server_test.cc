#include "edge/http/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <thread>

#include "edge/http/connection_guard.h"
#include "edge/http/worker_pool.h"

namespace compagnon::edge {
namespace {

int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  close(fd);
  return ntohs(address.sin_port);
}

class Client {
 public:
  explicit Client(int port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { close(fd_); }
  void Say(std::string_view bytes) const { (void)!send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  // What arrives until the other side closes, `enough` is in it, or ten seconds have passed.
  std::string Hear(std::string_view enough = "") const {
    std::string heard;
    char buffer[65536];
    pollfd waiting{fd_, POLLIN, 0};
    while (poll(&waiting, 1, 10000) > 0) {
      const ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
      if (n <= 0) break;
      heard.append(buffer, n);
      if (!enough.empty() && heard.find(enough) != std::string::npos) break;
    }
    return heard;
  }
  bool connected() const { return connected_; }

 private:
  const int fd_;
  bool connected_ = false;
};

struct Running {
  explicit Running(
      Handler handler, std::function<void(HttpServer::Options&)> change = [](auto&) {}) {
    HttpServer::Options options;
    options.port = port = FreePort();
    options.clock = &SystemClock();
    options.workers = 2;
    change(options);
    server = NewCpprestServer(options, std::move(handler));
    REQUIRE(server->Start().ok());
  }
  std::string Ask(std::string_view request) const {
    const Client client(port);
    client.Say(request);
    return client.Hear();
  }
  int port = 0;
  std::unique_ptr<HttpServer> server;
};

Response Text(std::string body) {
  Response response;
  response.headers.Set("Content-Type", "text/plain; charset=utf-8");
  response.body = std::move(body);
  return response;
}

constexpr char kGet[] = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

bool Says(const std::string& answer, std::string_view text) { return answer.find(text) != std::string::npos; }

}  // namespace

TEST_CASE("a request reaches the handler and its answer the client") {
  Running running([](Request& request) {
    return Text(request.method + " " + request.path + " " + std::string(request.Query("q")) + " " + request.body + " " +
                request.client_address);
  });
  const std::string answer =
      running.Ask("POST /a/b?q=x%20y HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello");
  CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(Says(answer, "POST /a/b x y hello 127.0.0.1"));
  CHECK(Says(answer, "Content-Type: text/plain; charset=utf-8\r\n"));
  CHECK(Says(answer, "X-Content-Type-Options: nosniff\r\n"));
  CHECK(Says(answer, "Content-Length: 29\r\n"));
}

TEST_CASE("HEAD gives the headers of GET and no body") {
  Running running([](Request&) { return Text("0123456789"); });
  const std::string answer = running.Ask("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(Says(answer, "Content-Length: 10\r\n"));
  CHECK(answer.ends_with("\r\n\r\n"));
}

TEST_CASE("two requests on one connection are both answered") {
  Running running([](Request& request) { return Text("<" + request.path + ">"); });
  const Client client(running.port);
  client.Say("GET /one HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(Says(client.Hear("</one>"), "</one>"));
  client.Say("GET /two HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(Says(client.Hear(), "</two>"));
}

TEST_CASE("a body without a length or too long is refused before it is read") {
  std::atomic<int> handled{0};
  Running running([&](Request&) {
    ++handled;
    return Text("no");
  });
  CHECK(running.Ask("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").starts_with("HTTP/1.1 411 "));
  CHECK(running.Ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n" + std::string(70000, 'x'))
            .starts_with("HTTP/1.1 413 "));
  CHECK(running.Ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 6\r\n\r\nhello").starts_with("HTTP/1.1 400 "));
  CHECK(running.Ask("DELETE / HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 405 "));
  CHECK(running.Ask("TRACE / HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 405 "));
  CHECK(running.Ask("GET /%2e%2e/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 400 "));
  CHECK(handled == 0);
}

TEST_CASE("control characters in headers are refused and end nothing") {
  Running running([](Request&) {
    Response response = Text("served");
    response.headers.Set("X-Ours", "a\r\nX-Injected: 1");
    return response;
  });
  constexpr char kNul[] = "GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\nConnection: close\r\n\r\n";
  CHECK(running.Ask(std::string_view(kNul, sizeof kNul - 1)).starts_with("HTTP/1.1 400 "));
  CHECK(running.Ask("GET / HTTP/1.1\r\nHost: x\r\nX: a\rb\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 400 "));
  for (const char* line : {"\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/1.1\r\n: x\r\n\r\n", "\x16\x03\x01\r\n\r\n",
                           "GET http://[::x/ HTTP/1.1\r\n\r\n", "G\xff / HTTP/9.9\r\n\r\n"}) {
    INFO(line);
    CHECK_FALSE(Says(running.Ask(line), "200 OK"));
  }
  const std::string answer = running.Ask(kGet);
  CHECK(Says(answer, "served"));
  CHECK_FALSE(Says(answer, "X-Injected"));
}

TEST_CASE("when the queue is full the answer is 503 with Retry-After at once") {
  std::promise<void> open_gate;
  const std::shared_future<void> gate = open_gate.get_future().share();
  std::atomic<int> inside{0};
  Running running(
      [&](Request&) {
        ++inside;
        gate.wait();
        return Text("late");
      },
      [](HttpServer::Options& options) {
        options.workers = 1;
        options.queue_limit = 1;
      });
  const Client first(running.port), second(running.port);
  first.Say(kGet);
  while (inside == 0) std::this_thread::yield();
  second.Say(kGet);
  while (running.server->queued() == 0) std::this_thread::yield();
  const std::string refused = running.Ask(kGet);
  CHECK(refused.starts_with("HTTP/1.1 503 "));
  CHECK(Says(refused, "Retry-After: 2\r\n"));
  CHECK(Says(refused, "Content-Security-Policy: "));
  open_gate.set_value();
  CHECK(first.Hear().starts_with("HTTP/1.1 200 "));
  CHECK(second.Hear().starts_with("HTTP/1.1 200 "));
}

TEST_CASE("a request that waited past its deadline is not worked on") {
  std::promise<void> open_gate;
  const std::shared_future<void> gate = open_gate.get_future().share();
  std::atomic<int> inside{0};
  Running running(
      [&](Request&) {
        ++inside;
        gate.wait();
        return Text("late");
      },
      [](HttpServer::Options& options) {
        options.workers = 1;
        options.request_deadline = absl::Milliseconds(50);
      });
  const Client first(running.port), second(running.port);
  first.Say(kGet);
  while (inside == 0) std::this_thread::yield();
  second.Say(kGet);
  while (running.server->queued() == 0) std::this_thread::yield();
  absl::SleepFor(absl::Milliseconds(80));
  open_gate.set_value();
  CHECK(second.Hear().starts_with("HTTP/1.1 503 "));
  CHECK(first.Hear().starts_with("HTTP/1.1 200 "));
  CHECK(inside == 1);
}

TEST_CASE("connections that never finish their request take no worker and are shut") {
  Running running([](Request&) { return Text("served"); },
                  [](HttpServer::Options& options) { options.silence = absl::Seconds(2); });
  std::vector<std::unique_ptr<Client>> slow;
  for (int i = 0; i < 50; ++i) {
    slow.push_back(std::make_unique<Client>(running.port));
    slow.back()->Say(i % 2 == 0 ? "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "
                                : "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab");
  }
  CHECK(Says(running.Ask(kGet), "served"));
  // Hear ends when the server closes; it would wait ten seconds for a connection left open.
  for (const auto& client : slow) CHECK_FALSE(Says(client->Hear(), "served"));
}

TEST_CASE("a header without end is cut off") {
  Running running([](Request&) { return Text("served"); });
  const Client client(running.port);
  client.Say("GET / HTTP/1.1\r\nX: ");
  const std::string block(64 * 1024, 'a');
  for (int i = 0; i < 32; ++i) client.Say(block);
  CHECK(client.Hear().find("200 OK") == std::string::npos);
  CHECK(Says(running.Ask(kGet), "served"));
}

TEST_CASE("a streamed body arrives in pieces and breaks off visibly when its source fails") {
  Running running([](Request& request) {
    Response response;
    const bool fail = request.path == "/fail";
    response.stream = [fail](const BodySink& sink) -> absl::Status {
      for (int i = 0; i < 100; ++i) RETURN_IF_ERROR(sink(std::string(1000, 'a' + i % 26)));
      return fail ? absl::UnavailableError("module gone") : absl::OkStatus();
    };
    return response;
  });
  const std::string whole = running.Ask(kGet);
  CHECK(Says(whole, "Transfer-Encoding: chunked"));
  CHECK(whole.ends_with("\r\n0\r\n\r\n"));
  CHECK(whole.size() > 100000);
  const std::string broken = running.Ask("GET /fail HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK_FALSE(broken.ends_with("\r\n0\r\n\r\n"));
}

TEST_CASE("an address in use is said and ends nothing") {
  Running running([](Request&) { return Text(""); });
  HttpServer::Options options;
  options.port = running.port;
  options.clock = &SystemClock();
  // Another process may share the port only by asking for it; the listener does not.
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(listen(fd, 1) == 0);
  REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  options.port = ntohs(address.sin_port);
  const auto second = NewCpprestServer(options, [](Request&) { return Text(""); });
  CHECK(absl::IsUnavailable(second->Start()));
  close(fd);
}

TEST_CASE("stopping answers what is in hand") {
  std::promise<void> open_gate;
  const std::shared_future<void> gate = open_gate.get_future().share();
  std::atomic<int> inside{0};
  Running running([&](Request&) {
    ++inside;
    gate.wait();
    return Text("finished");
  });
  const Client client(running.port);
  client.Say(kGet);
  while (inside == 0) std::this_thread::yield();
  std::thread stopper([&] { running.server->Stop(absl::Seconds(10)); });
  open_gate.set_value();
  CHECK(Says(client.Hear(), "finished"));
  stopper.join();
}

TEST_CASE("a pool refuses beyond its queue and runs everything it took") {
  std::atomic<int> done{0};
  int taken = 0;
  {
    WorkerPool pool(2, 10);
    std::promise<void> open_gate;
    const std::shared_future<void> gate = open_gate.get_future().share();
    for (int i = 0; i < 100; ++i) {
      taken += pool.TrySubmit([&done, gate] {
        gate.wait();
        ++done;
      });
    }
    CHECK(taken >= 10);
    CHECK(taken <= 12);
    open_gate.set_value();
  }
  CHECK(done == taken);
}

}  // namespace compagnon::edge
