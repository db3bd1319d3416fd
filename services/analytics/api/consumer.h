#ifndef COMPAGNON_ANALYTICS_API_CONSUMER_H_
#define COMPAGNON_ANALYTICS_API_CONSUMER_H_

#include <functional>
#include <memory>

#include "analytics/store/ingest.h"
#include "platform/base/clock.h"
#include "platform/bus/bus.h"
#include "platform/metrics/metrics.h"

namespace compagnon::analytics {

// The queue this module reads, bound to "moodle.#" of the exchange "events".
inline constexpr std::string_view kQueue = "analytics.events";
inline constexpr int kBatch = 5000;

// Takes events from the bus into the store.
class Consumer {
 public:
  // `taken` is called after each commit that brought something new. All outlive the consumer.
  Consumer(Ingest& ingest, const Clock& clock, Metrics& metrics, std::function<void()> taken);

  // The bus's handler: OK once the batch is committed; any error leaves it with the bus, which holds and comes again.
  absl::Status Take(absl::Span<const bus::Delivery> deliveries);

  void Start(bus::Bus& bus);
  void Stop();
  bool Healthy() const;

 private:
  Ingest& ingest_;
  const Clock& clock_;
  std::function<void()> taken_;
  prometheus::Counter& events_;
  prometheus::Counter& duplicates_;
  prometheus::Counter& rejected_;
  prometheus::Counter& failures_;
  prometheus::Histogram& seconds_;
  std::unique_ptr<bus::Subscription> subscription_;
};

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_API_CONSUMER_H_
