// The outbox and its relay, on both databases, before a bus that answers as each test needs.
#include "platform/bus/outbox.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <functional>
#include <map>
#include <set>
#include <thread>

#include "backends/bus_backend.h"
#include "backends/store_backend.h"
#include "platform/base/clock.h"

namespace compagnon::bus {
namespace {

using store::Row;
using store::Session;
using test::Eventually;
using test::MakeMessage;

// Accepts everything and remembers it, unless told otherwise. Publishers of several threads share it.
class ScriptedBus : public Bus {
 public:
  using Reply = std::function<absl::StatusOr<std::vector<PublishOutcome>>(absl::Span<const Message>)>;

  void Answer(Reply reply) {
    std::lock_guard lock(mutex_);
    reply_ = std::move(reply);
  }
  std::vector<std::string> Ids() const {
    std::lock_guard lock(mutex_);
    return ids_;
  }
  std::vector<Message> Messages() const {
    std::lock_guard lock(mutex_);
    return messages_;
  }
  std::vector<size_t> BatchBytes() const {
    std::lock_guard lock(mutex_);
    return batch_bytes_;
  }

  absl::Status Declare(const Topology&) override { return absl::OkStatus(); }
  std::unique_ptr<Publisher> NewPublisher() override { return std::make_unique<ScriptedPublisher>(*this); }
  std::unique_ptr<Subscription> Subscribe(std::string, SubscribeOptions, BatchHandler) override { return nullptr; }
  absl::StatusOr<int64_t> Depth(std::string_view) override { return 0; }
  absl::Status Ping() override { return absl::OkStatus(); }

 private:
  class ScriptedPublisher : public Publisher {
   public:
    explicit ScriptedPublisher(ScriptedBus& bus) : bus_(bus) {}
    absl::StatusOr<std::vector<PublishOutcome>> Publish(absl::Span<const Message> messages) override {
      std::lock_guard lock(bus_.mutex_);
      size_t bytes = 0;
      for (const Message& message : messages) {
        bus_.ids_.push_back(message.id);
        bus_.messages_.push_back(message);
        bytes += message.data.size();
      }
      bus_.batch_bytes_.push_back(bytes);
      if (bus_.reply_) return bus_.reply_(messages);
      return std::vector<PublishOutcome>(messages.size(), PublishOutcome::kConfirmed);
    }

   private:
    ScriptedBus& bus_;
  };

  mutable std::mutex mutex_;
  Reply reply_;
  std::vector<std::string> ids_;
  std::vector<Message> messages_;
  std::vector<size_t> batch_bytes_;
};

RelayOptions Quick() {
  RelayOptions options;
  options.batch = 50;
  options.idle_poll = absl::Milliseconds(10);
  options.unroutable_retry = absl::Milliseconds(50);
  options.min_backoff = absl::Milliseconds(5);
  options.max_backoff = absl::Milliseconds(20);
  return options;
}

void Prepare(store::Database& database) { REQUIRE(store::Migrate(database, "outbox", OutboxMigrations()).ok()); }

std::vector<Message> Numbered(int first, int count) {
  std::vector<Message> messages;
  for (int i = first; i < first + count; ++i)
    messages.push_back(MakeMessage("events", "moodle.sn1.core.course.viewed", std::to_string(i)));
  return messages;
}
std::vector<std::string> NumberedIds(int first, int count) {
  std::vector<std::string> ids;
  for (int i = first; i < first + count; ++i) ids.push_back(std::to_string(i));
  return ids;
}

void Append(store::Database& database, const std::vector<Message>& messages) {
  const absl::Status status = database.Write([&](Session& session) { return AppendToOutbox(session, messages); });
  if (!status.ok()) FAIL(status.ToString());
}
int64_t Count(store::Database& database, const std::string& sql) {
  int64_t count = -1;
  REQUIRE(database
              .Read([&](Session& session) {
                return session.Query(sql, {}, [&](const Row& row) {
                  count = row.Int(0);
                  return absl::OkStatus();
                });
              })
              .ok());
  return count;
}
bool Emptied(OutboxRelay& relay) {
  return Eventually([&] {
    const absl::StatusOr<int64_t> pending = relay.Pending();
    return pending.ok() && *pending == 0;
  });
}

STORE_CONTRACT("what is committed to the outbox is published once and in order", "[bus][outbox]") {
  store::Database& database = backend.database();
  Prepare(database);
  ScriptedBus bus;
  Append(database, Numbered(0, 120));
  auto relay = StartOutboxRelay(database, bus, SystemClock(), Quick());
  for (int i = 120; i < 300; i += 7) Append(database, Numbered(i, std::min(7, 300 - i)));
  CHECK(Emptied(*relay));
  relay->Stop();
  CHECK(bus.Ids() == NumberedIds(0, 300));
  CHECK(relay->Stats().published == 300);
  CHECK(relay->Stats().failures == 0);
}

STORE_CONTRACT("a message leaves the outbox with every attribute and byte it was given", "[bus][outbox]") {
  store::Database& database = backend.database();
  Prepare(database);
  Message message = MakeMessage("audit", "moodle.sn1.core.é", "site/1 \"'\\");
  message.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  message.data.clear();
  for (int i = 0; i < 512; ++i) message.data += static_cast<char>(i % 256);
  Append(database, {message});
  ScriptedBus bus;
  auto relay = StartOutboxRelay(database, bus, SystemClock(), Quick());
  REQUIRE(Emptied(*relay));
  const Message sent = bus.Messages().at(0);
  CHECK(sent.exchange == message.exchange);
  CHECK(sent.routing_key == message.routing_key);
  CHECK(sent.id == message.id);
  CHECK(sent.source == message.source);
  CHECK(sent.type == message.type);
  CHECK(sent.time_us == message.time_us);
  CHECK(sent.traceparent == message.traceparent);
  CHECK(sent.data == message.data);
}

STORE_CONTRACT("nothing of a transaction that fails is published", "[bus][outbox]") {
  store::Database& database = backend.database();
  Prepare(database);
  CHECK_FALSE(database
                  .Write([&](Session& session) -> absl::Status {
                    RETURN_IF_ERROR(AppendToOutbox(session, Numbered(0, 10)));
                    return absl::InternalError("the module's own change failed");
                  })
                  .ok());
  Append(database, Numbered(10, 1));
  ScriptedBus bus;
  auto relay = StartOutboxRelay(database, bus, SystemClock(), Quick());
  REQUIRE(Emptied(*relay));
  CHECK(bus.Ids() == NumberedIds(10, 1));
}

STORE_CONTRACT("the outbox refuses what no bus could carry", "[bus][outbox]") {
  store::Database& database = backend.database();
  Prepare(database);
  std::vector<Message> messages = Numbered(0, 2);
  messages[1].data.resize(kMaxMessageBytes + 1);
  const absl::Status status = database.Write([&](Session& session) { return AppendToOutbox(session, messages); });
  CHECK(absl::IsInvalidArgument(status));
  CHECK(Count(database, "SELECT count(*) FROM outbox") == 0);
}

STORE_CONTRACT("a wake makes the relay look at once instead of at its next poll", "[bus][outbox]") {
  store::Database& database = backend.database();
  Prepare(database);
  ScriptedBus bus;
  RelayOptions options = Quick();
  options.idle_poll = absl::Hours(1);
  auto relay = StartOutboxRelay(database, bus, SystemClock(), options);
  for (int i = 0; i < 3; ++i) {
    Append(database, Numbered(i, 1));
    relay->Wake();
    REQUIRE(Eventually([&] { return bus.Ids().size() == static_cast<size_t>(i) + 1; }));
  }
}

STORE_CONTRACT("what is not confirmed is published again until it is", "[bus][outbox]") {
  store::Database& database = backend.database();
  Prepare(database);
  ScriptedBus bus;
  std::atomic<int> calls = 0;
  bus.Answer([&](absl::Span<const Message> messages) {
    std::vector<PublishOutcome> outcomes(messages.size(), PublishOutcome::kConfirmed);
    if (++calls == 1) std::fill(outcomes.begin() + 3, outcomes.end(), PublishOutcome::kUnconfirmed);
    return outcomes;
  });
  Append(database, Numbered(0, 10));
  auto relay = StartOutboxRelay(database, bus, SystemClock(), Quick());
  REQUIRE(Emptied(*relay));
  relay->Stop();
  std::vector<std::string> expected = NumberedIds(0, 10);
  for (const std::string& id : NumberedIds(3, 7)) expected.push_back(id);
  CHECK(bus.Ids() == expected);
  CHECK(relay->Stats().unconfirmed == 7);
}

STORE_CONTRACT("while the bus is down the outbox keeps its rows and publishes them afterwards", "[bus][outbox]") {
  store::Database& database = backend.database();
  Prepare(database);
  ScriptedBus bus;
  std::atomic<bool> down = true;
  bus.Answer([&](absl::Span<const Message> messages) -> absl::StatusOr<std::vector<PublishOutcome>> {
    if (down) return absl::UnavailableError("bus down");
    return std::vector<PublishOutcome>(messages.size(), PublishOutcome::kConfirmed);
  });
  Append(database, Numbered(0, 10));
  auto relay = StartOutboxRelay(database, bus, SystemClock(), Quick());
  REQUIRE(Eventually([&] { return relay->Stats().failures >= 3; }));
  CHECK(*relay->Pending() == 10);
  down = false;
  CHECK(Emptied(*relay));
}

STORE_CONTRACT("messages nobody hears stay and hold nothing else up", "[bus][outbox]") {
  store::Database& database = backend.database();
  Prepare(database);
  ScriptedBus bus;
  std::atomic<bool> audit_bound = false;
  bus.Answer([&](absl::Span<const Message> messages) {
    std::vector<PublishOutcome> outcomes;
    for (const Message& m : messages) {
      outcomes.push_back(m.exchange == "audit" && !audit_bound ? PublishOutcome::kUnroutable
                                                               : PublishOutcome::kConfirmed);
    }
    return outcomes;
  });
  // More than two batches of them before the first that can be published, and one in every gap after.
  std::vector<Message> messages = Numbered(0, 300);
  for (int i = 0; i < 300; ++i) {
    if (i < 120 || i % 2 == 0) messages[i].exchange = "audit";
  }
  Append(database, messages);
  auto relay = StartOutboxRelay(database, bus, SystemClock(), Quick());
  REQUIRE(Eventually([&] { return relay->Stats().published == 90; }));
  REQUIRE(Eventually([&] { return relay->Stats().unroutable >= 420; }));
  CHECK(*relay->Pending() == 210);
  audit_bound = true;
  CHECK(Emptied(*relay));
  relay->Stop();
  CHECK(relay->Stats().published == 300);
}

STORE_CONTRACT("batches of large messages hold fewer of them", "[bus][outbox]") {
  store::Database& database = backend.database();
  Prepare(database);
  std::vector<Message> messages = Numbered(0, 24);
  for (Message& message : messages) message.data.assign(3 << 10, 'x');
  Append(database, messages);
  ScriptedBus bus;
  RelayOptions options = Quick();
  options.batch = 12;
  options.batch_bytes = 32 << 10;
  auto relay = StartOutboxRelay(database, bus, SystemClock(), options);
  REQUIRE(Emptied(*relay));
  relay->Stop();
  const std::vector<size_t> bytes = bus.BatchBytes();
  REQUIRE(bytes.size() == 3);
  CHECK(bytes[0] == size_t{36} << 10);  // sizes are not known before the first batch
  CHECK(bytes[1] == size_t{30} << 10);
  CHECK(bus.Ids() == NumberedIds(0, 24));
}

STORE_CONTRACT("two relays on one outbox publish all of it", "[bus][outbox]") {
  store::Database& database = backend.database();
  Prepare(database);
  auto other_database = backend.OpenAnother();
  ScriptedBus bus;
  auto one = StartOutboxRelay(database, bus, SystemClock(), Quick());
  auto two = StartOutboxRelay(*other_database, bus, SystemClock(), Quick());
  for (int i = 0; i < 40; ++i) Append(database, Numbered(i * 50, 50));
  CHECK(Emptied(*one));
  one->Stop();
  two->Stop();
  std::vector<std::string> ids = bus.Ids();
  const std::set<std::string> distinct(ids.begin(), ids.end());
  CHECK(distinct.size() == 2000);
  if (!backend.sqlite()) CHECK(ids.size() == 2000);  // SKIP LOCKED; SQLite has no row locks and may publish some twice
}

TEST_CASE("rows that commit after rows with higher ids are published too (PostgreSQL)", "[bus][outbox][services]") {
  test::StoreBackend backend(store::Dialect::kPostgresql);
  store::Database& database = backend.database();
  Prepare(database);
  ScriptedBus bus;
  auto relay = StartOutboxRelay(database, bus, SystemClock(), Quick());
  std::mutex mutex;
  std::condition_variable changed;
  bool inserted = false, may_commit = false;
  std::thread slow([&] {
    (void)database.Write([&](Session& session) -> absl::Status {
      RETURN_IF_ERROR(AppendToOutbox(session, Numbered(0, 5)));
      std::unique_lock lock(mutex);
      inserted = true;
      changed.notify_all();
      changed.wait(lock, [&] { return may_commit; });
      return absl::OkStatus();
    });
  });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return inserted; });
  }
  Append(database, Numbered(5, 100));
  const bool others = Eventually([&] { return relay->Stats().published == 100; });
  {
    std::lock_guard lock(mutex);
    may_commit = true;
  }
  changed.notify_all();
  slow.join();
  CHECK(others);
  CHECK(Emptied(*relay));
  relay->Stop();
  std::vector<std::string> expected = NumberedIds(5, 100);
  for (const std::string& id : NumberedIds(0, 5)) expected.push_back(id);
  CHECK(bus.Ids() == expected);
}

STORE_CONTRACT("a relay killed at any moment loses nothing and at worst repeats", "[bus][outbox][fault]") {
  Prepare(backend.database());
  test::BusBackend bus_backend(false);
  bus_backend.AddQueue("q", "events", {"#"});
  std::vector<Message> messages = Numbered(0, 4000);
  for (Message& message : messages) message.exchange = bus_backend.Name("events");
  Append(backend.database(), messages);
  for (int kill_after_ms : {3, 8, 15, 25, 40}) {
    const pid_t child = fork();
    if (child == 0) {
      // Connections of its own: those of the parent must not be used on both sides of a fork.
      auto database = store::OpenDatabase(backend.options());
      auto bus = NewEmbeddedBus(bus_backend.embedded_options);
      if (!database.ok() || !bus.ok()) _exit(1);
      auto relay = StartOutboxRelay(**database, **bus, SystemClock(), Quick());
      for (;;) pause();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kill_after_ms));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
  test::Inbox inbox;
  auto subscription = bus_backend.bus().Subscribe(bus_backend.Name("q"), SubscribeOptions(), inbox.Handler());
  auto relay = StartOutboxRelay(backend.database(), bus_backend.bus(), SystemClock(), Quick());
  REQUIRE(Emptied(*relay));
  const auto distinct = [&] {
    const std::vector<std::string> ids = inbox.Ids();
    return std::set<std::string>(ids.begin(), ids.end()).size();
  };
  CHECK(Eventually([&] { return distinct() == 4000; }));
  CHECK(inbox.size() <= 4000 + 5 * 50);  // one batch a kill
}

STORE_CONTRACT("a rejected message is kept with its reason and only once", "[bus][outbox]") {
  store::Database& database = backend.database();
  Prepare(database);
  Message foreign;
  foreign.exchange = "events";
  foreign.routing_key = "r";
  foreign.id = std::string("a\0b", 3);
  foreign.type = "caf\xe9";
  foreign.data = std::string("\x00\xff\x01", 3);
  const absl::Time now = absl::FromUnixMicros(1700000000000001);
  for (int i = 0; i < 2; ++i) {
    REQUIRE(database.Write([&](Session& session) { return Reject(session, foreign, "cannot be decoded", now); }).ok());
  }
  REQUIRE(database.Write([&](Session& session) { return Reject(session, foreign, "breaks another rule", now); }).ok());
  CHECK(Count(database, "SELECT count(*) FROM rejected") == 2);
  int seen = 0;
  REQUIRE(database
              .Read([&](Session& session) {
                return session.Query("SELECT rejected_at_us, reason, event_id, type, data FROM rejected ORDER BY id",
                                     {}, [&](const Row& row) {
                                       if (seen++ == 0) {
                                         CHECK(row.Int(0) == 1700000000000001);
                                         CHECK(row.Text(1) == "cannot be decoded");
                                         CHECK(row.Text(2) == "a\\x00b");
                                         CHECK(row.Text(3) == "caf\\xe9");
                                         CHECK(row.BytesAt(4) == foreign.data);
                                       }
                                       return absl::OkStatus();
                                     });
              })
              .ok());
  CHECK(seen == 2);
}

}  // namespace
}  // namespace compagnon::bus
