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

// A message's data may not be longer. One limit on both back ends, so that what one machine accepts a cluster accepts
// too.
inline constexpr size_t kMaxMessageBytes = size_t{8} << 20;

// InvalidArgument unless the message can travel on both back ends: data within kMaxMessageBytes, an exchange and a
// routing key of at most 255 bytes, attributes in UTF-8 without NUL. Publish and AppendToOutbox refuse a call that
// holds one that cannot.
absl::Status CheckMessage(const Message& message);

// Which queues hear what. Everybody declares the whole of it before the first publish. Bindings are AMQP topic
// patterns: words separated by dots, * is one word, # any number of words, none included.
struct Topology {
  struct Queue {
    std::string name;                   // "analytics.events"
    std::string exchange;               // "events"
    std::vector<std::string> bindings;  // AMQP topic patterns: "moodle.#"
  };
  std::vector<Queue> queues;
};

enum class PublishOutcome {
  kConfirmed,    // durable in every queue bound to it
  kUnroutable,   // no queue is bound: keep it and try again later
  kUnconfirmed,  // not confirmed in time or connection lost: publish it again (consumers drop duplicates)
};

// One connection of one thread. Not thread-safe.
class Publisher {
 public:
  virtual ~Publisher() = default;
  // Publishes in order and waits for the confirms; outcomes[i] belongs to messages[i]. An error status means that
  // nothing can be said: treat all as unconfirmed. Reconnects by itself at the next call; the back-off between calls is
  // the caller's. InvalidArgument: a message fails CheckMessage, nothing was sent. ResourceExhausted: the disk, or the
  // embedded bus, is full.
  virtual absl::StatusOr<std::vector<PublishOutcome>> Publish(absl::Span<const Message> messages) = 0;
};

struct Delivery {
  Message message;           // fields a foreign sender left out, or gave another type, are empty
  bool redelivered = false;  // true: it may have been handed over before; false says nothing after a consumer's crash
};

struct SubscribeOptions {
  int max_batch = 5000;  // at most 30,000
  // A batch ends early when it holds this many bytes of data: 5,000 messages of 8 MiB fit no memory.
  size_t max_batch_bytes = size_t{32} << 20;
  // A batch is handed over when it is full, and at the latest this long after its first message arrived.
  absl::Duration max_wait = absl::Milliseconds(50);
  // First and longest pause after a handler's error or a lost connection; it doubles in between.
  absl::Duration min_backoff = absl::Milliseconds(100);
  absl::Duration max_backoff = absl::Seconds(5);
};

// Takes a batch. OK: all of it is acknowledged. Any error: nothing is acknowledged or rejected; the same batch is
// handed again after a back-off (consumption stops meanwhile). When the connection was lost in between, the batch is
// void and its messages come again in another one. Poison is the handler's to set aside before it returns OK. Called
// from one thread at a time.
using BatchHandler = std::function<absl::Status(absl::Span<const Delivery>)>;

// A running consumer with a thread of its own. The destructor stops it after the batch in hand. Several subscriptions
// of one queue share its messages; each message goes to one of them.
class Subscription {
 public:
  virtual ~Subscription() = default;
  // Returns once the handler is no longer running; what it did not accept goes back to the queue. Not from inside the
  // handler.
  virtual void Stop() = 0;
  // Connected, and not holding a batch that its handler refused.
  virtual bool Healthy() const = 0;
};

// Thread-safe. Outlives its publishers and subscriptions.
class Bus {
 public:
  virtual ~Bus() = default;
  // Repeatable. A RabbitMQ that cannot be reached answers Unavailable and the topology is declared later, on every
  // connection made. RabbitMQ: adds to what is there; a queue no longer wanted is removed by hand. Embedded: replaces
  // all bindings; a queue left out keeps its messages and gets no more.
  virtual absl::Status Declare(const Topology& topology) = 0;
  virtual std::unique_ptr<Publisher> NewPublisher() = 0;
  virtual std::unique_ptr<Subscription> Subscribe(std::string queue, SubscribeOptions options,
                                                  BatchHandler handler) = 0;
  // Messages waiting in a queue, for metrics and tests. RabbitMQ: without those handed to a consumer and not yet
  // acknowledged.
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
  int confirm_window = 1000;  // messages in flight before a confirm is waited for
  absl::Duration heartbeat = absl::Seconds(20);
  absl::Duration confirm_timeout =
      absl::Seconds(15);  // without any confirm; a memory or disk alarm of the broker shows as this
  absl::Duration connect_timeout = absl::Seconds(5);
};
// Makes no connection: a broker that is down is found by Declare, Ping or Publish.
absl::StatusOr<std::unique_ptr<Bus>> NewRabbitBus(const RabbitOptions& options);

// Durable, in one SQLite file, for modules of one process. A message is on disk (WAL, FULL) before Publish returns, and
// a call is written whole or not at all. Another process may publish; should it also consume a queue, each gets all of
// it. `max_bytes` bounds the file: beyond it Publish answers ResourceExhausted and the outbox keeps its rows.
struct EmbeddedOptions {
  std::string path;
  int64_t max_bytes = int64_t{20} << 30;
};
absl::StatusOr<std::unique_ptr<Bus>> NewEmbeddedBus(const EmbeddedOptions& options);

}  // namespace compagnon::bus

#endif  // COMPAGNON_PLATFORM_BUS_BUS_H_
