#include "platform/metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "absl/strings/str_cat.h"

namespace compagnon {

struct Metrics::Impl {
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  std::unique_ptr<prometheus::Exposer> exposer;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

prometheus::Counter& Metrics::Counter(const std::string& name, const std::string& help,
                                      const std::map<std::string, std::string>& labels) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(*impl_->registry).Add(labels);
}

prometheus::Gauge& Metrics::Gauge(const std::string& name, const std::string& help,
                                  const std::map<std::string, std::string>& labels) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(*impl_->registry).Add(labels);
}

prometheus::Histogram& Metrics::Seconds(const std::string& name, const std::string& help,
                                        const std::map<std::string, std::string>& labels) {
  const prometheus::Histogram::BucketBoundaries buckets = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                           0.25,  0.5,    1,     2.5,  5,     10,   30};
  return prometheus::BuildHistogram().Name(name).Help(help).Register(*impl_->registry).Add(labels, buckets);
}

absl::Status Metrics::Expose(const std::string& listen) {
  try {
    // One thread: a scrape every few seconds needs no more, and idle threads cost memory.
    impl_->exposer = std::make_unique<prometheus::Exposer>(listen, 1);
    impl_->exposer->RegisterCollectable(impl_->registry);
    return absl::OkStatus();
  } catch (const std::exception& error) {
    impl_->exposer.reset();
    return WithReason(absl::UnavailableError(absl::StrCat("metrics cannot listen on ", listen, ": ", error.what())),
                      "metrics_port_taken");
  }
}

int Metrics::port() const { return impl_->exposer == nullptr ? 0 : impl_->exposer->GetListeningPorts().front(); }

std::string Metrics::Text() const { return prometheus::TextSerializer().Serialize(impl_->registry->Collect()); }

}  // namespace compagnon
