#include "platform/metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <catch2/catch.hpp>

namespace compagnon {
namespace {

TEST_CASE("the same name and labels are one counter") {
  Metrics metrics;
  auto& first = metrics.Counter("compagnon_moodle_events_total", "Events taken.", {{"site", "sn1"}});
  first.Increment();
  metrics.Counter("compagnon_moodle_events_total", "Events taken.", {{"site", "sn1"}}).Increment();
  metrics.Counter("compagnon_moodle_events_total", "Events taken.", {{"site", "sn2"}}).Increment();
  CHECK(first.Value() == 2);
  CHECK(metrics.Text().find("compagnon_moodle_events_total{site=\"sn2\"} 1") != std::string::npos);
}

TEST_CASE("a port taken is an error and not the end") {
  Metrics first, second;
  first.Gauge("compagnon_ready", "Ready.").Set(1);
  REQUIRE(first.Expose("127.0.0.1:0").ok());
  const std::string address = "127.0.0.1:" + std::to_string(first.port());
  const absl::Status taken = second.Expose(address);
  CHECK(taken.code() == absl::StatusCode::kUnavailable);
  CHECK(ReasonOf(taken) == "metrics_port_taken");
}

TEST_CASE("seconds fall into buckets from a millisecond to half a minute") {
  Metrics metrics;
  metrics.Seconds("compagnon_analytics_batch_seconds", "Time of a batch.").Observe(0.02);
  const std::string text = metrics.Text();
  CHECK(text.find("compagnon_analytics_batch_seconds_bucket{le=\"0.01\"} 0") != std::string::npos);
  CHECK(text.find("compagnon_analytics_batch_seconds_bucket{le=\"0.025\"} 1") != std::string::npos);
  CHECK(text.find("compagnon_analytics_batch_seconds_bucket{le=\"30\"} 1") != std::string::npos);
}

}  // namespace
}  // namespace compagnon
