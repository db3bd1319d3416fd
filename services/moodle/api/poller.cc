#include "moodle/api/poller.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "platform/base/log.h"
#include "platform/base/trace.h"

namespace compagnon::moodle {
namespace {

// The figures of one site; references are kept because a look-up costs more than an increment.
struct SiteFigures {
  SiteFigures(Metrics& metrics, const std::string& site)
      : metrics(metrics),
        site(site),
        rows(metrics.Counter("compagnon_moodle_pulled_rows_total", "Rows committed from pulls", {{"site", site}})),
        rejected(metrics.Counter("compagnon_moodle_rejected_rows_total", "Rows set aside because they are no event",
                                 {{"site", site}})),
        missing(
            metrics.Counter("compagnon_moodle_missing_spans_total", "Spans of seq that never came", {{"site", site}})),
        lag(metrics.Gauge("compagnon_moodle_lag_seconds", "Age of the last row pulled while rows wait, 0 when none do",
                          {{"site", site}})),
        backlog(metrics.Gauge("compagnon_moodle_backlog_rows", "Rows that the plugin holds beyond the cursor",
                              {{"site", site}})),
        link(metrics.Gauge("compagnon_moodle_link_state", "1 ok, 2 catching up, 3 unreachable, 4 needs an operator",
                           {{"site", site}})),
        breaker(metrics.Gauge("compagnon_moodle_breaker_open", "1 while calls are held back after faults",
                              {{"site", site}})),
        seconds(metrics.Seconds("compagnon_moodle_call_seconds", "Time of web-service calls", {{"site", site}})) {}

  void Fault(const std::string& code) {
    metrics
        .Counter("compagnon_moodle_faults_total", "Web-service faults by code",
                 {{"site", site}, {"code", IsKnownCode(code) ? code : "unknown"}})
        .Increment();
  }

  Metrics& metrics;
  const std::string site;
  prometheus::Counter& rows;
  prometheus::Counter& rejected;
  prometheus::Counter& missing;
  prometheus::Gauge& lag;
  prometheus::Gauge& backlog;
  prometheus::Gauge& link;
  prometheus::Gauge& breaker;
  prometheus::Histogram& seconds;
};

// A site with its client and link, made together and replaced together when the site's settings change.
struct Entry {
  int64_t changed_us = 0;
  std::shared_ptr<SiteFigures> figures;  // the client's too, which may outlive the entry
  std::shared_ptr<WsClient> client;
  std::unique_ptr<SiteLink> link;
  absl::Time due = absl::InfinitePast();
  bool running = false;
  bool dropped = false;  // gone from the table, or changed: not run again
};

class PoolPoller final : public Poller {
 public:
  PoolPoller(PollerOptions options, store::Database& database, DirectoryWriter& directory, const TokenSeal& seal,
             Metrics& metrics, const Clock& clock, std::function<void()> wake, std::function<int64_t()> outbox_rows)
      : options_(std::move(options)),
        database_(database),
        directory_(directory),
        seal_(seal),
        metrics_(metrics),
        clock_(clock),
        wake_(std::move(wake)),
        outbox_rows_(std::move(outbox_rows)) {
    refresher_ = std::thread([this] { Refresh(); });
  }
  ~PoolPoller() override { Stop(); }

  std::shared_ptr<WsClient> ClientOf(const std::string& site) override {
    std::lock_guard lock(mutex_);
    const auto found = entries_.find(site);
    return found == entries_.end() || found->second->dropped ? nullptr : found->second->client;
  }

  void Stop() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      for (auto& [code, entry] : entries_) entry->client->Cancel();
    }
    changed_.notify_all();
    // The refresher starts the workers, so it must have ended before they are joined.
    if (refresher_.joinable()) refresher_.join();
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
    for (auto& [code, entry] : entries_) entry->link->Release();
    entries_.clear();
  }

 private:
  // Reads the table of sites again and keeps the leases of the links that a worker has in hand.
  void Refresh() {
    const ScopedLogModule module("moodle");
    while (true) {
      std::vector<SiteRecord> sites;
      const absl::Status read = database_.Read([&](store::Session& session) -> absl::Status {
        ASSIGN_OR_RETURN(sites, ListSites(session));
        return absl::OkStatus();
      });
      if (outbox_rows_ && clock_.Now() - outbox_asked_ >= absl::Seconds(5)) {
        outbox_asked_ = clock_.Now();
        const bool full = outbox_rows_() > options_.max_outbox_rows;
        if (full != held_)
          Log(full ? LogLevel::kWarning : LogLevel::kInfo, full ? "pulls wait for the bus" : "pulls go on");
        held_ = full;
      }
      std::unique_lock lock(mutex_);
      if (stopping_) return;
      if (read.ok()) Apply(sites);
      // Only this thread takes entries away, so those picked here stay while their leases are written.
      std::vector<SiteLink*> under_way;
      for (const auto& [code, entry] : entries_) {
        if (entry->running) under_way.push_back(entry->link.get());
      }
      lock.unlock();
      for (SiteLink* link : under_way) link->Renew();
      lock.lock();
      changed_.wait_for(lock, absl::ToChronoMilliseconds(std::min(options_.refresh, options_.link.lease / 3)),
                        [this] { return stopping_; });
      if (stopping_) return;
    }
  }

  // Under mutex_.
  void Apply(const std::vector<SiteRecord>& sites) {
    std::map<std::string, const SiteRecord*> wanted;
    for (const SiteRecord& site : sites) {
      if (!site.config.url.empty() && !site.config.sealed_token.empty()) wanted[site.config.code] = &site;
    }
    for (auto it = entries_.begin(); it != entries_.end();) {
      Entry& entry = *it->second;
      const auto found = wanted.find(it->first);
      entry.dropped = found == wanted.end() || found->second->config.changed_us != entry.changed_us;
      if (entry.dropped) entry.client->Cancel();
      if (entry.dropped && !entry.running) {
        entry.link->Release();
        it = entries_.erase(it);
      } else {
        ++it;
      }
    }
    for (const auto& [code, site] : wanted) {
      if (entries_.contains(code)) continue;
      auto entry = Make(site->config);
      if (entry == nullptr) continue;
      entries_[code] = std::move(entry);
      if (workers_ < options_.max_threads && workers_ < static_cast<int>(entries_.size())) {
        ++workers_;
        threads_.emplace_back([this] { Work(); });
      }
    }
    changed_.notify_all();
  }

  std::unique_ptr<Entry> Make(const SiteConfig& site) {
    const auto token = seal_.Unseal(site.code, site.sealed_token);
    if (!token.ok()) {
      if (unopened_.insert_or_assign(site.code, site.changed_us).second) {
        Log(LogLevel::kError, "the token of a site does not open with the key of this process", {{"site", site.code}});
      }
      return nullptr;
    }
    auto entry = std::make_unique<Entry>();
    entry->changed_us = site.changed_us;
    entry->figures = std::make_shared<SiteFigures>(metrics_, site.code);
    const std::shared_ptr<SiteFigures> figures = entry->figures;
    WsOptions ws = options_.ws;
    ws.url = site.url;
    ws.token = *token;
    entry->client =
        NewWsClient(std::move(ws), clock_, [figures](std::string_view, std::string_view code, double seconds, size_t) {
          figures->seconds.Observe(seconds);
          if (!code.empty()) figures->Fault(std::string(code));
        });
    LinkEvents events;
    WsClient* client = entry->client.get();
    events.on_taken = [figures](const PullPage& page) {
      figures->rows.Increment(static_cast<double>(page.events.size()));
      figures->rejected.Increment(static_cast<double>(page.rejected.size()));
      figures->missing.Increment(static_cast<double>(page.missing.size()));
    };
    events.on_health = [figures, client](const SiteHealth& health, absl::Duration lag) {
      figures->lag.Set(absl::ToDoubleSeconds(lag));
      figures->backlog.Set(static_cast<double>(health.backlog));
      figures->link.Set(static_cast<double>(health.link));
      figures->breaker.Set(client->BreakerState() == "closed" ? 0 : 1);
    };
    events.on_commit = wake_;
    entry->link = std::make_unique<SiteLink>(site, options_.link, std::move(events), *entry->client, database_,
                                             directory_, clock_);
    return entry;
  }

  void Work() {
    const ScopedLogModule module("moodle");
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      Entry* next = nullptr;
      for (auto& [code, entry] : entries_) {
        if (!entry->running && !entry->dropped && (next == nullptr || entry->due < next->due)) next = entry.get();
      }
      const absl::Time now = clock_.Now();
      if (held_ || next == nullptr || next->due > now) {
        const absl::Duration wait =
            held_ || next == nullptr ? absl::Seconds(1) : std::min(next->due - now, absl::Seconds(1));
        changed_.wait_for(lock, absl::ToChronoMicroseconds(wait));
        continue;
      }
      next->running = true;
      lock.unlock();
      // Calls, messages and log lines of one step share a trace.
      const std::string traceparent = NewTraceparent();
      const absl::Duration wait = [&] {
        const ScopedLogModule step("moodle", TraceIdOf(traceparent));
        return next->link->Step();
      }();
      const absl::Time done = clock_.Now();
      lock.lock();
      next->running = false;
      next->due = done + wait;
      // Another worker may be waiting for a link that was running.
      if (wait == absl::ZeroDuration()) changed_.notify_one();
    }
  }

  const PollerOptions options_;
  store::Database& database_;
  DirectoryWriter& directory_;
  const TokenSeal& seal_;
  Metrics& metrics_;
  const Clock& clock_;
  const std::function<void()> wake_;
  const std::function<int64_t()> outbox_rows_;
  absl::Time outbox_asked_ = absl::InfinitePast();  // the refresher's own
  std::atomic<bool> held_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::unique_ptr<Entry>> entries_;
  std::map<std::string, int64_t> unopened_;
  bool stopping_ = false;
  int workers_ = 0;
  std::thread refresher_;
  std::vector<std::thread> threads_;  // workers
};

}  // namespace

std::unique_ptr<Poller> StartPoller(PollerOptions options, store::Database& database, DirectoryWriter& directory,
                                    const TokenSeal& seal, Metrics& metrics, const Clock& clock,
                                    std::function<void()> wake, std::function<int64_t()> outbox_rows) {
  return std::make_unique<PoolPoller>(std::move(options), database, directory, seal, metrics, clock, std::move(wake),
                                      std::move(outbox_rows));
}

}  // namespace compagnon::moodle
