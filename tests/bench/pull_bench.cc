// The moodle module's way in, alone: simulated Moodle over HTTP -> pull -> directory, publication, outbox, cursor in
// one transaction. Prints JSON lines: rows a second, and the processor time a row costs the reading thread for the
// answer and for the commit. The double runs in this process, on threads of its own.
#include <fmt/format.h>
#include <time.h>

#include <cstdlib>
#include <filesystem>

#include "moodle/api/site_link.h"
#include "moodle/store/directory.h"
#include "moodle/store/migrations.h"
#include "moodle/store/site_store.h"
#include "moodle_double/server/moodle_double.h"
#include "platform/base/ids.h"
#include "platform/base/log.h"

namespace compagnon::bench {
namespace {

using moodle_double::DoubleOptions;
using moodle_double::MoodleDouble;

void Need(const absl::Status& status) {
  if (status.ok()) return;
  fmt::print(stderr, "pull_bench: {}\n", status.ToString());
  std::exit(1);
}

double ThreadSeconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

void Run(std::string_view backend, const store::DatabaseOptions& options, MoodleDouble& plugin) {
  auto opened = store::OpenDatabase(options);
  Need(opened.status());
  store::Database& database = **opened;
  Need(moodle::MigrateMoodle(database));
  moodle::SiteConfig site{"sn1", "Sénégal", plugin.Url("sn1"), "Africa/Dakar", "sealed", 0};
  Need(database.Write([&](store::Session& session) { return moodle::PutSite(session, site, 1); }));
  moodle::WsOptions ws;
  ws.url = site.url;
  ws.token = plugin.Token("sn1");
  ws.allow_private_addresses = true;
  ws.calls_per_second = ws.burst = 100000;
  const auto client = moodle::NewWsClient(ws, SystemClock());
  moodle::Directory directory({.clock = &SystemClock(), .dimensions = nullptr});

  moodle::LinkOptions link_options;
  link_options.holder = "bench";
  // 0: no export pass competes with the pulls. The full path has one, which `path` measures.
  link_options.pass_every = absl::Hours(100000);
  int64_t rows = 0;
  double answer_s = 0, commit_s = 0, mark = 0;
  moodle::LinkEvents events;
  events.on_page = [&](const moodle::PullPage& page) {
    rows += static_cast<int64_t>(page.events.size());
    const double now = ThreadSeconds();
    answer_s += now - mark;
    mark = now;
  };
  // The pass is marked as done before it begins, for the same reason.
  Need(database.Write([&](store::Session& session) {
    return session
        .Execute(
            "INSERT INTO export_pass (site, id, course, reason, kind, after_id, started_us, ended_us) VALUES ('sn1', "
            "1, 0, 'first', 0, 0, :p1, :p1)",
            {{absl::ToUnixMicros(SystemClock().Now())}})
        .status();
  }));
  moodle::SiteLink link(site, link_options, events, *client, database, directory, SystemClock());
  const absl::Time began = absl::Now();
  while (true) {
    mark = ThreadSeconds();
    const absl::Duration wait = link.Step();
    commit_s += ThreadSeconds() - mark;
    if (wait > absl::ZeroDuration() && link.health().link == moodle::Link::kOk) break;
  }
  const double seconds = absl::ToDoubleSeconds(absl::Now() - began);
  const double n = static_cast<double>(rows);
  fmt::print(
      R"({{"bench": "pull", "metric": "{}", "value": {:.0f}, "unit": "rows/s", "rows": {}, "answer_us_per_row": {:.2f}, "commit_us_per_row": {:.2f}}})"
      "\n",
      backend, n / seconds, rows, answer_s / n * 1e6, commit_s / n * 1e6);
  std::fflush(stdout);
}

int Main(int argc, char** argv) {
  SetLogLevel(LogLevel::kError);
  DoubleOptions options;
  options.learners = 200;
  options.weeks = 4;
  options.seed = 3;
  options.backlog = argc > 1 ? std::atoll(argv[1]) : 100000;
  auto plugin = MoodleDouble::Start(options, SystemClock());
  Need(plugin.status());
  const std::string unique = HexEncode(RandomBytes(4));
  const std::string folder = ".run/bench/pull-" + unique;
  std::filesystem::create_directories(folder);
  {
    store::DatabaseOptions sqlite;
    sqlite.sqlite_path = folder + "/moodle.db";
    Run("sqlite", sqlite, **plugin);
  }
  std::filesystem::remove_all(folder);
  if (const char* url = std::getenv("COMPAGNON_TEST_PG"); url != nullptr) {
    store::DatabaseOptions postgresql;
    postgresql.dialect = store::Dialect::kPostgresql;
    postgresql.postgresql_url = url;
    postgresql.schema = "bench_pull_" + unique;
    Run("postgresql", postgresql, **plugin);
    auto last = store::OpenDatabase(postgresql);
    Need(last.status());
    Need((*last)->Write([&](store::Session& session) {
      return session.Execute("DROP SCHEMA " + postgresql.schema + " CASCADE").status();
    }));
  }
  return 0;
}

}  // namespace
}  // namespace compagnon::bench

int main(int argc, char** argv) { return compagnon::bench::Main(argc, argv); }
