// The store side of ingest alone (no bus, no decoding): batches of 5,000 events into positions, raw, learner-days,
// marks and counters, beside the least a program can do with the same rows: binary COPY on libpq, one prepared insert
// on sqlite3. `replay` gives the same events again and checks that no sum changes. Prints JSON lines; ratio is value /
// peer.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "analytics/store/digest.h"
#include "analytics/store/layers.h"
#include "analytics_place.h"
#include "peers/raw_rows.h"
#include "peers/raw_writers.h"
#include "platform/base/log.h"

namespace compagnon::bench {
namespace {

using namespace analytics;
double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Print(std::string_view bench, const std::string& metric, double value, std::string_view unit, double peer,
           double limit) {
  std::string line =
      fmt::format(R"({{"bench": "{}", "metric": "{}", "value": {:.4g}, "unit": "{}")", bench, metric, value, unit);
  if (peer > 0) line += fmt::format(R"(, "peer": {:.4g})", peer);
  if (limit > 0) line += fmt::format(R"(, "limit": {})", limit);
  if (peer > 0) line += fmt::format(R"(, "ratio": {:.3f})", value / peer);
  fmt::print("{}}}\n", line);
  std::fflush(stdout);
}

// The rows of the table raw that ingest writes for these batches.
IntRows RawOf(const std::vector<EventBatch>& batches) {
  RawRows raw;
  for (const EventBatch& batch : batches) {
    for (const Activity& activity : batch.activities) raw.Add(1, activity);
  }
  IntRows rows;
  rows.columns = {"pos",    "occurred_us", "recorded_us", "person", "related_person", "course", "context_instance",
                  "object", "grade_item",  "score_milli", "stream", "name",           "traits", "site"};
  rows.widths = {8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 4, 4, 4, 4};
  rows.values.assign(raw.rows().columns().begin(), raw.rows().columns().end());
  return rows;
}

// The peer writes into a table of its own in the same place.
double Peer(Place& place, const IntRows& rows) {
  const std::string table = fmt::format("peer_{}", place.peers++);
  Need(place.database->Write(
      [&](store::Session& session) { return session.Execute(CreateTable(table, rows)).status(); }));
  const double seconds =
      place.options.dialect == store::Dialect::kPostgresql
          ? Need(CopyWithLibpq(place.options.postgresql_url, place.options.schema, table, rows, kBatch))
          : Need(InsertWithSqlite(place.options.sqlite_path, table, rows, kBatch, place.options.sqlite_full_sync));
  Need(place.database->Write([&](store::Session& session) { return session.Execute("DROP TABLE " + table).status(); }));
  return seconds;
}

std::string NameOf(store::Dialect dialect) { return dialect == store::Dialect::kPostgresql ? "postgresql" : "sqlite"; }
double LimitOf(store::Dialect dialect) { return dialect == store::Dialect::kPostgresql ? 0.22 : 0.40; }

// Ours and the peer's turn about on the same rows, so that a busy moment hits both.
void BenchRate(store::Dialect dialect, size_t step, int rounds) {
  Place place(dialect);
  Site site;
  place.Take(site.Next(50000), 50000);  // warm: partitions, dictionary, caches
  std::vector<double> ours, peer;
  for (int round = 0; round < rounds; ++round) {
    const std::vector<EventBatch> batches = site.Next(step);
    const IntRows rows = RawOf(batches);
    ours.push_back(static_cast<double>(step) / place.Take(batches, static_cast<int64_t>(step)));
    peer.push_back(static_cast<double>(step) / Peer(place, rows));
  }
  Print("ingest", NameOf(dialect), Median(ours), "events/s", Median(peer), LimitOf(dialect));
}

// Ten times a million, one after the other into one database: does the rate hold?
void BenchFlat(store::Dialect dialect) {
  Place place(dialect);
  Site site;
  std::vector<double> rates;
  for (const size_t events : {size_t{100000}, size_t{900000}}) {
    const double seconds = place.Take(site.Next(events), static_cast<int64_t>(events));
    rates.push_back(static_cast<double>(events) / seconds);
    Print("ingest", fmt::format("{}_from_{}", NameOf(dialect), rates.size() == 1 ? "0" : "1e5"), rates.back(),
          "events/s", 0, 0);
  }
  double last = 0;
  for (int million = 2; million <= 10; ++million) {
    last = 1e6 / place.Take(site.Next(1000000), 1000000);
    Print("ingest", fmt::format("{}_million_{}", NameOf(dialect), million), last, "events/s", 0, 0);
  }
  Print("ingest", NameOf(dialect) + "_tenth_million", last, "events/s", rates[1], 0.85);
}

void BenchReplay(store::Dialect dialect, size_t events) {
  Place place(dialect);
  Site site;
  const std::vector<EventBatch> batches = site.Next(events);
  const double first = place.Take(batches, static_cast<int64_t>(events));
  const std::vector<LayerDigest> before = Need(Digests(*place.database, DigestOf::kDatabase));
  const double again = place.Take(batches, 0);
  if (Need(Digests(*place.database, DigestOf::kDatabase)) != before)
    Need(absl::InternalError("a replay changed a sum"));
  Print("ingest-replay", NameOf(dialect), static_cast<double>(events) / again, "events/s",
        static_cast<double>(events) / first, 0);
}

int Run(bool replay, bool full) {
  SetLogLevel(LogLevel::kError);
  std::filesystem::create_directories(".run/bench");
  for (const store::Dialect dialect : {store::Dialect::kPostgresql, store::Dialect::kSqlite}) {
    if (replay) {
      BenchReplay(dialect, full ? 1000000 : 200000);
      continue;
    }
    BenchRate(dialect, full ? 200000 : 100000, full ? 7 : 5);
    if (full) BenchFlat(dialect);
  }
  return 0;
}

}  // namespace
}  // namespace compagnon::bench

int main(int argc, char** argv) {
  bool replay = false, full = false;
  for (int i = 1; i < argc; ++i) {
    replay = replay || std::strcmp(argv[i], "replay") == 0;
    full = full || std::strcmp(argv[i], "--full") == 0;
  }
  return compagnon::bench::Run(replay, full);
}
