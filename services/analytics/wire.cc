#include "analytics/wire.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "analytics/api/consumer.h"
#include "analytics/api/figures_service.h"
#include "analytics/domain/local_time.h"
#include "analytics/store/recompute.h"
#include "analytics/store/schema.h"
#include "platform/base/log.h"
#include "platform/bus/outbox.h"

namespace compagnon::analytics {
namespace {

// Partitions are made this many months ahead; months further away are made when an event needs them.
constexpr int32_t kMonthsAhead = 2;
// A pass that took long is followed by this many times as long a rest, so that counting never takes the machine from
// ingest.
constexpr int kRestPerWork = 2;

class AnalyticsModule final : public Module {
 public:
  explicit AnalyticsModule(const Parts& parts) : parts_(parts) {}
  ~AnalyticsModule() override { Drain(absl::ZeroDuration()); }

  std::string name() const override { return "analytics"; }

  absl::Status Prepare() override {
    if (database_ == nullptr) {
      ASSIGN_OR_RETURN(database_, parts_.open_database("analytics"));
    }
    RETURN_IF_ERROR(store::Migrate(*database_, "outbox", bus::OutboxMigrations()));
    RETURN_IF_ERROR(store::Migrate(*database_, "analytics", Migrations()));
    RETURN_IF_ERROR(MakeMonthsAhead());
    dictionary_ = std::make_unique<Dictionary>(*database_);
    ingest_ = std::make_unique<Ingest>(*database_, *dictionary_);
    recompute_ = std::make_unique<Recompute>(*database_, *dictionary_);
    reader_ = std::make_unique<FigureReader>(*database_, *dictionary_);
    service_ = std::make_unique<FiguresService>(*reader_, *parts_.guard);
    consumer_ = std::make_unique<Consumer>(*ingest_, *parts_.clock, *parts_.metrics, [this] { Wake(); });
    return absl::OkStatus();
  }

  std::vector<grpc::Service*> Services() override { return {service_.get()}; }

  absl::Status Start() override {
    consumer_->Start(*parts_.bus);
    counting_ = std::thread([this] { CountForEver(); });
    return absl::OkStatus();
  }

  absl::Status Ready() override {
    RETURN_IF_ERROR(database_->Ping());
    if (!consumer_->Healthy()) return absl::UnavailableError("the queue is not being read");
    return absl::OkStatus();
  }

  void Drain(absl::Duration) override {
    if (consumer_) consumer_->Stop();
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    if (counting_.joinable()) counting_.join();
  }

 private:
  void Wake() {
    absl::MutexLock lock(&mutex_);
    woken_ = true;
  }

  absl::Status MakeMonthsAhead() {
    const int32_t month = UtcMonth(absl::ToUnixMicros(parts_.clock->Now()));
    if (month == month_) return absl::OkStatus();
    RETURN_IF_ERROR(MakeMonths(*database_, month, month + kMonthsAhead));
    month_ = month;
    return absl::OkStatus();
  }

  void CountForEver() {
    const ScopedLogModule module("analytics");
    prometheus::Histogram& seconds =
        parts_.metrics->Seconds("compagnon_analytics_recompute_seconds", "Time of a pass that counted something.");
    prometheus::Counter& courses =
        parts_.metrics->Counter("compagnon_analytics_courses_counted_total", "Courses counted again.");
    prometheus::Counter& cells =
        parts_.metrics->Counter("compagnon_analytics_cells_changed_total", "Cells that changed.");
    prometheus::Counter& failures = parts_.metrics->Counter("compagnon_analytics_recompute_failures_total",
                                                            "Passes that failed and are tried again.");
    const absl::Duration pause = absl::Milliseconds(std::max(10, parts_.config->analytics.recompute_ms));
    absl::Duration rest = pause;
    while (Sleep(pause, rest)) {
      const absl::Time start = absl::Now();
      absl::Status months = MakeMonthsAhead();
      const absl::StatusOr<PassReport> report = months.ok() ? recompute_->Pass() : absl::StatusOr<PassReport>(months);
      const absl::Duration took = absl::Now() - start;
      rest = std::max(pause, took * kRestPerWork);
      if (!report.ok()) {
        failures.Increment();
        Log(LogLevel::kError, "figures were not brought up to date",
            {{"code", absl::StatusCodeToString(report.status().code())}});
        rest = std::max(rest, absl::Seconds(1));
        continue;
      }
      if (report->courses > 0) seconds.Observe(absl::ToDoubleSeconds(took));
      courses.Increment(static_cast<double>(report->courses));
      cells.Increment(static_cast<double>(report->cells));
      for (const auto& [site, watermark_us] : report->watermarks) {
        parts_.metrics
            ->Gauge("compagnon_analytics_watermark_timestamp_seconds", "T: up to when the site is known.",
                    {{"site", site}})
            .Set(static_cast<double>(watermark_us / 1000000));
      }
    }
  }

  // Rests; false when the module stops. Other processes may take events too, so that a pass comes now and then even
  // unasked.
  bool Sleep(absl::Duration pause, absl::Duration rest) {
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&stopping_), rest);
    if (!stopping_ && !woken_) {
      mutex_.AwaitWithTimeout(
          absl::Condition(
              +[](AnalyticsModule* m) ABSL_NO_THREAD_SAFETY_ANALYSIS { return m->stopping_ || m->woken_; }, this),
          pause);
    }
    woken_ = false;
    return !stopping_;
  }

  const Parts parts_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<Dictionary> dictionary_;
  std::unique_ptr<Ingest> ingest_;
  std::unique_ptr<Recompute> recompute_;
  std::unique_ptr<FigureReader> reader_;
  std::unique_ptr<FiguresService> service_;
  std::unique_ptr<Consumer> consumer_;
  std::thread counting_;
  int32_t month_ = INT32_MIN;
  absl::Mutex mutex_;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

std::unique_ptr<Module> MakeModule(const Parts& parts) { return std::make_unique<AnalyticsModule>(parts); }

}  // namespace compagnon::analytics
