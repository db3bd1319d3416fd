#ifndef COMPAGNON_PLATFORM_BUS_OUTBOX_H_
#define COMPAGNON_PLATFORM_BUS_OUTBOX_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "platform/base/clock.h"
#include "platform/base/status.h"
#include "platform/bus/bus.h"
#include "platform/store/sql.h"

namespace compagnon::bus {

// Migrations of the component "outbox", run in every module's database: the tables outbox and rejected, owned by
// platform. outbox(id, due_us, exchange, routing_key, event_id, source, type, time_us, traceparent, data): what is not
// yet published. A row is deleted when its message is confirmed
// (docs/decisions/0008-outbox-deletes-what-is-published.md). rejected(id, rejected_at_us, reason, ... the same fields
// ..., digest): what the module's consumers set aside.
absl::Span<const store::Migration> OutboxMigrations();

// Adds messages to the outbox inside the transaction that changes the module's state. Bulk; any number.
// InvalidArgument, and nothing added, when one fails CheckMessage: it could never be published.
absl::Status AppendToOutbox(store::Session& session, absl::Span<const Message> messages);

struct RelayOptions {
  int batch = 2000;
  // A batch holds about this much data at most: its number of rows is guessed from the sizes of the batch before.
  size_t batch_bytes = size_t{32} << 20;
  absl::Duration idle_poll = absl::Milliseconds(100);    // how soon a commit without Wake() is seen
  absl::Duration unroutable_retry = absl::Seconds(5);    // a message no queue is bound to is tried again after this
  absl::Duration min_backoff = absl::Milliseconds(100);  // after an error of the bus or the database, doubling
  absl::Duration max_backoff = absl::Seconds(5);
  std::string module;  // for the log
};

// Counts since the start.
struct RelayStats {
  int64_t published = 0;    // confirmed and deleted
  int64_t unroutable = 0;   // times a message came back
  int64_t unconfirmed = 0;  // times a confirm did not come: the message is published again
  int64_t failures = 0;     // errors of the bus or the database
};

// Publishes the outbox's rows in id order, over and over from the lowest id (never only those above the last one: ids
// commit out of order); a row is published at least once. PostgreSQL: rows are claimed with FOR UPDATE SKIP LOCKED
// while they are published, so that several relays share one outbox. SQLite: two relays on one outbox publish some rows
// twice.
class OutboxRelay {
 public:
  // Stops.
  virtual ~OutboxRelay() = default;
  // A commit added rows: look now. Cheap; from any thread.
  virtual void Wake() = 0;
  // Ends the batch in hand and returns.
  virtual void Stop() = 0;
  // Rows not yet published, for metrics, readiness and tests. Counts them: not for a hot path.
  virtual absl::StatusOr<int64_t> Pending() = 0;
  virtual RelayStats Stats() const = 0;
};
// Starts the relay's thread. `database`, `bus` and `clock` must outlive it.
std::unique_ptr<OutboxRelay> StartOutboxRelay(store::Database& database, Bus& bus, const Clock& clock,
                                              RelayOptions options);

// Sets a message aside in the module's `rejected` table inside the consumer's transaction: decode error or broken rule.
// The same message with the same reason met again adds nothing. Never fails for what the message holds: text that no
// database takes is kept with its foreign bytes written \xNN.
absl::Status Reject(store::Session& session, const Message& message, std::string_view reason, absl::Time now);

}  // namespace compagnon::bus

#endif  // COMPAGNON_PLATFORM_BUS_OUTBOX_H_
