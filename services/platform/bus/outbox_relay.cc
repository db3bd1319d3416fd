#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "platform/base/log.h"
#include "platform/bus/backoff.h"
#include "platform/bus/outbox.h"

namespace compagnon::bus {
namespace {

using store::Dialect;
using store::Row;
using store::Session;
using store::Value;

// A pass goes up through the ids without looking back, which spares reading dead index entries again and again; it ends
// at the latest after this, because a row that committed late lies below.
constexpr absl::Duration kLongestPass = absl::Seconds(1);

struct Claimed {
  std::vector<int64_t> ids;
  std::vector<Message> messages;
  size_t bytes = 0;
};

absl::Status ReadRows(Session& session, int64_t now_us, int64_t after, int limit, Claimed* claimed) {
  *claimed = Claimed();
  // The lock makes other relays on PostgreSQL pass over these rows until this transaction ends; a crash frees them at
  // once.
  const std::string_view sql = session.dialect() == Dialect::kPostgresql
                                   ? "SELECT id, exchange, routing_key, event_id, source, type, time_us, traceparent, "
                                     "data FROM outbox WHERE id > :p1 AND "
                                     "due_us <= :p2 ORDER BY id LIMIT :p3 FOR UPDATE SKIP LOCKED"
                                   : "SELECT id, exchange, routing_key, event_id, source, type, time_us, traceparent, "
                                     "data FROM outbox WHERE id > :p1 AND "
                                     "due_us <= :p2 ORDER BY id LIMIT :p3";
  const Value params[] = {after, now_us, int64_t{limit}};
  return session.Query(sql, params, [&](const Row& row) {
    claimed->ids.push_back(row.Int(0));
    Message& m = claimed->messages.emplace_back();
    m.exchange = row.Text(1);
    m.routing_key = row.Text(2);
    m.id = row.Text(3);
    m.source = row.Text(4);
    m.type = row.Text(5);
    m.time_us = row.Int(6);
    m.traceparent = row.Text(7);
    m.data = row.BytesAt(8);
    claimed->bytes += m.data.size();
    return absl::OkStatus();
  });
}

// Runs `sql`, which begins a DELETE or an UPDATE, for the claimed rows that ended as `outcome`; answers how many there
// are. `due` is parameter 3 of an UPDATE.
absl::StatusOr<int64_t> ForOutcome(Session& session, const std::string& sql, const Claimed& claimed,
                                   const std::vector<PublishOutcome>& outcomes, PublishOutcome outcome,
                                   std::optional<int64_t> due = std::nullopt) {
  int64_t count = 0;
  const auto run = [&](std::string_view where, std::vector<Value> params) {
    if (due.has_value()) params.emplace_back(*due);
    return session.Execute(sql + std::string(where), params).status();
  };
  if (session.dialect() == Dialect::kPostgresql) {
    // Ids between two claimed ones may belong to another relay or have been committed since: name each.
    std::string array = "{";
    int64_t lowest = 0;
    for (size_t i = 0; i < claimed.ids.size(); ++i) {
      if (outcomes[i] != outcome) continue;
      if (count++ == 0) {
        lowest = claimed.ids[i];
      } else {
        array += ',';
      }
      array += std::to_string(claimed.ids[i]);
    }
    if (count == 0) return 0;
    array += '}';
    RETURN_IF_ERROR(run(" WHERE id >= :p1 AND id = ANY(CAST(:p2 AS bigint[]))", {lowest, array}));
    return count;
  }
  // SQLite commits ids in order, so between two rows read as neighbours nothing can appear that is not yet published.
  for (size_t i = 0; i < claimed.ids.size(); ++i) {
    if (outcomes[i] != outcome) continue;
    const size_t first = i;
    while (i + 1 < claimed.ids.size() && outcomes[i + 1] == outcome) ++i;
    RETURN_IF_ERROR(run(" WHERE id BETWEEN :p1 AND :p2", {claimed.ids[first], claimed.ids[i]}));
    count += static_cast<int64_t>(i - first + 1);
  }
  return count;
}

class Relay : public OutboxRelay {
 public:
  Relay(store::Database& database, Bus& bus, const Clock& clock, RelayOptions options)
      : database_(database), bus_(bus), clock_(clock), options_(std::move(options)), limit_(options_.batch) {
    thread_ = std::thread([this] { Run(); });
  }
  ~Relay() override { Stop(); }

  void Wake() override {
    {
      std::lock_guard lock(mutex_);
      woken_ = true;
    }
    changed_.notify_one();
  }

  void Stop() override {
    std::lock_guard once(stop_mutex_);
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  absl::StatusOr<int64_t> Pending() override {
    int64_t pending = 0;
    RETURN_IF_ERROR(database_.Read([&](Session& session) {
      return session.Query("SELECT count(*) FROM outbox", {}, [&](const Row& row) {
        pending = row.Int(0);
        return absl::OkStatus();
      });
    }));
    return pending;
  }

  RelayStats Stats() const override {
    std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  // How one batch ended.
  struct Batch {
    Claimed claimed;
    std::vector<PublishOutcome> outcomes;
    int64_t published = 0, unroutable = 0;
    int64_t unconfirmed() const { return static_cast<int64_t>(outcomes.size()) - published - unroutable; }
  };

  void Run() {
    const ScopedLogModule log_module(options_.module);
    publisher_ = bus_.NewPublisher();
    Backoff backoff(options_.min_backoff, options_.max_backoff);
    int64_t after = 0;
    absl::Time pass_began = absl::Now();
    for (;;) {
      {
        std::lock_guard lock(mutex_);
        if (stopping_) break;
        woken_ = false;
      }
      const int limit = limit_;
      Batch batch;
      absl::Status status = Publish(after, limit, batch);
      Count(status, batch);
      if (status.ok() && batch.unconfirmed() == 0) {
        backoff.Reset();
        const bool full = static_cast<int>(batch.claimed.ids.size()) == limit;
        if (full && absl::Now() - pass_began < kLongestPass) {
          after = batch.claimed.ids.back();
          continue;
        }
        after = 0;
        pass_began = absl::Now();
        if (!full && Idle(options_.idle_poll)) break;
      } else {
        Log(LogLevel::kWarning, "outbox: publishing waits",
            {{"error", ErrorText(status)}, {"unconfirmed", batch.unconfirmed()}});
        after = 0;
        if (Pause(backoff.Next())) break;
        pass_began = absl::Now();
      }
    }
    publisher_.reset();
  }

  absl::Status Publish(int64_t after, int limit, Batch& batch) {
    const auto claim = [&](Session& session) {
      return ReadRows(session, absl::ToUnixMicros(clock_.Now()), after, limit, &batch.claimed);
    };
    const auto settle = [&](Session& session) -> absl::Status {
      if (batch.claimed.ids.empty()) return absl::OkStatus();
      ASSIGN_OR_RETURN(batch.published, ForOutcome(session, "DELETE FROM outbox", batch.claimed, batch.outcomes,
                                                   PublishOutcome::kConfirmed));
      ASSIGN_OR_RETURN(batch.unroutable, ForOutcome(session, "UPDATE outbox SET due_us = :p3", batch.claimed,
                                                    batch.outcomes, PublishOutcome::kUnroutable,
                                                    absl::ToUnixMicros(clock_.Now() + options_.unroutable_retry)));
      return absl::OkStatus();
    };
    if (database_.dialect() == Dialect::kPostgresql) {
      // One transaction from claim to deletion. It may run again after a lost connection: then some are published
      // twice.
      return database_.Write([&](Session& session) -> absl::Status {
        RETURN_IF_ERROR(claim(session));
        RETURN_IF_ERROR(Send(batch));
        return settle(session);
      });
    }
    // On SQLite a transaction that writes holds the whole module up: none is open while the bus is waited for.
    RETURN_IF_ERROR(database_.Read(claim));
    RETURN_IF_ERROR(Send(batch));
    if (batch.claimed.ids.empty()) return absl::OkStatus();
    return database_.Write(settle);
  }

  absl::Status Send(Batch& batch) {
    batch.outcomes.clear();
    if (batch.claimed.messages.empty()) return absl::OkStatus();
    const size_t row = std::max<size_t>(1, batch.claimed.bytes / batch.claimed.messages.size());
    limit_ = static_cast<int>(std::clamp<size_t>(options_.batch_bytes / row, 1, static_cast<size_t>(options_.batch)));
    ASSIGN_OR_RETURN(batch.outcomes, publisher_->Publish(batch.claimed.messages));
    return absl::OkStatus();
  }

  void Count(const absl::Status& status, const Batch& batch) {
    std::lock_guard lock(mutex_);
    if (!status.ok()) {
      ++stats_.failures;
      return;
    }
    stats_.published += batch.published;
    stats_.unroutable += batch.unroutable;
    stats_.unconfirmed += batch.unconfirmed();
  }

  // Both answer true when asked to stop.
  bool Idle(absl::Duration duration) {
    std::unique_lock lock(mutex_);
    WaitFor(changed_, lock, duration, [&] { return stopping_ || woken_; });
    return stopping_;
  }
  bool Pause(absl::Duration duration) {
    std::unique_lock lock(mutex_);
    return WaitFor(changed_, lock, duration, [&] { return stopping_; });
  }

  store::Database& database_;
  Bus& bus_;
  const Clock& clock_;
  const RelayOptions options_;
  int limit_;  // of the next batch
  std::unique_ptr<Publisher> publisher_;
  std::mutex stop_mutex_;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  bool stopping_ = false, woken_ = false;
  RelayStats stats_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<OutboxRelay> StartOutboxRelay(store::Database& database, Bus& bus, const Clock& clock,
                                              RelayOptions options) {
  return std::make_unique<Relay>(database, bus, clock, std::move(options));
}

}  // namespace compagnon::bus
