#include "platform/bus/outbox.h"

#include <fmt/format.h>

#include <vector>

#include "platform/base/ids.h"
#include "platform/store/statement_text.h"

namespace compagnon::bus {
namespace {

// The outbox is a queue: as many rows die as are born. Vacuum by number of dead rows, not by a share of an empty table,
// and at full speed, or its index would keep entries of rows long gone.
constexpr std::string_view kPostgresql = R"sql(
CREATE TABLE outbox(
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  due_us bigint NOT NULL,
  exchange text NOT NULL,
  routing_key text NOT NULL,
  event_id text NOT NULL,
  source text NOT NULL,
  type text NOT NULL,
  time_us bigint NOT NULL,
  traceparent text NOT NULL,
  data bytea NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0)
--;
CREATE TABLE rejected(
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  rejected_at_us bigint NOT NULL,
  reason text NOT NULL,
  exchange text NOT NULL,
  routing_key text NOT NULL,
  event_id text NOT NULL,
  source text NOT NULL,
  type text NOT NULL,
  time_us bigint NOT NULL,
  traceparent text NOT NULL,
  data bytea NOT NULL,
  digest text NOT NULL UNIQUE
)
)sql";

// AUTOINCREMENT: an id is never given twice, so that a range read in one transaction can be deleted in the next.
constexpr std::string_view kSqlite = R"sql(
CREATE TABLE outbox(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  due_us INTEGER NOT NULL,
  exchange TEXT NOT NULL,
  routing_key TEXT NOT NULL,
  event_id TEXT NOT NULL,
  source TEXT NOT NULL,
  type TEXT NOT NULL,
  time_us INTEGER NOT NULL,
  traceparent TEXT NOT NULL,
  data BLOB NOT NULL
)
--;
CREATE TABLE rejected(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  rejected_at_us INTEGER NOT NULL,
  reason TEXT NOT NULL,
  exchange TEXT NOT NULL,
  routing_key TEXT NOT NULL,
  event_id TEXT NOT NULL,
  source TEXT NOT NULL,
  type TEXT NOT NULL,
  time_us INTEGER NOT NULL,
  traceparent TEXT NOT NULL,
  data BLOB NOT NULL,
  digest TEXT NOT NULL UNIQUE
)
)sql";

constexpr store::Migration kMigrations[] = {{1, "outbox and rejected", kPostgresql, kSqlite}};

std::string Storable(std::string_view text) {
  if (store::IsStorableText(text)) return std::string(text);
  std::string plain;
  for (const char c : text) {
    if (c >= 0x20 && c < 0x7f) {
      plain += c;
    } else {
      plain += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return plain;
}

}  // namespace

absl::Span<const store::Migration> OutboxMigrations() { return kMigrations; }

absl::Status AppendToOutbox(store::Session& session, absl::Span<const Message> messages) {
  if (messages.empty()) return absl::OkStatus();
  static constexpr std::string_view kColumns[] = {"due_us", "exchange", "routing_key", "event_id", "source",
                                                  "type",   "time_us",  "traceparent", "data"};
  std::vector<std::vector<store::Value>> rows;
  rows.reserve(messages.size());
  for (const Message& m : messages) {
    RETURN_IF_ERROR(CheckMessage(m));
    std::vector<store::Value>& row = rows.emplace_back();
    row.reserve(std::size(kColumns));
    row.emplace_back(int64_t{0});
    row.emplace_back(m.exchange);
    row.emplace_back(m.routing_key);
    row.emplace_back(m.id);
    row.emplace_back(m.source);
    row.emplace_back(m.type);
    row.emplace_back(m.time_us);
    row.emplace_back(m.traceparent);
    row.emplace_back(store::Bytes{m.data});
  }
  return session.BulkInsert("outbox", kColumns, rows);
}

absl::Status Reject(store::Session& session, const Message& message, std::string_view reason, absl::Time now) {
  std::string all;
  for (const std::string_view part : {reason, std::string_view(message.source), std::string_view(message.id),
                                      std::string_view(message.type), std::string_view(message.data)}) {
    all += fmt::format("{}:", part.size());
    all += part;
  }
  const store::Value values[] = {absl::ToUnixMicros(now),       Storable(reason),      Storable(message.exchange),
                                 Storable(message.routing_key), Storable(message.id),  Storable(message.source),
                                 Storable(message.type),        message.time_us,       Storable(message.traceparent),
                                 store::Bytes{message.data},    HexEncode(Sha256(all))};
  return session
      .Execute(
          "INSERT INTO rejected(rejected_at_us, reason, exchange, routing_key, event_id, source, type, time_us, "
          "traceparent, data, "
          "digest) VALUES(:p1, :p2, :p3, :p4, :p5, :p6, :p7, :p8, :p9, :p10, :p11) ON CONFLICT (digest) DO NOTHING",
          values)
      .status();
}

}  // namespace compagnon::bus
