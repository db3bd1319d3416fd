// What every back end of the bus promises, run on each.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <thread>

#include "backends/bus_backend.h"
#include "platform/bus/bus.h"

namespace compagnon::bus {
namespace {

using test::Eventually;
using test::Inbox;
using test::MakeMessage;

constexpr PublishOutcome kConfirmed = PublishOutcome::kConfirmed;
constexpr PublishOutcome kUnroutable = PublishOutcome::kUnroutable;

SubscribeOptions Quick(int max_batch = 100) {
  SubscribeOptions options;
  options.max_batch = max_batch;
  options.max_wait = absl::Milliseconds(20);
  options.min_backoff = absl::Milliseconds(5);
  options.max_backoff = absl::Milliseconds(50);
  return options;
}

std::vector<Message> Numbered(const std::string& exchange, int first, int count) {
  std::vector<Message> messages;
  for (int i = first; i < first + count; ++i)
    messages.push_back(MakeMessage(exchange, "moodle.sn1.core.course.viewed", std::to_string(i)));
  return messages;
}
std::vector<std::string> NumberedIds(int first, int count) {
  std::vector<std::string> ids;
  for (int i = first; i < first + count; ++i) ids.push_back(std::to_string(i));
  return ids;
}

std::vector<PublishOutcome> Publish(Publisher& publisher, const std::vector<Message>& messages) {
  absl::StatusOr<std::vector<PublishOutcome>> outcomes = publisher.Publish(messages);
  if (!outcomes.ok()) FAIL(outcomes.status().ToString());
  return *outcomes;
}
bool AllConfirmed(const std::vector<PublishOutcome>& outcomes) {
  return std::all_of(outcomes.begin(), outcomes.end(), [](PublishOutcome o) { return o == kConfirmed; });
}

BUS_CONTRACT("messages arrive once and in the order they were published", "[bus]") {
  backend.AddQueue("q", "events", {"moodle.#"});
  auto publisher = backend.bus().NewPublisher();
  Inbox inbox;
  auto subscription = backend.bus().Subscribe(backend.Name("q"), Quick(300), inbox.Handler());
  for (int i = 0; i < 5; ++i)
    CHECK(AllConfirmed(Publish(*publisher, Numbered(backend.Name("events"), i * 1000, 1000))));
  REQUIRE(Eventually([&] { return inbox.size() >= 5000; }));
  subscription->Stop();
  CHECK(inbox.Ids() == NumberedIds(0, 5000));
  CHECK(*backend.bus().Depth(backend.Name("q")) == 0);
}

BUS_CONTRACT("every attribute and every byte of the data arrive as they were sent", "[bus]") {
  backend.AddQueue("q", "events", {"#"});
  Message full = MakeMessage(backend.Name("events"), "moodle.sn1.core.course.viewed", "site/412 é \"quoted\"");
  full.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  full.time_us = 951782399999999;  // 2000-02-28T23:59:59.999999Z
  full.data.clear();
  for (int i = 0; i < 1024; ++i) full.data += static_cast<char>(i % 256);
  Message bare;
  bare.exchange = backend.Name("events");
  Message before_1970 = MakeMessage(backend.Name("events"), std::string(255, 'k'), "old");
  before_1970.time_us = -1;
  auto publisher = backend.bus().NewPublisher();
  CHECK(AllConfirmed(Publish(*publisher, {full, bare, before_1970})));
  Inbox inbox;
  auto subscription = backend.bus().Subscribe(backend.Name("q"), Quick(), inbox.Handler());
  REQUIRE(Eventually([&] { return inbox.size() == 3; }));
  const std::vector<Delivery> all = inbox.All();
  const Message* sent[] = {&full, &bare, &before_1970};
  for (int i = 0; i < 3; ++i) {
    const Message& m = all[i].message;
    CHECK(m.exchange == sent[i]->exchange);
    CHECK(m.routing_key == sent[i]->routing_key);
    CHECK(m.id == sent[i]->id);
    CHECK(m.source == sent[i]->source);
    CHECK(m.type == sent[i]->type);
    CHECK(m.time_us == sent[i]->time_us);
    CHECK(m.traceparent == sent[i]->traceparent);
    CHECK(m.data == sent[i]->data);
    CHECK_FALSE(all[i].redelivered);
  }
}

BUS_CONTRACT("a consumer that ends without accepting its batch leaves all of it to the next one", "[bus]") {
  backend.AddQueue("q", "events", {"#"});
  auto publisher = backend.bus().NewPublisher();
  CHECK(AllConfirmed(Publish(*publisher, Numbered(backend.Name("events"), 0, 50))));
  Inbox refused;
  auto first = backend.bus().Subscribe(backend.Name("q"), Quick(30),
                                       refused.Handler([] { return absl::UnavailableError("store down"); }));
  REQUIRE(Eventually([&] { return refused.batches() >= 2; }));
  first.reset();
  Inbox inbox;
  auto second = backend.bus().Subscribe(backend.Name("q"), Quick(30), inbox.Handler());
  REQUIRE(Eventually([&] { return inbox.size() >= 50; }));
  second->Stop();
  CHECK(inbox.Ids() == NumberedIds(0, 50));
  CHECK(inbox.All()[0].redelivered);
}

BUS_CONTRACT("a refused batch is held and handed again unchanged until it is accepted", "[bus]") {
  backend.AddQueue("q", "events", {"#"});
  auto publisher = backend.bus().NewPublisher();
  CHECK(AllConfirmed(Publish(*publisher, Numbered(backend.Name("events"), 0, 25))));
  std::atomic<int> calls = 0;
  Inbox inbox;
  auto subscription = backend.bus().Subscribe(backend.Name("q"), Quick(10), inbox.Handler([&] {
    return ++calls <= 3 ? absl::UnavailableError("store down") : absl::OkStatus();
  }));
  REQUIRE(Eventually([&] { return inbox.size() >= 55; }));
  REQUIRE(Eventually([&] { return subscription->Healthy(); }));
  subscription->Stop();
  std::vector<std::string> expected;
  for (int i = 0; i < 3; ++i) {
    for (const std::string& id : NumberedIds(0, 10)) expected.push_back(id);
  }
  for (const std::string& id : NumberedIds(0, 25)) expected.push_back(id);
  CHECK(inbox.Ids() == expected);
  CHECK(*backend.bus().Depth(backend.Name("q")) == 0);
}

BUS_CONTRACT("a consumer that holds a batch says it is not healthy", "[bus]") {
  backend.AddQueue("q", "events", {"#"});
  auto publisher = backend.bus().NewPublisher();
  std::atomic<bool> down = false;
  Inbox inbox;
  auto subscription = backend.bus().Subscribe(backend.Name("q"), Quick(), inbox.Handler([&] {
    return down ? absl::UnavailableError("store down") : absl::OkStatus();
  }));
  REQUIRE(Eventually([&] { return subscription->Healthy(); }));
  down = true;
  CHECK(AllConfirmed(Publish(*publisher, Numbered(backend.Name("events"), 0, 1))));
  CHECK(Eventually([&] { return !subscription->Healthy(); }));
  down = false;
  CHECK(Eventually([&] { return subscription->Healthy(); }));
}

BUS_CONTRACT("a message that no queue is bound to is unroutable until one is", "[bus]") {
  backend.AddQueue("q", "events", {"moodle.#"});
  auto publisher = backend.bus().NewPublisher();
  std::vector<Message> messages = Numbered(backend.Name("events"), 0, 3);
  messages[1].routing_key = "analytics.figures.published";
  Message elsewhere = MakeMessage(backend.Name("audit"), "moodle.sn1", "elsewhere");
  messages.push_back(elsewhere);
  CHECK(Publish(*publisher, messages) == std::vector<PublishOutcome>{kConfirmed, kUnroutable, kConfirmed, kUnroutable});
  backend.AddQueue("r", "audit", {"#"});
  CHECK(Publish(*publisher, messages) == std::vector<PublishOutcome>{kConfirmed, kUnroutable, kConfirmed, kConfirmed});
  CHECK(Publish(*publisher, {messages[1]}) == std::vector<PublishOutcome>{kUnroutable});
  Inbox inbox;
  auto subscription = backend.bus().Subscribe(backend.Name("r"), Quick(), inbox.Handler());
  REQUIRE(Eventually([&] { return inbox.size() == 1; }));
  CHECK(inbox.Ids()[0] == "elsewhere");
}

BUS_CONTRACT("many unroutable messages among others are told apart one by one", "[bus]") {
  backend.AddQueue("q", "events", {"moodle.#"});
  auto publisher = backend.bus().NewPublisher();
  std::vector<Message> messages = Numbered(backend.Name("events"), 0, 3000);
  for (size_t i = 0; i < messages.size(); i += 3) messages[i].routing_key = "nobody.hears";
  for (Message& message : messages) message.data = std::string(4000, 'x');
  const std::vector<PublishOutcome> outcomes = Publish(*publisher, messages);
  size_t wrong = 0;
  for (size_t i = 0; i < outcomes.size(); ++i) wrong += outcomes[i] != (i % 3 == 0 ? kUnroutable : kConfirmed);
  CHECK(wrong == 0);
  CHECK(Eventually([&] { return *backend.bus().Depth(backend.Name("q")) == 2000; }));
}

BUS_CONTRACT("a message of 5 MB passes and one above the limit is refused before anything is sent", "[bus]") {
  backend.AddQueue("q", "events", {"#"});
  auto publisher = backend.bus().NewPublisher();
  std::vector<Message> messages = Numbered(backend.Name("events"), 0, 2);
  messages[1].data.resize(5 << 20);
  for (size_t i = 0; i < messages[1].data.size(); ++i) messages[1].data[i] = static_cast<char>(i * 2654435761u >> 13);
  std::vector<Message> too_big = messages;
  too_big[1].data.resize(kMaxMessageBytes + 1);
  const absl::Status refused = publisher->Publish(too_big).status();
  CHECK(absl::IsInvalidArgument(refused));
  CHECK(ReasonOf(refused) == "bus_message_invalid");
  CHECK_THAT(std::string(refused.message()), Catch::Contains("more than the limit of 8388608"));
  CHECK(AllConfirmed(Publish(*publisher, messages)));
  Inbox inbox;
  auto subscription = backend.bus().Subscribe(backend.Name("q"), Quick(), inbox.Handler());
  REQUIRE(Eventually([&] { return inbox.size() >= 2; }));
  subscription->Stop();
  CHECK(inbox.Ids() == NumberedIds(0, 2));
  CHECK(inbox.All()[1].message.data == messages[1].data);
}

BUS_CONTRACT("what cannot travel on both back ends is refused by either", "[bus]") {
  backend.AddQueue("q", "events", {"#"});
  auto publisher = backend.bus().NewPublisher();
  Message good = MakeMessage(backend.Name("events"), "a.b", "1");
  Message long_key = good, no_exchange = good, latin1 = good, nul = good;
  long_key.routing_key = std::string(256, 'k');
  no_exchange.exchange = "";
  latin1.type = "caf\xe9";
  nul.id = std::string("a\0b", 3);
  for (const Message& bad : {long_key, no_exchange, latin1, nul}) {
    CHECK(absl::IsInvalidArgument(publisher->Publish(std::vector<Message>{good, bad}).status()));
  }
  CHECK(Publish(*publisher, {}).empty());
  CHECK(*backend.bus().Depth(backend.Name("q")) == 0);
}

BUS_CONTRACT("each queue bound to a message gets it once however many of its bindings match", "[bus]") {
  backend.AddQueue("all", "events", {"#", "moodle.#", "*.sn1.#"});
  backend.AddQueue("completed", "events", {"#.completed"});
  backend.AddQueue("other", "audit", {"#"});
  auto publisher = backend.bus().NewPublisher();
  CHECK(AllConfirmed(Publish(*publisher, {MakeMessage(backend.Name("events"), "moodle.sn1.core.course.completed", "1"),
                                          MakeMessage(backend.Name("events"), "moodle.sn1.core.course.viewed", "2")})));
  Inbox all, completed;
  auto s1 = backend.bus().Subscribe(backend.Name("all"), Quick(), all.Handler());
  auto s2 = backend.bus().Subscribe(backend.Name("completed"), Quick(), completed.Handler());
  REQUIRE(Eventually([&] { return all.size() >= 2 && completed.size() >= 1; }));
  s1->Stop();
  s2->Stop();
  CHECK(all.Ids() == NumberedIds(1, 2));
  CHECK(completed.Ids() == NumberedIds(1, 1));
  CHECK(*backend.bus().Depth(backend.Name("other")) == 0);
}

BUS_CONTRACT("consumers of one queue share its messages between them", "[bus]") {
  backend.AddQueue("q", "events", {"#"});
  std::vector<Inbox> inboxes(3);
  std::vector<std::unique_ptr<Subscription>> subscriptions;
  for (Inbox& inbox : inboxes)
    subscriptions.push_back(backend.bus().Subscribe(backend.Name("q"), Quick(20), inbox.Handler()));
  auto publisher = backend.bus().NewPublisher();
  for (int i = 0; i < 20; ++i) CHECK(AllConfirmed(Publish(*publisher, Numbered(backend.Name("events"), i * 100, 100))));
  const auto total = [&] { return inboxes[0].size() + inboxes[1].size() + inboxes[2].size(); };
  REQUIRE(Eventually([&] { return total() >= 2000; }));
  for (auto& subscription : subscriptions) subscription->Stop();
  std::set<std::string> ids;
  for (Inbox& inbox : inboxes) {
    for (const std::string& id : inbox.Ids()) ids.insert(id);
  }
  CHECK(ids.size() == 2000);
  CHECK(total() == 2000);
}

BUS_CONTRACT("several publishers at once lose nothing and keep each one's order", "[bus]") {
  backend.AddQueue("q", "events", {"#"});
  Inbox inbox;
  auto subscription = backend.bus().Subscribe(backend.Name("q"), Quick(500), inbox.Handler());
  std::atomic<int> unconfirmed = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      auto publisher = backend.bus().NewPublisher();
      for (int i = 0; i < 5; ++i) {
        std::vector<Message> messages = Numbered(backend.Name("events"), i * 50, 50);
        for (Message& message : messages) message.source = std::to_string(t);
        absl::StatusOr<std::vector<PublishOutcome>> outcomes = publisher->Publish(messages);
        if (!outcomes.ok() || !AllConfirmed(*outcomes)) ++unconfirmed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(unconfirmed == 0);
  REQUIRE(Eventually([&] { return inbox.size() >= 1000; }));
  subscription->Stop();
  std::map<std::string, std::vector<std::string>> by_source;
  for (const Delivery& delivery : inbox.All()) by_source[delivery.message.source].push_back(delivery.message.id);
  REQUIRE(by_source.size() == 4);
  for (const auto& [source, ids] : by_source) CHECK(ids == NumberedIds(0, 250));
}

BUS_CONTRACT("messages that trickle in are not held back until a batch is full", "[bus]") {
  backend.AddQueue("q", "events", {"#"});
  Inbox inbox;
  auto subscription = backend.bus().Subscribe(backend.Name("q"), Quick(5000), inbox.Handler());
  auto publisher = backend.bus().NewPublisher();
  // Never a pause as long as max_wait, and never enough for a full batch.
  for (int i = 0; i < 200 && inbox.batches() < 3; ++i) {
    CHECK(AllConfirmed(Publish(*publisher, Numbered(backend.Name("events"), i, 1))));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  CHECK(inbox.batches() >= 3);
}

BUS_CONTRACT("a batch ends at its limit of bytes", "[bus]") {
  backend.AddQueue("q", "events", {"#"});
  auto publisher = backend.bus().NewPublisher();
  std::vector<Message> messages = Numbered(backend.Name("events"), 0, 10);
  for (Message& message : messages) message.data = std::string(100000, 'x');
  CHECK(AllConfirmed(Publish(*publisher, messages)));
  SubscribeOptions options = Quick();
  options.max_batch_bytes = 250000;
  std::atomic<size_t> largest = 0, received = 0;
  auto subscription = backend.bus().Subscribe(backend.Name("q"), options, [&](absl::Span<const Delivery> batch) {
    largest = std::max<size_t>(largest, batch.size());
    received += batch.size();
    return absl::OkStatus();
  });
  REQUIRE(Eventually([&] { return received == 10; }));
  CHECK(largest == 3);
}

BUS_CONTRACT("a consumer started before its queue exists begins once it does", "[bus]") {
  Inbox inbox;
  auto subscription = backend.bus().Subscribe(backend.Name("late"), Quick(), inbox.Handler());
  CHECK_FALSE(subscription->Healthy());
  backend.AddQueue("late", "events", {"#"});
  auto publisher = backend.bus().NewPublisher();
  CHECK(AllConfirmed(Publish(*publisher, Numbered(backend.Name("events"), 0, 5))));
  CHECK(Eventually([&] { return inbox.size() == 5; }));
}

BUS_CONTRACT("messages outlive the process that published them and a second declaration", "[bus]") {
  backend.AddQueue("q", "events", {"#"});
  {
    auto publisher = backend.bus().NewPublisher();
    CHECK(AllConfirmed(Publish(*publisher, Numbered(backend.Name("events"), 0, 100))));
  }
  backend.Close();
  backend.AddQueue("r", "events", {"none"});
  CHECK(Eventually([&] { return *backend.bus().Depth(backend.Name("q")) == 100; }));
  Inbox inbox;
  auto subscription = backend.bus().Subscribe(backend.Name("q"), Quick(), inbox.Handler());
  REQUIRE(Eventually([&] { return inbox.size() == 100; }));
  CHECK(inbox.Ids() == NumberedIds(0, 100));
}

BUS_CONTRACT("another process publishes and this one consumes", "[bus]") {
  backend.AddQueue("q", "events", {"#"});
  Inbox inbox;
  auto subscription = backend.bus().Subscribe(backend.Name("q"), Quick(), inbox.Handler());
  auto other = backend.OpenAnother();
  auto publisher = other->NewPublisher();
  CHECK(AllConfirmed(Publish(*publisher, Numbered(backend.Name("events"), 0, 10))));
  CHECK(Eventually([&] { return inbox.size() == 10; }));
}

BUS_CONTRACT("a bus that works answers a ping and a queue nobody declared has no depth", "[bus]") {
  CHECK(backend.bus().Ping().ok());
  CHECK(absl::IsNotFound(backend.bus().Depth(backend.Name("nowhere")).status()));
  CHECK(backend.bus().Ping().ok());
}

}  // namespace
}  // namespace compagnon::bus
