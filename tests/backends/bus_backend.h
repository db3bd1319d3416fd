#ifndef COMPAGNON_TESTS_BACKENDS_BUS_BACKEND_H_
#define COMPAGNON_TESTS_BACKENDS_BUS_BACKEND_H_

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "platform/bus/bus.h"

namespace compagnon::test {

// A bus of a test's own: a SQLite file under .run/tests, or exchanges and queues with names of its own on the broker at
// $COMPAGNON_TEST_RABBIT. Gone with the object. Without the variable the test fails, naming ./dev services.
class BusBackend {
 public:
  explicit BusBackend(bool rabbit);
  ~BusBackend();
  BusBackend(const BusBackend&) = delete;
  BusBackend& operator=(const BusBackend&) = delete;

  bool rabbit() const { return rabbit_; }
  // Unique on the broker: use for every exchange and queue.
  std::string Name(const std::string& name) const { return name + "-" + unique_; }
  // Declares one more queue; the topology grows with each call.
  void AddQueue(const std::string& queue, const std::string& exchange, std::vector<std::string> bindings);

  // Opened at first use.
  bus::Bus& bus();
  // Destroys the bus, as the end of a process does; the next bus() opens it again, with nothing declared. Subscriptions
  // and publishers must be gone.
  void Close() { bus_.reset(); }
  // Another bus on the same messages, as another process has.
  std::unique_ptr<bus::Bus> OpenAnother() const;

  bus::RabbitOptions rabbit_options;
  bus::EmbeddedOptions embedded_options;

 private:
  const bool rabbit_;
  const std::string unique_;
  std::string folder_;
  bus::Topology topology_;
  std::unique_ptr<bus::Bus> bus_;
};

// What a test's consumer received. Its handler copies each batch, then answers what `reply` says (OK without one).
// Thread-safe.
class Inbox {
 public:
  bus::BatchHandler Handler(std::function<absl::Status()> reply = nullptr);
  // All deliveries so far, in the order of their arrival.
  std::vector<bus::Delivery> All() const;
  std::vector<std::string> Ids() const;
  size_t size() const;
  int batches() const;

 private:
  mutable std::mutex mutex_;
  std::vector<bus::Delivery> deliveries_;
  int batches_ = 0;
};

// Polls until `condition` holds; false after a minute, which only a fault takes.
bool Eventually(const std::function<bool()>& condition);

// A message to `exchange` with the given id and routing key and some data.
bus::Message MakeMessage(const std::string& exchange, const std::string& routing_key, const std::string& id);

}  // namespace compagnon::test

#define COMPAGNON_BUS_TEST_INNER(a, b) a##b
#define COMPAGNON_BUS_TEST(a, b) COMPAGNON_BUS_TEST_INNER(a, b)

// One test on both back ends:  BUS_CONTRACT("a sentence", "[bus]") { backend.bus()... }
#define BUS_CONTRACT(sentence, tags)                                                            \
  static void COMPAGNON_BUS_TEST(BusContract, __LINE__)(compagnon::test::BusBackend & backend); \
  TEST_CASE(sentence " (embedded bus)", tags) {                                                 \
    compagnon::test::BusBackend backend(false);                                                 \
    COMPAGNON_BUS_TEST(BusContract, __LINE__)(backend);                                         \
  }                                                                                             \
  TEST_CASE(sentence " (RabbitMQ)", tags "[services]") {                                        \
    compagnon::test::BusBackend backend(true);                                                  \
    COMPAGNON_BUS_TEST(BusContract, __LINE__)(backend);                                         \
  }                                                                                             \
  static void COMPAGNON_BUS_TEST(BusContract, __LINE__)([[maybe_unused]] compagnon::test::BusBackend & backend)

#endif  // COMPAGNON_TESTS_BACKENDS_BUS_BACKEND_H_
