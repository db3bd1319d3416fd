// The store side of ingest alone (no bus, no decoding): batches of 5,000 events into positions, raw, learner-days, marks and counters,
// beside the least a program can do with the same rows: binary COPY on libpq, one prepared insert on sqlite3. `replay` gives the same
// events again and checks that no sum changes. Prints JSON lines; ratio is value / peer.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>

#include "analytics/store/digest.h"
#include "analytics/store/ingest.h"
#include "analytics/store/layers.h"
#include "analytics/store/recompute.h"
#include "analytics/store/schema.h"
#include "peers/raw_rows.h"
#include "peers/raw_writers.h"
#include "platform/base/ids.h"
#include "platform/base/log.h"
#include "platform/bus/outbox.h"
#include "platform/store/sql.h"

namespace compagnon::bench {
namespace {

using namespace analytics;
using SteadyClock = std::chrono::steady_clock;

constexpr size_t kBatch = 5000;
const std::vector<std::string> kNames = {"\\core\\event\\course_viewed",           "\\mod_forum\\event\\course_module_viewed",
                                         "\\mod_forum\\event\\discussion_viewed",  "\\mod_quiz\\event\\attempt_submitted",
                                         "\\mod_page\\event\\course_module_viewed", "\\mod_resource\\event\\course_module_viewed",
                                         "\\mod_assign\\event\\assessable_submitted", "\\mod_book\\event\\chapter_viewed"};

void Need(const absl::Status& status) {
  if (status.ok()) return;
  fmt::print(stderr, "ingest_bench: {}\n", status.ToString());
  std::exit(1);
}

template <typename T>
T Need(absl::StatusOr<T> value) {
  Need(value.status());
  return *std::move(value);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Print(std::string_view bench, const std::string& metric, double value, std::string_view unit, double peer, double limit) {
  std::string line = fmt::format(R"({{"bench": "{}", "metric": "{}", "value": {:.4g}, "unit": "{}")", bench, metric, value, unit);
  if (peer > 0) line += fmt::format(R"(, "peer": {:.4g})", peer);
  if (limit > 0) line += fmt::format(R"(, "limit": {})", limit);
  if (peer > 0) line += fmt::format(R"(, "ratio": {:.3f})", value / peer);
  fmt::print("{}}}\n", line);
  std::fflush(stdout);
}

double Seconds(const std::function<void()>& work) {
  const SteadyClock::time_point start = SteadyClock::now();
  work();
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

// Days of a site: 60 courses of 400 learners; a third of them comes on a day, in sessions of about five events. In the order of time,
// positions dense from 1.
class Site {
 public:
  std::vector<EventBatch> Next(size_t events) {
    std::vector<EventBatch> batches;
    while (batches.size() * kBatch < events) {
      while (ready_.size() < kBatch) MakeDay();
      EventBatch batch;
      batch.streams = {{"bench", std::string(kSiteStream)}};
      batch.names = kNames;
      batch.activities.assign(ready_.begin(), ready_.begin() + kBatch);
      for (Activity& activity : batch.activities) activity.pos = ++pos_;
      ready_.erase(ready_.begin(), ready_.begin() + kBatch);
      batches.push_back(std::move(batch));
    }
    return batches;
  }

 private:
  void MakeDay() {
    const size_t from = ready_.size();
    for (int64_t person = 1; person <= 24000; ++person) {
      if (random_() % 3 != 0) continue;
      int64_t at = day_ * kDayUs + static_cast<int64_t>(random_() % 86000) * 1000000;
      for (unsigned n = 1 + random_() % 9; n > 0; --n) {
        Activity a;
        a.name = static_cast<int32_t>(random_() % kNames.size());
        ActivityTraits traits;
        traits.crud = 'r';
        traits.edulevel = random_() % 8 ? 2 : 0;
        traits.origin = random_() % 5 ? 1 : 2;
        traits.context_level = 70;
        a.traits = PackTraits(traits);
        a.occurred_us = at;
        a.recorded_us = at + 20000;
        a.person = person * 7919 * 1000003;  // wide, as pseudonyms are
        a.course = 1 + person / 400;
        a.context_instance = static_cast<int64_t>(random_() % 4000);
        a.object = random_() % 2 ? static_cast<int64_t>(random_() % 9000) : 0;
        ready_.push_back(a);
        at += static_cast<int64_t>(random_() % 240) * 1000000;
      }
    }
    ++day_;
    std::sort(ready_.begin() + static_cast<int64_t>(from), ready_.end(), [](const Activity& a, const Activity& b) { return a.occurred_us < b.occurred_us; });
  }

  std::mt19937 random_{20261121};
  int64_t day_ = 20600, pos_ = 0;
  std::vector<Activity> ready_;
};

// The rows of the table raw that ingest writes for these batches.
IntRows RawOf(const std::vector<EventBatch>& batches) {
  RawRows raw;
  for (const EventBatch& batch : batches) {
    for (const Activity& activity : batch.activities) raw.Add(1, activity);
  }
  IntRows rows;
  rows.columns = {"pos", "occurred_us", "recorded_us", "person", "related_person", "course", "context_instance",
                  "object", "grade_item", "score_milli", "stream", "name", "traits", "site"};
  rows.widths = {8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 4, 4, 4, 4};
  rows.values.assign(raw.rows().columns().begin(), raw.rows().columns().end());
  return rows;
}

EventBatch Zone() {
  EventBatch batch;
  batch.streams = {{"bench", "site"}};
  CourseState course;
  course.pos = int64_t{1} << 40;
  course.course = 1;
  course.time_zone = "Europe/Paris";
  batch.courses.push_back(course);
  return batch;
}

// A database of one run, and what ingests into it.
struct Place {
  explicit Place(store::Dialect dialect) {
    const std::string unique = HexEncode(RandomBytes(6));
    options.dialect = dialect;
    folder = ".run/bench/ingest-" + unique;
    options.sqlite_path = folder + "/analytics.db";
    if (dialect == store::Dialect::kPostgresql) {
      const char* url = std::getenv("COMPAGNON_TEST_PG");
      if (url == nullptr) Need(absl::FailedPreconditionError("no COMPAGNON_TEST_PG: run ./dev services start"));
      options.postgresql_url = url;
      options.schema = "bench_ingest_" + unique;
    }
    database = Need(store::OpenDatabase(options));
    Need(store::Migrate(*database, "outbox", bus::OutboxMigrations()));
    Need(store::Migrate(*database, "analytics", Migrations()));
    dictionary = std::make_unique<Dictionary>(*database);
    ingest = std::make_unique<Ingest>(*database, *dictionary);
    Need(ingest->Take(Zone(), absl::FromUnixSeconds(1800000000)).status());
    Need(MakeMonths(*database, UtcMonth(20600 * kDayUs), UtcMonth(20600 * kDayUs) + 8));
  }
  ~Place() {
    if (options.dialect == store::Dialect::kPostgresql) {
      database->Write([&](store::Session& s) { return s.Execute("DROP SCHEMA " + options.schema + " CASCADE").status(); }).IgnoreError();
    }
    ingest.reset();
    database.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

  double Take(const std::vector<EventBatch>& batches, int64_t expected_new) {
    int64_t taken = 0;
    const double seconds = Seconds([&] {
      for (const EventBatch& batch : batches) taken += Need(ingest->Take(batch, absl::FromUnixSeconds(1800000000))).taken;
    });
    if (taken != expected_new) Need(absl::InternalError(fmt::format("{} events were taken, not {}", taken, expected_new)));
    return seconds;
  }

  // The peer writes into a table of its own in the same place.
  double Peer(const IntRows& rows) {
    const std::string table = fmt::format("peer_{}", peers++);
    Need(database->Write([&](store::Session& session) { return session.Execute(CreateTable(table, rows)).status(); }));
    const double seconds = options.dialect == store::Dialect::kPostgresql
                               ? Need(CopyWithLibpq(options.postgresql_url, options.schema, table, rows, kBatch))
                               : Need(InsertWithSqlite(options.sqlite_path, table, rows, kBatch, options.sqlite_full_sync));
    Need(database->Write([&](store::Session& session) { return session.Execute("DROP TABLE " + table).status(); }));
    return seconds;
  }

  store::DatabaseOptions options;
  std::string folder;
  int peers = 0;
  std::unique_ptr<store::Database> database;
  std::unique_ptr<Dictionary> dictionary;
  std::unique_ptr<Ingest> ingest;
};

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
    peer.push_back(static_cast<double>(step) / place.Peer(rows));
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
    Print("ingest", fmt::format("{}_from_{}", NameOf(dialect), rates.size() == 1 ? "0" : "1e5"), rates.back(), "events/s", 0, 0);
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
  if (Need(Digests(*place.database, DigestOf::kDatabase)) != before) Need(absl::InternalError("a replay changed a sum"));
  Print("ingest-replay", NameOf(dialect), static_cast<double>(events) / again, "events/s", static_cast<double>(events) / first, 0);
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
