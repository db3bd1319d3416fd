#include <prometheus/gauge.h>

#include <algorithm>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <thread>

#include "moodle/api/reconcile.h"
#include "moodle/domain/local_day.h"
#include "moodle/store/site_store.h"
#include "platform/base/log.h"

namespace compagnon::moodle {
namespace {

constexpr int64_t kNotYet = std::numeric_limits<int32_t>::min();
constexpr absl::Duration kLease = absl::Minutes(10);

class NightlyReconciler final : public Reconciler {
 public:
  NightlyReconciler(ReconcilerOptions options, int at_minutes, store::Database& database, Directory& directory,
                    ClientOfSite client_of, std::shared_ptr<const DimensionMap> dimensions, Metrics& metrics,
                    const Clock& clock, std::function<void()> wake)
      : options_(std::move(options)),
        at_minutes_(at_minutes),
        database_(database),
        directory_(directory),
        client_of_(std::move(client_of)),
        dimensions_(std::move(dimensions)),
        metrics_(metrics),
        clock_(clock),
        wake_(std::move(wake)),
        thread_([this] { Run(); }) {}
  ~NightlyReconciler() override { Stop(); }

  void Stop() override {
    {
      std::lock_guard lock(mutex_);
      stopped_ = true;
      if (client_ != nullptr) client_->Cancel();
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

 private:
  bool Alive() {
    std::lock_guard lock(mutex_);
    return !stopped_;
  }

  // The client that Stop() has to interrupt.
  void InHand(WsClient* client) {
    std::lock_guard lock(mutex_);
    client_ = client;
  }

  void Run() {
    const ScopedLogModule module("moodle");
    std::unique_lock lock(mutex_);
    // Waits before it looks: by then the poller knows which sites have the plugin.
    while (!changed_.wait_for(lock, absl::ToChronoMilliseconds(options_.look_every), [&] { return stopped_; })) {
      lock.unlock();
      Look();
      lock.lock();
    }
  }

  void Look() {
    std::vector<SiteRecord> sites;
    const absl::Status listed = database_.Read([&](store::Session& session) -> absl::Status {
      ASSIGN_OR_RETURN(sites, ListSites(session));
      return absl::OkStatus();
    });
    if (!listed.ok()) return;
    for (const SiteRecord& record : sites) {
      absl::TimeZone zone;
      if (record.config.url.empty() || !absl::LoadTimeZone(record.config.time_zone, &zone) || !Alive()) continue;
      const absl::Time now = clock_.Now();
      if (now < not_before_[record.config.code]) continue;
      const int64_t day = LocalDayOf(absl::ToUnixMicros(now), zone);
      bool ours = false;
      const absl::Status claimed =
          database_.Write([&](store::Session& session) { return Claim(session, record, zone, now, &ours); });
      if (!claimed.ok() || !ours) continue;
      One(record.config, day);
    }
  }

  absl::Status Claim(store::Session& session, const SiteRecord& record, const absl::TimeZone& zone, absl::Time now,
                     bool* ours) {
    *ours = false;
    // A site whose plugin answers is filled by its passes: its first comparison can wait for the next night.
    const int64_t first = record.cursor.epoch.empty() ? kNotYet : LocalDayOf(absl::ToUnixMicros(now), zone);
    const store::Value make[] = {record.config.code, first};
    RETURN_IF_ERROR(
        session
            .Execute(
                "INSERT INTO reconcile_run (site, due_day, finished_us, differences, problem, owner, lease_until_us) "
                "VALUES (:p1, :p2, 0, 0, '', '', 0) ON CONFLICT DO NOTHING",
                make)
            .status());
    int64_t done_day = 0;
    const store::Value which[] = {record.config.code};
    RETURN_IF_ERROR(
        session.Query("SELECT due_day FROM reconcile_run WHERE site = :p1", which, [&](const store::Row& row) {
          done_day = row.Int(0);
          return absl::OkStatus();
        }));
    if (!ReconciliationDue(now, zone, at_minutes_, done_day)) return absl::OkStatus();
    const store::Value claim[] = {record.config.code, options_.holder, absl::ToUnixMicros(now),
                                  absl::ToUnixMicros(now + kLease)};
    ASSIGN_OR_RETURN(const int64_t rows,
                     session.Execute("UPDATE reconcile_run SET owner = :p2, lease_until_us = :p4 WHERE site = :p1 AND "
                                     "(owner = '' OR owner = :p2 OR lease_until_us <= :p3)",
                                     claim));
    *ours = rows == 1;
    return absl::OkStatus();
  }

  void One(const SiteConfig& site, int64_t day) {
    const absl::Time start = clock_.Now();
    absl::Time renewed = start;
    bool too_slow = false;
    const auto alive = [&] {
      too_slow = clock_.Now() - start > options_.site_limit;
      if (too_slow) return false;
      if (clock_.Now() - renewed > kLease / 4) {
        renewed = clock_.Now();
        const store::Value params[] = {site.code, options_.holder, absl::ToUnixMicros(renewed + kLease)};
        int64_t rows = 0;
        const absl::Status status = database_.Write([&](store::Session& session) -> absl::Status {
          ASSIGN_OR_RETURN(
              rows, session.Execute("UPDATE reconcile_run SET lease_until_us = :p3 WHERE site = :p1 AND owner = :p2",
                                    params));
          return absl::OkStatus();
        });
        if (!status.ok() || rows != 1) return false;
      }
      return Alive();
    };
    absl::StatusOr<Reconciliation> done = absl::CancelledError("");
    if (const std::shared_ptr<WsClient> client = client_of_(site.code); client != nullptr) {
      const std::set<std::string> fields = dimensions_->Of(site.code).PersonFields();
      InHand(client.get());
      done = ReconcileSite(*client, database_, directory_, site.code, fields, clock_, alive);
      InHand(nullptr);
    } else {
      done = WithReason(absl::UnavailableError("the site is not read"), "not_read");
    }
    if (too_slow) done = WithReason(absl::DeadlineExceededError("the site is slow"), "too_slow");
    if (absl::IsCancelled(done.status()) || !Alive()) return;
    const std::string problem = done.ok() ? "" : ReasonOf(done.status()).empty() ? "failed" : ReasonOf(done.status());
    const int64_t differences = done.ok() ? done->missing + done->stale : 0;
    const store::Value result[] = {
        site.code, options_.holder, done.ok() ? day : kNotYet, absl::ToUnixMicros(clock_.Now()), differences, problem};
    // A failed run leaves the day open, so that the next look takes it up again.
    const absl::Status kept = database_.Write([&](store::Session& session) {
      return session
          .Execute(
              "UPDATE reconcile_run SET due_day = CASE WHEN :p6 = '' THEN :p3 ELSE due_day END, finished_us = :p4, "
              "differences = :p5, problem = :p6, "
              "owner = '', lease_until_us = 0 WHERE site = :p1 AND owner = :p2",
              result)
          .status();
    });
    if (!done.ok() || !kept.ok()) {
      const absl::Time now = clock_.Now();
      not_before_[site.code] = now + std::max(options_.try_again, now - start);
    }
    wake_();
    metrics_
        .Gauge("compagnon_moodle_reconcile_differences",
               "Enrolments on which the directory and the site's core functions differed last night.",
               {{"site", site.code}})
        .Set(static_cast<double>(differences));
    Log(done.ok() ? LogLevel::kInfo : LogLevel::kWarning, done.ok() ? "site reconciled" : "site not reconciled",
        {{"site", site.code},
         {"differences", differences},
         {"seconds", absl::ToDoubleSeconds(clock_.Now() - start)},
         {"reason", std::string_view(problem)}});
  }

  const ReconcilerOptions options_;
  const int at_minutes_;
  store::Database& database_;
  Directory& directory_;
  const ClientOfSite client_of_;
  const std::shared_ptr<const DimensionMap> dimensions_;
  Metrics& metrics_;
  const Clock& clock_;
  const std::function<void()> wake_;
  std::map<std::string, absl::Time> not_before_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  WsClient* client_ = nullptr;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<int> MinutesOfDay(const std::string& text) {
  const auto digit = [&](size_t at) { return text[at] >= '0' && text[at] <= '9' ? text[at] - '0' : 100; };
  const bool shaped = text.size() == 5 && text[2] == ':';
  const int hours = shaped ? digit(0) * 10 + digit(1) : 99;
  const int minutes = shaped ? digit(3) * 10 + digit(4) : 99;
  if (hours > 23 || minutes > 59) return absl::InvalidArgumentError("a time of day such as 02:30 was expected");
  return hours * 60 + minutes;
}

bool ReconciliationDue(absl::Time now, const absl::TimeZone& zone, int at_minutes, int64_t done_day) {
  if (done_day == kNotYet) return true;
  const int64_t now_us = absl::ToUnixMicros(now);
  const int32_t today = LocalDayOf(now_us, zone);
  if (done_day >= today) return false;
  // On a night that skips the hour the run is due once the clock has jumped past it.
  const absl::CivilSecond local = zone.At(now).cs;
  return local.hour() * 60 + local.minute() >= at_minutes;
}

absl::StatusOr<std::unique_ptr<Reconciler>> StartReconciler(ReconcilerOptions options, store::Database& database,
                                                            Directory& directory, ClientOfSite client_of,
                                                            std::shared_ptr<const DimensionMap> dimensions,
                                                            Metrics& metrics, const Clock& clock,
                                                            std::function<void()> wake) {
  ASSIGN_OR_RETURN(const int at_minutes, MinutesOfDay(options.at));
  return std::make_unique<NightlyReconciler>(std::move(options), at_minutes, database, directory, std::move(client_of),
                                             std::move(dimensions), metrics, clock, std::move(wake));
}

}  // namespace compagnon::moodle
