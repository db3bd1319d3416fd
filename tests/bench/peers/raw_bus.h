#ifndef COMPAGNON_TESTS_BENCH_PEERS_RAW_BUS_H_
#define COMPAGNON_TESTS_BENCH_PEERS_RAW_BUS_H_

#include <string>

#include "absl/types/span.h"
#include "platform/bus/bus.h"

// What the bus is measured against: the same bodies through the libraries it is made of, with nothing around them. Each
// answers the seconds it took and stops the process on an error.
namespace compagnon::bench {

// Rows (number, routing key, body) in one table of a WAL, FULL database; a transaction per `batch`.
double InsertWithSqlite(const std::string& path, absl::Span<const bus::Message> messages, size_t batch);
double ReadAndDeleteWithSqlite(const std::string& path, size_t count, size_t batch);

// rabbitmq-c on its own connection: persistent, no headers, not mandatory; confirms awaited when `window` are in
// flight.
class RawRabbit {
 public:
  RawRabbit(const std::string& host, int port);
  ~RawRabbit();
  double Publish(absl::Span<const bus::Message> messages, size_t window);
  // Prefetch 2 x batch, one acknowledgement per batch.
  double Consume(const std::string& queue, size_t count, size_t batch);
  void Delete(const std::string& queue, const std::string& exchange);

 private:
  struct Impl;
  Impl* impl_;
};

}  // namespace compagnon::bench

#endif  // COMPAGNON_TESTS_BENCH_PEERS_RAW_BUS_H_
