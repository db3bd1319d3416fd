#include "analytics/api/consumer.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>

#include <string>
#include <utility>

#include "analytics/api/decode.h"
#include "platform/base/log.h"
#include "platform/base/trace.h"

namespace compagnon::analytics {

Consumer::Consumer(Ingest& ingest, const Clock& clock, Metrics& metrics, std::function<void()> taken)
    : ingest_(ingest),
      clock_(clock),
      taken_(std::move(taken)),
      events_(metrics.Counter("compagnon_analytics_events_total", "Events taken in.")),
      duplicates_(metrics.Counter("compagnon_analytics_duplicates_total", "Events met before and dropped.")),
      rejected_(metrics.Counter("compagnon_analytics_rejected_total", "Messages set aside in the table rejected.")),
      failures_(metrics.Counter("compagnon_analytics_ingest_failures_total",
                                "Batches that were not committed and come again.")),
      seconds_(metrics.Seconds("compagnon_analytics_ingest_seconds", "Time to decode and commit a batch.")) {}

absl::Status Consumer::Take(absl::Span<const bus::Delivery> deliveries) {
  // A batch may hold messages of several traces; the first one's leads to where it came from.
  const ScopedLogModule module("analytics",
                               deliveries.empty() ? std::string_view() : TraceIdOf(deliveries[0].message.traceparent));
  const absl::Time start = absl::Now();
  const absl::StatusOr<IngestReport> report = ingest_.Take(Decode(deliveries), clock_.Now());
  seconds_.Observe(absl::ToDoubleSeconds(absl::Now() - start));
  if (!report.ok()) {
    failures_.Increment();
    // The code alone: a database's message may quote a row.
    Log(LogLevel::kError, "a batch was not committed",
        {{"messages", static_cast<int64_t>(deliveries.size())},
         {"code", absl::StatusCodeToString(report.status().code())}});
    return report.status();
  }
  events_.Increment(static_cast<double>(report->taken));
  duplicates_.Increment(static_cast<double>(report->duplicates));
  rejected_.Increment(static_cast<double>(report->rejected));
  if (report->rejected > 0) Log(LogLevel::kWarning, "messages set aside", {{"messages", report->rejected}});
  if (report->taken > 0 || report->rejected > 0) taken_();
  return absl::OkStatus();
}

void Consumer::Start(bus::Bus& bus) {
  bus::SubscribeOptions options;
  options.max_batch = kBatch;
  subscription_ = bus.Subscribe(std::string(kQueue), options,
                                [this](absl::Span<const bus::Delivery> deliveries) { return Take(deliveries); });
}

void Consumer::Stop() {
  if (subscription_) subscription_->Stop();
}

bool Consumer::Healthy() const { return subscription_ == nullptr || subscription_->Healthy(); }

}  // namespace compagnon::analytics
