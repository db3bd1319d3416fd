#include "platform/rpc/server.h"

#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "fake_sites.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace compagnon::rpc {
namespace {

// Waits for what other threads do; gives up after a time no healthy machine needs.
bool Eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 600; ++i) {
    if (condition()) return true;
    absl::SleepFor(absl::Milliseconds(50));
  }
  return false;
}

std::string At(const Server& server) { return absl::StrCat("127.0.0.1:", server.port()); }

// A FakeSites listening on loopback.
struct Listening {
  Keyring& keys;
  FakeSites sites{keys.guard};
  std::unique_ptr<Server> server;
  Listening(Keyring& k, ServerOptions options) : keys(k) {
    if (options.listen.empty()) options.listen = "127.0.0.1:0";
    server = std::move(Server::Open(options)).value();
    const absl::Status served = server->Serve({&sites});
    INFO(served);
    REQUIRE(served.ok());
  }
};

TEST_CASE("a call that takes too long ends at its deadline") {
  Keyring keys;
  Listening l(keys, {});
  std::atomic<bool> release{false};
  l.sites.get = [&](const Caller&, moodle::v1::Site&) {
    while (!release) absl::SleepFor(absl::Milliseconds(10));
    return absl::OkStatus();
  };
  const auto channel = NewChannel(At(*l.server), {});
  const grpc::Status status =
      GetSite(*channel, keys.Person({"moodle.sites.read"}, {"*"}), "sites/sn1", absl::Milliseconds(200));
  CHECK(status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
  release = true;
}

TEST_CASE("a message over the limit is refused on the wire and in process") {
  Keyring keys;
  ServerOptions options;
  options.max_message_bytes = 64 << 10;
  Listening l(keys, options);
  const std::string token = keys.Person({"moodle.sites.read"}, {"*"});
  const std::string long_name(100 << 10, 'x');
  CHECK(GetSite(*NewChannel(At(*l.server), {}), token, long_name).error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK(GetSite(*l.server->InProcessChannel(), token, long_name).error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK(GetSite(*NewChannel(At(*l.server), {}), token).ok());
}

TEST_CASE("an answer over the limit is refused too") {
  Keyring keys;
  ServerOptions options;
  options.max_message_bytes = 64 << 10;
  Listening l(keys, options);
  l.sites.get = [](const Caller&, moodle::v1::Site& site) {
    site.set_title(std::string(100 << 10, 'x'));
    return absl::OkStatus();
  };
  const grpc::Status status = GetSite(*NewChannel(At(*l.server), {}), keys.Person({"moodle.sites.read"}, {"*"}));
  CHECK(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_CASE("more calls than threads are refused and not queued for ever") {
  Keyring keys;
  ServerOptions options;
  options.max_threads = 4;
  Listening l(keys, options);
  std::atomic<bool> release{false};
  std::atomic<int> running{0}, peak{0}, refused{0}, served{0};
  l.sites.get = [&](const Caller&, moodle::v1::Site&) {
    const int now = ++running;
    int seen = peak;
    while (now > seen && !peak.compare_exchange_weak(seen, now)) {
    }
    while (!release) absl::SleepFor(absl::Milliseconds(5));
    --running;
    return absl::OkStatus();
  };
  const std::string token = keys.Person({"moodle.sites.read"}, {"*"});
  const auto channel = l.server->InProcessChannel();
  std::vector<std::thread> callers;
  for (int i = 0; i < 16; ++i) {
    callers.emplace_back([&] {
      const grpc::Status status = GetSite(*channel, token);
      status.ok() ? ++served : ++refused;
    });
  }
  CHECK(Eventually([&] { return refused > 0; }));
  release = true;
  for (std::thread& caller : callers) caller.join();
  CHECK(peak <= 4);
  CHECK(served + refused == 16);
  CHECK(served > 0);
}

TEST_CASE("health tells the process alive before its modules are ready") {
  Keyring keys;
  ServerOptions options;
  options.listen = "127.0.0.1:0";
  options.health_listen = "127.0.0.1:0";
  FakeSites sites(keys.guard);
  auto server = std::move(Server::Open(options)).value();
  const std::string health = absl::StrCat("127.0.0.1:", server->health_port());
  CHECK(Probe(health, "live", {}, absl::Seconds(20)).ok());
  CHECK(Probe(health, "ready", {}, absl::Seconds(20)).code() == absl::StatusCode::kUnavailable);
  CHECK(Probe(health, "moodle", {}, absl::Seconds(20)).code() == absl::StatusCode::kNotFound);
  REQUIRE(server->Serve({&sites}).ok());
  server->SetServing("moodle", true);
  for (const std::string& address : {health, At(*server)}) {
    CHECK(Probe(address, "moodle", {}, absl::Seconds(20)).ok());
    CHECK(Probe(address, "serving", {}, absl::Seconds(20)).ok());
    CHECK(Probe(address, "ready", {}, absl::Seconds(20)).code() == absl::StatusCode::kUnavailable);
  }
  server->SetServing("ready", true);
  CHECK(Probe(health, "ready", {}, absl::Seconds(20)).ok());
  // The plain listener takes no calls of modules.
  CHECK(GetSite(*NewChannel(health, {}), keys.Person({"moodle.sites.read"}, {"*"})).error_code() ==
        grpc::StatusCode::UNIMPLEMENTED);
  server->Drain(absl::ZeroDuration(), absl::ZeroDuration());
  CHECK(Probe(health, "live", {}, absl::Seconds(2)).code() == absl::StatusCode::kUnavailable);
}

TEST_CASE("a watch hears a module turn unready and ready again") {
  Keyring keys;
  Listening l(keys, {});
  l.server->SetServing("moodle", true);
  const auto stub = grpc::health::v1::Health::NewStub(NewChannel(At(*l.server), {}));
  grpc::ClientContext context;
  grpc::health::v1::HealthCheckRequest request;
  request.set_service("moodle");
  const auto watch = stub->Watch(&context, request);
  using Answer = grpc::health::v1::HealthCheckResponse;
  Answer answer;
  REQUIRE(watch->Read(&answer));
  CHECK(answer.status() == Answer::SERVING);
  l.server->SetServing("moodle", false);
  REQUIRE(watch->Read(&answer));
  CHECK(answer.status() == Answer::NOT_SERVING);
  l.server->SetServing("moodle", true);
  REQUIRE(watch->Read(&answer));
  CHECK(answer.status() == Answer::SERVING);
  context.TryCancel();
}

TEST_CASE("a port taken is an error") {
  Keyring keys;
  Listening first(keys, {});
  ServerOptions options;
  options.listen = At(*first.server);
  auto second = std::move(Server::Open(options)).value();
  FakeSites sites(keys.guard);
  const absl::Status status = second->Serve({&sites});
  CHECK(status.code() == absl::StatusCode::kUnavailable);
  CHECK(ReasonOf(status) == "port_taken");
}

TEST_CASE("a drain under load fails no call") {
  Keyring keys;
  std::array<std::unique_ptr<Listening>, 2> replicas;
  for (auto& replica : replicas) replica = std::make_unique<Listening>(keys, ServerOptions{});
  const std::string addresses = At(*replicas[0]->server) + "," + At(*replicas[1]->server);
  const auto channel = NewChannel(addresses, {});
  const std::string token = keys.Person({"moodle.sites.read"}, {"*"});
  std::atomic<bool> stop{false};
  std::atomic<int> served{0}, failed{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      while (!stop) GetSite(*channel, token).ok() ? ++served : ++failed;
    });
  }
  for (int round = 0; round < 3; ++round) {
    for (auto& replica : replicas) {
      const int before = served;
      REQUIRE(Eventually([&] { return served > before + 200; }));
      ServerOptions same;
      same.listen = At(*replica->server);
      replica->server->Drain(absl::Milliseconds(300), absl::Seconds(20));
      replica.reset();
      REQUIRE(Eventually([&, drained = served.load()] { return served > drained + 200; }));
      replica = std::make_unique<Listening>(keys, same);
      // The next drain must find both serving: wait until the channel has come back to this one.
      REQUIRE(Eventually([&] { return replica->sites.got > 10; }));
      replica->server->SetServing("ready", true);
      const int settled = served;
      REQUIRE(Eventually([&] { return served > settled + 50; }));
    }
  }
  stop = true;
  for (std::thread& caller : callers) caller.join();
  CHECK(failed == 0);
  CHECK(served > 1000);
}

TEST_CASE("a call in hand is finished when its server drains") {
  Keyring keys;
  Listening l(keys, {});
  std::atomic<bool> entered{false}, release{false};
  l.sites.get = [&](const Caller&, moodle::v1::Site&) {
    entered = true;
    while (!release) absl::SleepFor(absl::Milliseconds(5));
    return absl::OkStatus();
  };
  const auto channel = NewChannel(At(*l.server), {});
  grpc::Status status;
  std::thread caller([&] { status = GetSite(*channel, keys.Person({"moodle.sites.read"}, {"*"})); });
  REQUIRE(Eventually([&] { return entered.load(); }));
  std::thread drain([&] { l.server->Drain(absl::ZeroDuration(), absl::Seconds(20)); });
  absl::SleepFor(absl::Milliseconds(100));
  release = true;
  caller.join();
  drain.join();
  CHECK(status.ok());
}

// An authority and certificates made by it, in a folder of their own.
class Authority {
 public:
  explicit Authority(const std::string& name) {
    std::filesystem::create_directories(".run/unit");
    folder_ = ".run/unit/tls.XXXXXX";
    if (mkdtemp(folder_.data()) == nullptr) FAIL("no folder");
    Run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=" + name +
        " -keyout ca.key -out ca.pem");
  }
  ~Authority() { std::filesystem::remove_all(folder_); }

  // Files of `module`, whose certificate this authority signed.
  TlsFiles Issue(const std::string& module, int days = 2) {
    Run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=" + module + " -keyout " + module +
        ".key -out " + module + ".csr");
    Run("printf 'subjectAltName=DNS:" + module + ".compagnon.svc,DNS:localhost,IP:127.0.0.1' > " + module +
        ".ext && openssl x509 -req -days " + std::to_string(days) + " -in " + module +
        ".csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile " + module + ".ext -out " + module + ".pem");
    return {folder_ + "/ca.pem", folder_ + "/" + module + ".pem", folder_ + "/" + module + ".key", absl::Seconds(1)};
  }

 private:
  void Run(const std::string& command) {
    if (std::system(("cd " + folder_ + " && (" + command + ") >/dev/null 2>&1").c_str()) != 0)
      FAIL("openssl: " + command);
  }
  std::string folder_;
};

ServerOptions With(const TlsFiles& tls) {
  ServerOptions options;
  options.tls = tls;
  return options;
}

ChannelOptions As(const TlsFiles& tls) {
  ChannelOptions options;
  options.tls = tls;
  return options;
}

TEST_CASE("mutual TLS lets in certificates of the one authority and nothing else") {
  Authority ours("ours"), theirs("theirs");
  Keyring keys;
  Listening l(keys, With(ours.Issue("moodle")));
  const std::string token = keys.Person({"moodle.sites.read"}, {"*"});
  CHECK(GetSite(*NewChannel(At(*l.server), As(ours.Issue("edge"))), token).ok());
  CHECK(GetSite(*NewChannel(At(*l.server), {}), token, "sites/sn1", absl::Seconds(2)).error_code() !=
        grpc::StatusCode::OK);
  TlsFiles foreign = theirs.Issue("edge");
  CHECK_FALSE(GetSite(*NewChannel(At(*l.server), As(foreign)), token, "sites/sn1", absl::Seconds(2)).ok());
  foreign.ca = ours.Issue("edge").ca;  // trusts the server, and is still not trusted by it
  CHECK_FALSE(GetSite(*NewChannel(At(*l.server), As(foreign)), token, "sites/sn1", absl::Seconds(2)).ok());
}

TEST_CASE("a token shown over another module's certificate is refused") {
  Authority authority("ours");
  Keyring keys;
  Listening l(keys, With(authority.Issue("moodle")));
  const auto as_analytics = NewChannel(At(*l.server), As(authority.Issue("analytics")));
  CHECK(ReasonOf(FromGrpc(GetSite(*as_analytics, keys.Person({"moodle.sites.read"}, {"*"})))) ==
        "certificate_mismatch");
  CHECK(ReasonOf(FromGrpc(GetSite(*as_analytics, keys.Service(keys.edge, "edge")))) == "certificate_mismatch");
  CHECK(GetSite(*NewChannel(At(*l.server), As(authority.Issue("edge"))), keys.Service(keys.edge, "edge")).ok());
}

TEST_CASE("certificates are replaced without a restart") {
  Authority old_authority("old"), new_authority("new");
  Keyring keys;
  const std::string live = ".run/unit/live-" + std::to_string(getpid());
  auto install = [&](const TlsFiles& files) {
    const std::string fresh = live + ".new";
    std::filesystem::create_directories(fresh);
    std::filesystem::copy(files.ca, fresh + "/ca.pem");
    std::filesystem::copy(files.cert, fresh + "/cert.pem");
    std::filesystem::copy(files.key, fresh + "/key.pem");
    std::filesystem::remove_all(live);
    std::filesystem::rename(fresh, live);
  };
  install(old_authority.Issue("moodle"));
  Listening l(keys, With({live + "/ca.pem", live + "/cert.pem", live + "/key.pem", absl::Seconds(1)}));
  const std::string token = keys.Person({"moodle.sites.read"}, {"*"});
  CHECK(GetSite(*NewChannel(At(*l.server), As(old_authority.Issue("edge"))), token).ok());
  install(new_authority.Issue("moodle"));
  const TlsFiles fresh = new_authority.Issue("edge");
  CHECK(Eventually(
      [&] { return GetSite(*NewChannel(At(*l.server), As(fresh)), token, "sites/sn1", absl::Seconds(2)).ok(); }));
  std::filesystem::remove_all(live);
}

TEST_CASE("files of TLS that do not fit are refused before listening") {
  Authority authority("ours");
  TlsFiles files = authority.Issue("moodle");
  const absl::Time now = absl::Now();
  REQUIRE(CheckTlsFiles(files, now).ok());
  CHECK(*CheckTlsFiles(files, now) > now + absl::Hours(24));
  CHECK_FALSE(CheckTlsFiles(files, now + absl::Hours(72)).ok());
  CHECK_FALSE(CheckTlsFiles(files, now - absl::Hours(72)).ok());
  TlsFiles mixed = files;
  mixed.key = authority.Issue("edge").key;
  CHECK_FALSE(CheckTlsFiles(mixed, now).ok());
  mixed = files;
  mixed.ca = files.key;
  CHECK_FALSE(CheckTlsFiles(mixed, now).ok());
}

}  // namespace
}  // namespace compagnon::rpc
