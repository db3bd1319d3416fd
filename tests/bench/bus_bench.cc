// The bus and the outbox alone: publish with confirms, consume, append, relay, on both sets of parts, beside the same
// messages through rabbitmq-c or sqlite3 without it. Prints JSON lines; ratio is value / peer.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <thread>

#include "peers/raw_bus.h"
#include "platform/base/clock.h"
#include "platform/base/ids.h"
#include "platform/bus/bus.h"
#include "platform/bus/outbox.h"

namespace compagnon::bench {
namespace {

using bus::Bus;
using bus::Message;
using SteadyClock = std::chrono::steady_clock;

constexpr size_t kBatch = 2000;
constexpr int kRounds = 3;
// A slim event is some 120 bytes of protobuf; its CloudEvents attributes are as much again.
constexpr size_t kDataBytes = 150;

void Need(const absl::Status& status) {
  if (status.ok()) return;
  fmt::print(stderr, "bus_bench: {}\n", status.ToString());
  std::exit(1);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Print(std::string_view metric, double value, double peer = 0) {
  std::string line =
      fmt::format(R"({{"bench": "bus", "metric": "{}", "value": {:.0f}, "unit": "messages/s")", metric, value);
  if (peer > 0) line += fmt::format(R"(, "peer": {:.0f}, "ratio": {:.3f})", peer, value / peer);
  fmt::print("{}}}\n", line);
  std::fflush(stdout);
}

double Seconds(const std::function<void()>& work) {
  const SteadyClock::time_point start = SteadyClock::now();
  work();
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

std::vector<Message> MakeMessages(const std::string& exchange, size_t count) {
  static constexpr const char* kKeys[] = {"moodle.sn1.core.course.viewed", "moodle.sn1.mod_quiz.attempt.submitted",
                                          "moodle.sn1.mod_forum.post.created", "moodle.sn1.core.user.loggedin"};
  const std::string data = RandomBytes(kDataBytes);
  std::vector<Message> messages(count);
  for (size_t i = 0; i < count; ++i) {
    Message& m = messages[i];
    m.exchange = exchange;
    m.routing_key = kKeys[i % std::size(kKeys)];
    m.id = fmt::format("site/{}", i + 1);
    m.source = "/sites/sn1";
    m.type = "\\core\\event\\course_viewed";
    m.time_us = 1'700'000'000'000'000 + static_cast<int64_t>(i) * 1000;
    m.data = data;
  }
  return messages;
}

void PublishAll(bus::Publisher& publisher, absl::Span<const Message> messages) {
  for (size_t begin = 0; begin < messages.size(); begin += kBatch) {
    const auto outcomes = publisher.Publish(messages.subspan(begin, kBatch));
    Need(outcomes.status());
    for (const bus::PublishOutcome outcome : *outcomes) {
      if (outcome != bus::PublishOutcome::kConfirmed) Need(absl::UnavailableError("a message was not confirmed"));
    }
  }
}

void ConsumeAll(Bus& bus, const std::string& queue, size_t count) {
  std::atomic<size_t> received = 0;
  bus::SubscribeOptions options;
  options.max_batch = 5000;
  auto subscription = bus.Subscribe(queue, options, [&](absl::Span<const bus::Delivery> batch) {
    received += batch.size();
    received.notify_one();
    return absl::OkStatus();
  });
  for (size_t seen = 0; seen < count; seen = received) received.wait(seen);
  subscription->Stop();
}

struct Place {
  std::string name;
  std::unique_ptr<Bus> bus;
  std::string exchange, queue;
  std::function<double(absl::Span<const Message>)> peer_publish;  // seconds
  std::function<double(size_t)> peer_consume;
};

void BenchBus(Place& place, size_t count) {
  const std::vector<Message> messages = MakeMessages(place.exchange, count);
  std::vector<double> publish, consume, peer_publish, peer_consume;
  for (int round = 0; round < kRounds; ++round) {
    auto publisher = place.bus->NewPublisher();
    publish.push_back(Seconds([&] { PublishAll(*publisher, messages); }));
    consume.push_back(Seconds([&] { ConsumeAll(*place.bus, place.queue, count); }));
    peer_publish.push_back(place.peer_publish(messages));
    peer_consume.push_back(place.peer_consume(count));
  }
  const double n = static_cast<double>(count);
  Print("publish." + place.name, n / Median(publish), n / Median(peer_publish));
  Print("consume." + place.name, n / Median(consume), n / Median(peer_consume));
}

// A producer that commits 500 messages at a time, then the relay alone with all of them waiting. The peer is the bus
// without an outbox.
void BenchOutbox(const std::string& name, const store::DatabaseOptions& options, Place& place, size_t count) {
  auto database = store::OpenDatabase(options);
  Need(database.status());
  Need(store::Migrate(**database, "outbox", bus::OutboxMigrations()));
  const std::vector<Message> messages = MakeMessages(place.exchange, count);
  const absl::Span<const Message> all = messages;
  const double append = Seconds([&] {
    for (size_t begin = 0; begin < count; begin += 500) {
      Need((*database)->Write(
          [&](store::Session& session) { return bus::AppendToOutbox(session, all.subspan(begin, 500)); }));
    }
  });
  const double relay = Seconds([&] {
    auto relay = bus::StartOutboxRelay(**database, *place.bus, SystemClock(), bus::RelayOptions());
    while (relay->Stats().published < static_cast<int64_t>(count))
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
  });
  ConsumeAll(*place.bus, place.queue, count);
  auto publisher = place.bus->NewPublisher();
  const double direct = Seconds([&] { PublishAll(*publisher, messages); });
  ConsumeAll(*place.bus, place.queue, count);
  const double n = static_cast<double>(count);
  Print("outbox_append." + name, n / append);
  Print("outbox_relay." + name, n / relay, n / direct);
}

int Run(bool full) {
  const size_t count = full ? 400000 : 60000;
  const std::string unique = HexEncode(RandomBytes(4));
  const std::filesystem::path folder = ".run/bench/bus-" + unique;
  std::filesystem::create_directories(folder);

  Place embedded;
  embedded.name = "embedded";
  auto file = bus::NewEmbeddedBus({.path = (folder / "bus.db").string()});
  Need(file.status());
  embedded.bus = std::move(*file);
  embedded.exchange = "events", embedded.queue = "bench.events";
  Need(embedded.bus->Declare({{{embedded.queue, embedded.exchange, {"moodle.#"}}}}));
  const std::string peer_path = (folder / "peer.db").string();
  embedded.peer_publish = [&](absl::Span<const Message> messages) {
    return InsertWithSqlite(peer_path, messages, kBatch);
  };
  embedded.peer_consume = [&](size_t n) { return ReadAndDeleteWithSqlite(peer_path, n, 5000); };
  BenchBus(embedded, count);
  store::DatabaseOptions sqlite;
  sqlite.sqlite_path = (folder / "store.db").string();
  BenchOutbox("sqlite_embedded", sqlite, embedded, count);

  const char* rabbit_address = std::getenv("COMPAGNON_TEST_RABBIT");
  const char* pg = std::getenv("COMPAGNON_TEST_PG");
  if (rabbit_address == nullptr || pg == nullptr) Need(absl::FailedPreconditionError("start ./dev services"));
  const std::string address = rabbit_address;
  bus::RabbitOptions options;
  options.host = address.substr(0, address.find(':'));
  options.port = std::atoi(address.substr(address.find(':') + 1).c_str());
  options.user = options.password = "guest";
  Place rabbit;
  rabbit.name = "rabbitmq";
  auto broker = bus::NewRabbitBus(options);
  Need(broker.status());
  rabbit.bus = std::move(*broker);
  rabbit.exchange = "bench-" + unique, rabbit.queue = "bench-" + unique + ".events";
  Need(rabbit.bus->Declare({{{rabbit.queue, rabbit.exchange, {"moodle.#"}}}}));
  RawRabbit raw(options.host, options.port);
  rabbit.peer_publish = [&](absl::Span<const Message> messages) { return raw.Publish(messages, 1000); };
  rabbit.peer_consume = [&](size_t n) { return raw.Consume(rabbit.queue, n, 5000); };
  BenchBus(rabbit, count);
  store::DatabaseOptions postgresql;
  postgresql.dialect = store::Dialect::kPostgresql;
  postgresql.postgresql_url = pg;
  postgresql.schema = "bench_" + unique;
  BenchOutbox("postgresql_rabbitmq", postgresql, rabbit, count);

  auto database = store::OpenDatabase(postgresql);
  Need(database.status());
  Need((*database)->Write([&](store::Session& session) {
    return session.Execute("DROP SCHEMA " + postgresql.schema + " CASCADE").status();
  }));
  rabbit.bus.reset();
  raw.Delete(rabbit.queue, rabbit.exchange);
  embedded.bus.reset();
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace compagnon::bench

int main(int argc, char** argv) { return compagnon::bench::Run(argc > 1 && std::strcmp(argv[1], "--full") == 0); }
