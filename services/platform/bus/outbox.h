#ifndef COMPAGNON_PLATFORM_BUS_OUTBOX_H_
#define COMPAGNON_PLATFORM_BUS_OUTBOX_H_

#include <memory>
#include <string_view>

#include "absl/types/span.h"
#include "platform/base/clock.h"
#include "platform/base/status.h"
#include "platform/bus/bus.h"
#include "platform/store/sql.h"

namespace compagnon::bus {

// Migrations of the component "outbox", run in every module's database: the tables outbox and rejected, owned by platform.
// outbox(id, exchange, routing_key, event_id, source, type, time_us, traceparent, data, published_at_us NULL, claimed_until_us)
absl::Span<const store::Migration> OutboxMigrations();

// Adds messages to the outbox inside the transaction that changes the module's state. Bulk; any size.
absl::Status AppendToOutbox(store::Session& session, absl::Span<const Message> messages);

struct RelayOptions {
  int batch = 2000;
  absl::Duration idle_poll = absl::Milliseconds(100);
  absl::Duration keep_published = absl::Minutes(10);  // published rows are deleted after this
};

// Publishes unpublished rows in id order, claimed with SKIP LOCKED (never id > last: ids commit out of order); a row is published
// at least once. Several relays may run on one outbox. Wake() after a commit makes it look at once.
class OutboxRelay {
 public:
  virtual ~OutboxRelay() = default;
  virtual void Wake() = 0;
  virtual void Stop() = 0;
  // Rows not yet published, for metrics, readiness and tests.
  virtual absl::StatusOr<int64_t> Pending() = 0;
};
std::unique_ptr<OutboxRelay> StartOutboxRelay(store::Database& database, Bus& bus, const Clock& clock, RelayOptions options);

// Sets a message aside in the module's `rejected` table inside the consumer's transaction: decode error or broken rule.
absl::Status Reject(store::Session& session, const Message& message, std::string_view reason, absl::Time now);

}  // namespace compagnon::bus

#endif  // COMPAGNON_PLATFORM_BUS_OUTBOX_H_
