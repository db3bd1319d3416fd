// What only RabbitMQ brings: foreign messages, connections that end, a broker that stops, blocks or asks for TLS.
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "backends/bus_backend.h"
#include "platform/base/ids.h"
#include "platform/bus/bus.h"

namespace compagnon::bus {
namespace {

using test::BusBackend;
using test::Eventually;
using test::Inbox;
using test::MakeMessage;

SubscribeOptions Quick(int max_batch = 100) {
  SubscribeOptions options;
  options.max_batch = max_batch;
  options.max_wait = absl::Milliseconds(20);
  options.min_backoff = absl::Milliseconds(20);
  options.max_backoff = absl::Milliseconds(200);
  return options;
}

std::vector<Message> Numbered(const std::string& exchange, int first, int count) {
  std::vector<Message> messages;
  for (int i = first; i < first + count; ++i) messages.push_back(MakeMessage(exchange, "a.b", std::to_string(i)));
  return messages;
}

// A connection that says whatever a test wants to the broker.
class Raw {
 public:
  explicit Raw(const RabbitOptions& options) : state_(amqp_new_connection()) {
    amqp_socket_t* socket = amqp_tcp_socket_new(state_);
    REQUIRE(amqp_socket_open(socket, options.host.c_str(), options.port) == AMQP_STATUS_OK);
    REQUIRE(amqp_login(state_, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest").reply_type ==
            AMQP_RESPONSE_NORMAL);
    amqp_channel_open(state_, 1);
    REQUIRE(amqp_get_rpc_reply(state_).reply_type == AMQP_RESPONSE_NORMAL);
  }
  ~Raw() {
    amqp_connection_close(state_, AMQP_REPLY_SUCCESS);
    amqp_destroy_connection(state_);
  }
  void Publish(const std::string& exchange, const amqp_basic_properties_t* properties, const std::string& data) {
    REQUIRE(amqp_basic_publish(state_, 1, amqp_cstring_bytes(exchange.c_str()), amqp_cstring_bytes("a.b"), 0, 0,
                               properties, {data.size(), const_cast<char*>(data.data())}) == AMQP_STATUS_OK);
  }
  // The first message of a queue, as another consumer sees it.
  amqp_message_t Get(const std::string& queue) {
    REQUIRE(amqp_basic_get(state_, 1, amqp_cstring_bytes(queue.c_str()), 1).reply_type == AMQP_RESPONSE_NORMAL);
    amqp_message_t message;
    REQUIRE(amqp_read_message(state_, 1, &message, 0).reply_type == AMQP_RESPONSE_NORMAL);
    return message;
  }
  void DeleteQueue(const std::string& queue) { amqp_queue_delete(state_, 1, amqp_cstring_bytes(queue.c_str()), 0, 0); }

 private:
  amqp_connection_state_t state_;
};

amqp_table_entry_t Entry(const char* key, amqp_field_value_t value) { return {amqp_cstring_bytes(key), value}; }
amqp_field_value_t Text(const char* text) {
  amqp_field_value_t value;
  value.kind = AMQP_FIELD_KIND_UTF8;
  value.value.bytes = amqp_cstring_bytes(text);
  return value;
}
amqp_field_value_t Number(int64_t number) {
  amqp_field_value_t value;
  value.kind = AMQP_FIELD_KIND_I64;
  value.value.i64 = number;
  return value;
}

TEST_CASE("foreign messages arrive with empty fields where their headers say nothing usable", "[bus][services]") {
  BusBackend backend(true);
  backend.AddQueue("q", "events", {"#"});
  {
    Raw raw(backend.rabbit_options);
    raw.Publish(backend.Name("events"), nullptr, "no properties at all");
    amqp_table_entry_t nested[] = {Entry("x", Text("y"))};
    amqp_field_value_t table;
    table.kind = AMQP_FIELD_KIND_TABLE;
    table.value.table = {1, nested};
    amqp_table_entry_t headers[] = {
        Entry("cloudEvents:id", Number(7)),       Entry("cloudEvents:source", table),
        Entry("cloudEvents:time", Text("today")), Entry("cloudEvents:type", Text("its.type")),
        Entry("cloudEvents:", Text("nameless")),  Entry("id", Text("not an attribute"))};
    amqp_basic_properties_t properties = {};
    properties._flags = AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_CONTENT_TYPE_FLAG;
    properties.content_type = amqp_cstring_bytes("text/plain");
    properties.headers = {static_cast<int>(std::size(headers)), headers};
    raw.Publish(backend.Name("events"), &properties, "");
  }
  Inbox inbox;
  auto subscription = backend.bus().Subscribe(backend.Name("q"), Quick(), inbox.Handler());
  REQUIRE(Eventually([&] { return inbox.size() == 2; }));
  const std::vector<Delivery> all = inbox.All();
  CHECK(all[0].message.data == "no properties at all");
  CHECK(all[0].message.exchange == backend.Name("events"));
  CHECK(all[0].message.routing_key == "a.b");
  for (const Delivery& delivery : all) {
    CHECK(delivery.message.id.empty());
    CHECK(delivery.message.source.empty());
    CHECK(delivery.message.time_us == 0);
  }
  CHECK(all[1].message.type == "its.type");
}

TEST_CASE("a message on the wire is a CloudEvent in binary mode", "[bus][services]") {
  BusBackend backend(true);
  backend.AddQueue("q", "events", {"#"});
  Message message = MakeMessage(backend.Name("events"), "a.b", "site/1");
  message.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  REQUIRE(backend.bus().NewPublisher()->Publish({&message, 1}).ok());
  Raw raw(backend.rabbit_options);
  amqp_message_t got = raw.Get(backend.Name("q"));
  const auto text = [](amqp_bytes_t bytes) { return std::string(static_cast<const char*>(bytes.bytes), bytes.len); };
  CHECK(text(got.properties.content_type) == "application/protobuf");
  CHECK(got.properties.delivery_mode == 2);
  std::map<std::string, std::string> headers;
  for (int i = 0; i < got.properties.headers.num_entries; ++i) {
    const amqp_table_entry_t& entry = got.properties.headers.entries[i];
    if (entry.value.kind == AMQP_FIELD_KIND_UTF8) headers[text(entry.key)] = text(entry.value.value.bytes);
  }
  CHECK(headers == std::map<std::string, std::string>{{"cloudEvents:specversion", "1.0"},
                                                      {"cloudEvents:id", "site/1"},
                                                      {"cloudEvents:source", "/sites/sn1"},
                                                      {"cloudEvents:type", "\\core\\event\\course_viewed"},
                                                      {"cloudEvents:time", "2023-11-14T22:13:20.123456Z"},
                                                      {"cloudEvents:traceparent", message.traceparent}});
  CHECK(text(got.body) == message.data);
  amqp_destroy_message(&got);
}

TEST_CASE("a consumer whose queue is deleted takes it up again", "[bus][services]") {
  BusBackend backend(true);
  backend.AddQueue("q", "events", {"#"});
  Inbox inbox;
  SubscribeOptions options = Quick();
  options.min_backoff = options.max_backoff = absl::Milliseconds(500);
  auto subscription = backend.bus().Subscribe(backend.Name("q"), options, inbox.Handler());
  REQUIRE(Eventually([&] { return subscription->Healthy(); }));
  {
    Raw raw(backend.rabbit_options);
    raw.DeleteQueue(backend.Name("q"));
  }
  REQUIRE(Eventually([&] { return !subscription->Healthy(); }));
  REQUIRE(Eventually([&] { return subscription->Healthy(); }));  // it has declared the queue again
  REQUIRE(backend.bus().NewPublisher()->Publish(Numbered(backend.Name("events"), 0, 1)).ok());
  CHECK(Eventually([&] { return inbox.size() == 1; }));
}

TEST_CASE("a queue declared otherwise by somebody else is an error that names it", "[bus][services]") {
  BusBackend backend(true);
  backend.AddQueue("q", "events", {"#"});
  // A name too long for a queue cannot be declared by anybody.
  Topology topology;
  topology.queues.push_back({std::string(300, 'q'), backend.Name("events"), {"#"}});
  CHECK_FALSE(backend.OpenAnother()->Declare(topology).ok());
  // The connection is opened anew: the error spoils nothing that follows.
  CHECK(backend.bus().Ping().ok());
}

TEST_CASE("a wrong password is refused in words that do not repeat it", "[bus][services]") {
  BusBackend backend(true);
  RabbitOptions options = backend.rabbit_options;
  options.password = "not-the-password";
  auto bus = NewRabbitBus(options);
  REQUIRE(bus.ok());
  const absl::Status status = (*bus)->Ping();
  CHECK(absl::IsPermissionDenied(status));
  CHECK_THAT(std::string(status.message()), !Catch::Contains("not-the-password"));
}

TEST_CASE("a broker that is not there is unavailable and its consumers wait for it", "[bus]") {
  RabbitOptions options;
  options.port = 1;  // nothing listens there
  options.user = options.password = "guest";
  auto bus = NewRabbitBus(options);
  REQUIRE(bus.ok());
  CHECK(absl::IsUnavailable((*bus)->Declare({})));
  CHECK(absl::IsUnavailable((*bus)->Ping()));
  CHECK(absl::IsUnavailable((*bus)->NewPublisher()->Publish(Numbered("events", 0, 1)).status()));
  Inbox inbox;
  auto subscription = (*bus)->Subscribe("q", Quick(), inbox.Handler());
  CHECK_FALSE(subscription->Healthy());
}

// A broker of this test's own, so that stopping it disturbs nobody.
class PrivateBroker {
 public:
  explicit PrivateBroker(std::string environment = "") : environment_(std::move(environment)) {
    folder_ = std::filesystem::absolute(".run/tests/broker-" + HexEncode(RandomBytes(4))).string();
    std::filesystem::create_directories(folder_);
    Do("start");
    options.port = Port("port");
    options.user = options.password = "guest";
    options.confirm_timeout = absl::Seconds(5);
  }
  ~PrivateBroker() {
    if (Run("stop") == 0) std::filesystem::remove_all(folder_);
  }
  // A queue's name reaches the disk three seconds after its declaration (the broker keeps quorum queues' names in a
  // dets table with dets' delayed write); killed before, RabbitMQ 3.10 finds neither queue nor messages. Waits until
  // that is over.
  static void Settle() { std::this_thread::sleep_for(std::chrono::seconds(4)); }
  void Do(const std::string& verb) { REQUIRE(Run(verb) == 0); }
  int Port(const std::string& name) const {
    int port = 0;
    std::ifstream(folder_ + "/rabbitmq/" + name) >> port;
    return port;
  }
  RabbitOptions options;

 private:
  int Run(const std::string& verb) const {
    return std::system(
        (environment_ + " COMPAGNON_SERVICES_DIR='" + folder_ + "' tools/services/rabbitmq.sh " + verb).c_str());
  }
  std::string environment_, folder_;
};

TEST_CASE("connections cut and a broker killed and stopped while messages flow lose none that was confirmed",
          "[bus][services][fault]") {
  PrivateBroker broker;
  auto bus = NewRabbitBus(broker.options);
  REQUIRE(bus.ok());
  REQUIRE((*bus)->Declare({{{"q", "events", {"#"}}}}).ok());
  PrivateBroker::Settle();
  Inbox inbox;
  auto subscription = (*bus)->Subscribe("q", Quick(200), inbox.Handler());
  std::atomic<bool> stop = false;
  std::atomic<int> confirmed = 0, troubles = 0;
  std::thread publishing([&] {
    auto publisher = (*bus)->NewPublisher();
    std::vector<Message> open = Numbered("events", 0, 100);
    for (int next = 100; !stop || !open.empty();) {
      const auto outcomes = publisher->Publish(open);
      std::vector<Message> again;
      for (size_t i = 0; i < open.size(); ++i) {
        if (!outcomes.ok() || (*outcomes)[i] != PublishOutcome::kConfirmed) again.push_back(open[i]);
      }
      confirmed += static_cast<int>(open.size() - again.size());
      if (!again.empty()) {
        ++troubles;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      }
      open = std::move(again);
      if (stop) continue;
      for (const Message& message : Numbered("events", next, 100)) open.push_back(message);
      next += 100;
    }
  });
  for (int i = 0; i < 3; ++i) {
    const int before = confirmed;
    CHECK(Eventually([&] { return confirmed > before + 1000; }));
    broker.Do("ctl close_all_connections test");
  }
  for (const char* how : {"kill", "stop"}) {
    const int before = confirmed;
    CHECK(Eventually([&] { return confirmed > before + 1000; }));
    broker.Do(how);
    CHECK(Eventually([&] { return !subscription->Healthy(); }));
    broker.Do("start");
    CHECK(Eventually([&] { return subscription->Healthy(); }));
  }
  stop = true;
  publishing.join();
  CHECK(troubles > 0);
  const auto distinct = [&] {
    const std::vector<std::string> ids = inbox.Ids();
    return static_cast<int>(std::set<std::string>(ids.begin(), ids.end()).size());
  };
  CHECK(Eventually([&] { return distinct() == confirmed; }));
  subscription->Stop();
  CHECK((*bus)->Depth("q.dead").value_or(-1) == 0);
}

TEST_CASE("a broker that blocks publishers leaves messages unconfirmed until it takes them again",
          "[bus][services][fault]") {
  PrivateBroker broker;
  broker.options.confirm_timeout = absl::Milliseconds(1500);
  auto bus = NewRabbitBus(broker.options);
  REQUIRE(bus.ok());
  REQUIRE((*bus)->Declare({{{"q", "events", {"#"}}}}).ok());
  auto publisher = (*bus)->NewPublisher();
  REQUIRE(publisher->Publish(Numbered("events", 0, 10)).ok());
  broker.Do("ctl set_vm_memory_high_watermark absolute 1000000");
  // More than the sockets hold: the write itself comes to a stop.
  std::vector<Message> messages = Numbered("events", 10, 30);
  for (Message& message : messages) message.data.assign(1 << 20, 'x');
  auto outcomes = publisher->Publish(messages);
  size_t unconfirmed = 0;
  if (outcomes.ok()) {
    for (const PublishOutcome outcome : *outcomes) unconfirmed += outcome == PublishOutcome::kUnconfirmed;
  }
  CHECK((!outcomes.ok() || unconfirmed > 0));
  broker.Do("ctl set_vm_memory_high_watermark absolute 1000000000");
  CHECK(Eventually([&] {
    outcomes = publisher->Publish(messages);
    if (!outcomes.ok()) return false;
    for (const PublishOutcome outcome : *outcomes) {
      if (outcome != PublishOutcome::kConfirmed) return false;
    }
    return true;
  }));
}

TEST_CASE("a batch in hand when the broker goes away is void and comes again", "[bus][services][fault]") {
  PrivateBroker broker;
  auto bus = NewRabbitBus(broker.options);
  REQUIRE(bus.ok());
  REQUIRE((*bus)->Declare({{{"q", "events", {"#"}}}}).ok());
  REQUIRE((*bus)->NewPublisher()->Publish(Numbered("events", 0, 10)).ok());
  std::atomic<bool> down = true;
  Inbox inbox;
  auto subscription = (*bus)->Subscribe(
      "q", Quick(), inbox.Handler([&] { return down ? absl::UnavailableError("store down") : absl::OkStatus(); }));
  REQUIRE(Eventually([&] { return inbox.batches() >= 2; }));
  PrivateBroker::Settle();
  broker.Do("kill");
  REQUIRE(Eventually([&] { return !subscription->Healthy(); }));
  broker.Do("start");
  down = false;
  REQUIRE(Eventually([&] { return (*bus)->Depth("q").value_or(-1) == 0 && subscription->Healthy(); }));
  subscription->Stop();
  const std::vector<std::string> ids = inbox.Ids();
  REQUIRE(ids.size() >= 30);
  // The last ten are the batch that was accepted, whole and in order.
  for (int i = 0; i < 10; ++i) CHECK(ids[ids.size() - 10 + static_cast<size_t>(i)] == std::to_string(i));
}

TEST_CASE("the bus speaks TLS with certificates on both sides and refuses a broker it cannot verify",
          "[bus][services][fault]") {
  const std::string folder = std::filesystem::absolute(".run/tests/tls-" + HexEncode(RandomBytes(4))).string();
  std::filesystem::create_directories(folder);
  const std::string make = "cd '" + folder +
                           "' && exec > log 2>&1 && for ca in ca other; do openssl req -x509 -newkey ec -pkeyopt "
                           "ec_paramgen_curve:P-256 -nodes -days 2 -subj "
                           "/CN=test-$ca -keyout $ca.key -out $ca.pem || exit 1; done && openssl req -newkey ec "
                           "-pkeyopt ec_paramgen_curve:P-256 -nodes -subj "
                           "/CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out csr && printf "
                           "'subjectAltName=DNS:localhost' > ext && openssl "
                           "x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out "
                           "cert.pem && chmod a+rx . && chmod a+r *";
  REQUIRE(std::system(make.c_str()) == 0);
  PrivateBroker broker("COMPAGNON_RABBIT_TLS='" + folder + "'");
  RabbitOptions options = broker.options;
  options.host = "localhost";
  options.port = broker.Port("tls.port");
  options.tls = true;
  options.ca_file = folder + "/ca.pem";
  options.cert_file = folder + "/cert.pem";
  options.key_file = folder + "/key.pem";
  auto bus = NewRabbitBus(options);
  REQUIRE(bus.ok());
  REQUIRE((*bus)->Declare({{{"q", "events", {"#"}}}}).ok());
  auto publisher = (*bus)->NewPublisher();
  Inbox inbox;
  auto subscription = (*bus)->Subscribe("q", Quick(), inbox.Handler());
  for (int i = 0; i < 5; ++i) REQUIRE(publisher->Publish(Numbered("events", i * 200, 200)).ok());
  CHECK(Eventually([&] { return inbox.size() == 1000; }));
  subscription->Stop();

  RabbitOptions wrong = options;
  wrong.ca_file = folder + "/other.pem";
  CHECK_FALSE((*NewRabbitBus(wrong))->Ping().ok());
  wrong = options;
  wrong.cert_file = wrong.key_file = "";
  CHECK_FALSE((*NewRabbitBus(wrong))->Ping().ok());
  wrong = options;
  wrong.ca_file = folder + "/nothing.pem";
  CHECK(absl::IsFailedPrecondition((*NewRabbitBus(wrong))->Ping()));
  wrong.ca_file = "";
  CHECK(absl::IsInvalidArgument(NewRabbitBus(wrong).status()));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace compagnon::bus
