// The store alone, on both back ends: bulk rows beside the same rows written on libpq or sqlite3 without it, upserts,
// point reads and small transactions. Prints JSON lines; ratio is value / peer.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>

#include "peers/raw_rows.h"
#include "peers/raw_writers.h"
#include "platform/base/ids.h"
#include "platform/store/sql.h"

namespace compagnon::bench {
namespace {

using store::Database;
using store::Dialect;
using store::Row;
using store::Session;
using SteadyClock = std::chrono::steady_clock;

constexpr size_t kBatch = 5000;
constexpr int kRounds = 3;

void Need(const absl::Status& status) {
  if (status.ok()) return;
  fmt::print(stderr, "store_bench: {}\n", status.ToString());
  std::exit(1);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Print(std::string_view metric, double value, double peer = 0) {
  std::string line =
      fmt::format(R"({{"bench": "store", "metric": "{}", "value": {:.0f}, "unit": "1/s")", metric, value);
  if (peer > 0) line += fmt::format(R"(, "peer": {:.0f}, "ratio": {:.3f})", peer, value / peer);
  fmt::print("{}}}\n", line);
  std::fflush(stdout);
}

double Seconds(const std::function<void()>& work) {
  const SteadyClock::time_point start = SteadyClock::now();
  work();
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

struct Place {
  std::string name;
  store::DatabaseOptions options;
  std::unique_ptr<Database> database;
};

void Do(Database& database, std::string_view sql) {
  Need(database.Write([&](Session& session) { return session.Execute(sql).status(); }));
}

void BenchBulk(Place& place, const IntRows& rows) {
  Database& database = *place.database;
  std::vector<IntRows> batches;
  for (size_t begin = 0; begin < rows.size(); begin += kBatch) {
    batches.push_back(rows.Slice(begin, std::min(begin + kBatch, rows.size())));
  }
  std::vector<double> ours, peers;
  for (int round = 0; round < kRounds; ++round) {
    Do(database, CreateTable("event", rows));
    ours.push_back(Seconds([&] {
      for (const IntRows& batch : batches) {
        Need(database.Write(
            [&](Session& session) { return session.BulkInsertInts("event", batch.columns, batch.values); }));
      }
    }));
    Do(database, "DROP TABLE event");
    Do(database, CreateTable("event", rows));
    const absl::StatusOr<double> peer =
        database.dialect() == Dialect::kSqlite
            ? InsertWithSqlite(place.options.sqlite_path, "event", rows, kBatch, place.options.sqlite_full_sync)
            : CopyWithLibpq(place.options.postgresql_url, place.options.schema, "event", rows, kBatch);
    Need(peer.status());
    peers.push_back(*peer);
    Do(database, "DROP TABLE event");
  }
  const double count = static_cast<double>(rows.size());
  Print("bulk_insert_ints." + place.name, count / Median(ours), count / Median(peers));
}

// Facts by learner and day as the ingest adds them: half new, half there already.
void BenchUpsert(Place& place, const IntRows& rows) {
  Database& database = *place.database;
  Do(database,
     "CREATE TABLE fact (course bigint, day bigint, person bigint, n bigint, first_us bigint, last_us bigint,"
     " PRIMARY KEY (course, day, person))");
  constexpr std::string_view kColumns[] = {"course", "day", "person", "n", "first_us", "last_us"};
  const bool sqlite = database.dialect() == Dialect::kSqlite;
  const std::string least = sqlite ? "min" : "least", greatest = sqlite ? "max" : "greatest";
  const std::string update = fmt::format(
      "n = fact.n + excluded.n, first_us = {}(fact.first_us, excluded.first_us), "
      "last_us = {}(fact.last_us, excluded.last_us)",
      least, greatest);
  size_t written = 0;
  const double seconds = Seconds([&] {
    for (size_t begin = 0; begin < rows.size(); begin += kBatch) {
      std::map<std::array<int64_t, 3>, std::array<int64_t, 3>> facts;
      for (size_t r = begin; r < std::min(begin + kBatch, rows.size()); ++r) {
        const int64_t at = rows.values[1][r];
        auto& fact = facts
                         .try_emplace({rows.values[5][r], at / 86'400'000'000, rows.values[3][r] % 2000},
                                      std::array<int64_t, 3>{0, at, at})
                         .first->second;
        ++fact[0];
        fact[2] = at;
      }
      std::vector<std::vector<int64_t>> values(6);
      for (const auto& [key, fact] : facts) {
        for (int c = 0; c < 3; ++c) values[c].push_back(key[c]), values[3 + c].push_back(fact[c]);
      }
      written += facts.size();
      Need(database.Write([&](Session& session) {
        return session.UpsertInts("fact", kColumns, "course, day, person", update, values);
      }));
    }
  });
  Print("upsert_ints." + place.name, static_cast<double>(written) / seconds);
}

void BenchSmall(Place& place, int transactions) {
  Database& database = *place.database;
  Do(database, "CREATE TABLE item (id bigint PRIMARY KEY, n bigint, name text)");
  for (int64_t i = 0; i < 1000; ++i) {
    Need(database.Write([&](Session& session) {
      return session.Execute("INSERT INTO item VALUES (:p1, 0, :p2)", {i, std::string("item ") + std::to_string(i)})
          .status();
    }));
  }
  int64_t found = 0;
  Print("point_reads." + place.name,
        20'000 / Seconds([&] {
          Need(database.Read([&](Session& session) -> absl::Status {
            for (int64_t i = 0; i < 20'000; ++i) {
              RETURN_IF_ERROR(session.Query("SELECT n, name FROM item WHERE id = :p1", {i % 1000}, [&](const Row& row) {
                found += row.Text(1).size() > 0;
                return absl::OkStatus();
              }));
            }
            return absl::OkStatus();
          }));
        }));
  if (found != 20'000) Need(absl::InternalError("a point read found nothing"));
  Print("small_transactions." + place.name,
        transactions / Seconds([&] {
          for (int64_t i = 0; i < transactions; ++i) {
            Need(database.Write([&](Session& session) {
              return session.Execute("UPDATE item SET n = n + 1 WHERE id = :p1", {i % 1000}).status();
            }));
          }
        }));
  int64_t sum = 0, count = 0;
  Do(database,
     database.dialect() == Dialect::kSqlite
         ? "CREATE TABLE many AS WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 300000) "
           "SELECT i AS a, i * 7 AS b FROM s"
         : "CREATE TABLE many AS SELECT i::bigint AS a, i::bigint * 7 AS b FROM generate_series(1, 300000) i");
  Print("rows_read." + place.name, 300'000 / Seconds([&] {
                                     Need(database.Read([&](Session& session) {
                                       return session.Query("SELECT a, b FROM many", {}, [&](const Row& row) {
                                         sum += row.Int(0) + row.Int(1);
                                         ++count;
                                         return absl::OkStatus();
                                       });
                                     }));
                                   }));
  if (count != 300'000) Need(absl::InternalError("rows are missing"));
}

int Run(bool full) {
  const IntRows rows = EventRows(full ? 2'000'000 : 300'000, 7);
  const std::string unique = HexEncode(RandomBytes(4));
  const std::string folder = ".run/bench/store-" + unique;
  std::vector<Place> places(3);
  places[0].name = "sqlite_full", places[0].options.sqlite_path = folder + "/full.db";
  places[1].name = "sqlite_normal", places[1].options.sqlite_path = folder + "/normal.db";
  places[1].options.sqlite_full_sync = false;
  const char* url = std::getenv("COMPAGNON_TEST_PG");
  if (url == nullptr) {
    fmt::print(stderr, "store_bench: no PostgreSQL: run ./dev services start, then eval \"$(./dev services env)\"\n");
    return 1;
  }
  places[2].name = "postgresql", places[2].options.dialect = Dialect::kPostgresql;
  places[2].options.postgresql_url = url, places[2].options.schema = "bench_" + unique;
  for (Place& place : places) {
    absl::StatusOr<std::unique_ptr<Database>> database = store::OpenDatabase(place.options);
    Need(database.status());
    place.database = std::move(*database);
    BenchBulk(place, rows);
    BenchUpsert(place, rows);
    BenchSmall(place, full ? 5000 : 1000);
  }
  Do(*places[2].database, "DROP SCHEMA bench_" + unique + " CASCADE");
  places.clear();
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace compagnon::bench

int main(int argc, char** argv) { return compagnon::bench::Run(argc > 1 && std::strcmp(argv[1], "--full") == 0); }
