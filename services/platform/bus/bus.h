#ifndef COMPAGNON_PLATFORM_BUS_BUS_H_
#define COMPAGNON_PLATFORM_BUS_BUS_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "platform/base/status.h"

namespace compagnon::bus {

// A CloudEvents 1.0 event in binary mode. `data` is a serialised protobuf of compagnon.event.v1.
struct Message {
  std::string exchange;     // "events" or "audit"
  std::string routing_key;  // source.site.component.target.action
  std::string id;           // unique within source
  std::string source;       // "/sites/sn1", "/modules/analytics"
  std::string type;         // the source's own event name
  int64_t time_us = 0;
  std::string traceparent;  // W3C, may be empty
  std::string data;
};

// Which queues hear what. Everybody declares the whole of it before the first publish.
struct Topology {
  struct Queue {
    std::string name;      // "analytics.events"
    std::string exchange;  // "events"
    std::vector<std::string> bindings;  // AMQP topic patterns: "moodle.#"
  };
  std::vector<Queue> queues;
};

enum class PublishOutcome {
  kConfirmed,   // durable in every queue bound to it
  kUnroutable,  // no queue is bound: keep it and try again later
  kUnconfirmed, // not confirmed in time or connection lost: publish it again (consumers drop duplicates)
};

// One connection of one thread. Not thread-safe.
class Publisher {
 public:
  virtual ~Publisher() = default;
  // Publishes in order and waits for the confirms; outcomes[i] belongs to messages[i]. An error status means that nothing can be
  // said: treat all as unconfirmed. Reconnects by itself at the next call.
  virtual absl::StatusOr<std::vector<PublishOutcome>> Publish(absl::Span<const Message> messages) = 0;
};

struct Delivery {
  Message message;
  bool redelivered = false;
};

struct SubscribeOptions {
  int max_batch = 5000;
  // A batch is handed over when it is full or when nothing more is ready after this long.
  absl::Duration max_wait = absl::Milliseconds(50);
};

// Takes a batch. OK: all of it is acknowledged. Any error: nothing is acknowledged or rejected; the same batch is handed again after
// a back-off (consumption stops meanwhile). Poison is the handler's to set aside before it returns OK.
using BatchHandler = std::function<absl::Status(absl::Span<const Delivery>)>;

// A running consumer with a thread of its own. The destructor stops it after the batch in hand.
class Subscription {
 public:
  virtual ~Subscription() = default;
  virtual void Stop() = 0;      // returns once the handler is no longer running
  virtual bool Healthy() const = 0;
};

// Thread-safe.
class Bus {
 public:
  virtual ~Bus() = default;
  virtual absl::Status Declare(const Topology& topology) = 0;
  virtual std::unique_ptr<Publisher> NewPublisher() = 0;
  virtual std::unique_ptr<Subscription> Subscribe(std::string queue, SubscribeOptions options, BatchHandler handler) = 0;
  // Messages waiting in a queue, for metrics and tests.
  virtual absl::StatusOr<int64_t> Depth(std::string_view queue) = 0;
  virtual absl::Status Ping() = 0;
};

struct RabbitOptions {
  std::string host = "127.0.0.1";
  int port = 5672;
  std::string user;
  std::string password;
  std::string vhost = "/";
  bool tls = false;
  std::string ca_file, cert_file, key_file;
  int confirm_window = 1000;
  absl::Duration heartbeat = absl::Seconds(20);
  absl::Duration confirm_timeout = absl::Seconds(15);
};
absl::StatusOr<std::unique_ptr<Bus>> NewRabbitBus(const RabbitOptions& options);

// Durable, in one SQLite file, for modules of one process. A message is on disk (WAL, FULL) before Publish returns.
// `max_bytes` bounds the file: beyond it Publish answers ResourceExhausted and the outbox keeps its rows.
struct EmbeddedOptions {
  std::string path;
  int64_t max_bytes = int64_t{20} << 30;
};
absl::StatusOr<std::unique_ptr<Bus>> NewEmbeddedBus(const EmbeddedOptions& options);

}  // namespace compagnon::bus

#endif  // COMPAGNON_PLATFORM_BUS_BUS_H_
