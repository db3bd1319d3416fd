#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "backends/store_backend.h"
#include "compagnon/event/v1/slim.pb.h"
#include "moodle/api/poller.h"
#include "moodle/cli.h"
#include "moodle/store/coverage.h"
#include "moodle/store/directory.h"
#include "moodle/store/migrations.h"
#include "moodle/store/site_store.h"
#include "moodle_double/server/moodle_double.h"
#include "platform/base/ids.h"

// The poller over HTTP against the simulated Moodle, on real threads and a real store.
namespace compagnon::moodle {
namespace {

using moodle_double::DoubleOptions;
using moodle_double::MoodleDouble;

struct Suite {
  Suite(compagnon::test::StoreBackend& backend, DoubleOptions options)
      : backend(backend), database(backend.database()) {
    REQUIRE(MigrateMoodle(database).ok());
    folder = ".run/tests/bridge-" + HexEncode(RandomBytes(6));
    std::filesystem::create_directories(folder);
    auto started = MoodleDouble::Start(options, SystemClock());
    REQUIRE(started.ok());
    plugin = *std::move(started);
    config.data_dir = folder;
    config.moodle.allow_private_addresses = true;
    cli = {.config = &config, .clock = &SystemClock(), .database = &database, .out = &said};
    for (const auto& site : options.sites) {
      const std::string token_file = folder + "/token";
      std::ofstream(token_file) << plugin->Token(site.code) << "\n";
      std::filesystem::permissions(token_file,
                                   std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
      const absl::Status added =
          AddSite(cli, {site.code, site.title, plugin->Url(site.code), token_file, "Africa/Dakar"});
      CAPTURE(added.ToString());
      REQUIRE(added.ok());
    }
    auto opened = TokenSeal::Open(config);
    REQUIRE(opened.ok());
    seal = std::make_unique<TokenSeal>(*opened);
  }
  ~Suite() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

  std::unique_ptr<Poller> StartPolling(const std::string& holder) {
    PollerOptions options;
    options.ws.allow_private_addresses = true;
    options.ws.first_backoff = absl::Milliseconds(5);
    options.ws.breaker_first = options.ws.breaker_longest = absl::Milliseconds(100);
    options.refresh = absl::Milliseconds(50);
    options.link.holder = holder;
    options.link.poll_active = options.link.poll_idle = absl::Milliseconds(50);
    options.link.coverage_every = absl::Milliseconds(50);
    options.link.lease = absl::Seconds(2);
    options.link.page_rows = page_rows;
    return StartPoller(
        options, database, directory, *seal, metrics, SystemClock(), [] {}, [this] { return waiting_for_bus.load(); });
  }

  SiteRecord Record(const std::string& code) {
    SiteRecord record;
    REQUIRE(database
                .Read([&](store::Session& s) -> absl::Status {
                  ASSIGN_OR_RETURN(record, GetSite(s, code));
                  return absl::OkStatus();
                })
                .ok());
    return record;
  }
  nlohmann::json Double(const std::string& code) {
    return nlohmann::json::parse(plugin->site(code)->Describe(plugin->NowUs()));
  }
  void Do(const std::string& action, const std::string& query) {
    const auto reply = plugin->Control(action, query);
    CAPTURE(action, query, reply.body);
    REQUIRE(reply.status == 200);
  }
  int64_t Count(const std::string& sql) {
    int64_t n = 0;
    REQUIRE(database
                .Read([&](store::Session& s) {
                  return s.Query(sql, {}, [&](const store::Row& row) {
                    n = row.Int(0);
                    return absl::OkStatus();
                  });
                })
                .ok());
    return n;
  }
  // Waits for what must come sooner or later; two minutes are for machines under load, not a measure.
  template <typename F>
  bool Eventually(F happened) {
    for (int i = 0; i < 2400; ++i) {
      if (happened()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }
  bool CaughtUp(const std::string& code) {
    const auto there = Double(code);
    const SiteRecord here = Record(code);
    return here.health.link == Link::kOk && here.cursor.seq == there["rows"].get<int64_t>();
  }
  bool DirectoryFilled(const std::string& code) {
    return Count("SELECT count(*) FROM export_pass WHERE ended_us > 0 AND site = '" + code + "'") > 0;
  }

  // Every position of a site's stream once, in a dense row; counts by Moodle event name.
  std::map<std::string, int64_t> CheckStream(const std::string& code) {
    std::map<std::string, int64_t> names;
    std::set<int64_t> positions;
    int64_t rows = 0;
    REQUIRE(database
                .Read([&](store::Session& s) {
                  return s.Query("SELECT data FROM outbox WHERE exchange = 'events' AND source = :p1",
                                 {{"/sites/" + code}}, [&](const store::Row& row) {
                                   event::v1::SlimEvent e;
                                   REQUIRE(e.ParseFromString(row.BytesAt(0)));
                                   positions.insert(e.pos());
                                   ++rows;
                                   if (e.has_activity()) ++names[e.activity().name()];
                                   return absl::OkStatus();
                                 });
                })
                .ok());
    CHECK(static_cast<int64_t>(positions.size()) == rows);
    if (!positions.empty()) CHECK(*positions.rbegin() == rows);
    return names;
  }
  static int64_t Sum(const std::map<std::string, int64_t>& names) {
    int64_t sum = 0;
    for (const auto& [name, n] : names) sum += n;
    return sum;
  }

  compagnon::test::StoreBackend& backend;
  store::Database& database;
  std::string folder;
  std::unique_ptr<MoodleDouble> plugin;
  Config config;
  std::ostringstream said;
  Cli cli;
  std::unique_ptr<TokenSeal> seal;
  Metrics metrics;
  Directory directory{{.clock = &SystemClock(), .dimensions = nullptr}};
  int page_rows = 5000;
  std::atomic<int64_t> waiting_for_bus = 0;
};

DoubleOptions Small(std::vector<DoubleOptions::Site> sites = {{"sn1", "Sénégal", "", ""}}) {
  DoubleOptions options;
  options.sites = std::move(sites);
  options.learners = 40;
  options.weeks = 3;
  options.seed = 7;
  return options;
}

STORE_CONTRACT("everything a simulated Moodle wrote arrives once and completeness says so", "[bridge]") {
  Suite suite(backend, Small());
  auto poller = suite.StartPolling("one");
  REQUIRE(suite.Eventually([&] { return suite.CaughtUp("sn1") && suite.DirectoryFilled("sn1"); }));
  poller->Stop();
  const auto names = suite.CheckStream("sn1");
  CHECK(names.count("\\core\\event\\grade_item_updated") == 0);
  CHECK(names.at("\\core\\event\\course_viewed") > 0);
  const int64_t rows = suite.Double("sn1")["rows"];
  CHECK(suite.Count("SELECT sum(pulled) FROM completeness") == rows);
  CHECK(suite.Count("SELECT count(*) FROM completeness WHERE pulled <> counted") == 0);
  CHECK(suite.Count("SELECT count(*) FROM incident") == 0);
  CHECK(suite.Count("SELECT count(*) FROM bridge_rejected") == 0);
  CHECK(suite.Count("SELECT count(*) FROM directory_enrolment WHERE learner = 1") > 0);
  CHECK(suite.Double("sn1")["subscribers"]["compagnon"] == rows);
}

STORE_CONTRACT("rows of every kind of damage are set aside or kept and the stream goes on", "[bridge]") {
  Suite suite(backend, Small());
  for (const char* kind : {"plain", "future", "late", "huge", "huge-state", "unknown", "string-ids", "no-name",
                           "negative", "bad-json", "bad-utf8", "nul", "duplicate-uuid", "gap", "plain"}) {
    suite.Do("row", absl::StrCat("kind=", kind));
  }
  for (const char* fault : {"bad-row", "no-seq", "duplicate-seq", "out-of-order", "cut-row", "bad-utf8", "bad-hash"}) {
    suite.Do("fault", absl::StrCat("name=", fault, "&function=local_compagnon_pull_events"));
  }
  suite.page_rows = 700;
  auto poller = suite.StartPolling("one");
  REQUIRE(suite.Eventually([&] { return suite.CaughtUp("sn1"); }));
  suite.Do("row", "kind=plain");
  REQUIRE(suite.Eventually([&] { return suite.CaughtUp("sn1"); }));
  poller->Stop();
  suite.CheckStream("sn1");
  CHECK(suite.Count("SELECT count(*) FROM bridge_rejected WHERE reason = 'row_too_large'") >= 1);
  CHECK(suite.Count("SELECT count(*) FROM bridge_rejected WHERE reason = 'bad_eventname'") >= 1);
  CHECK(suite.Count("SELECT count(*) FROM bridge_rejected WHERE reason = 'bad_time'") >= 1);
  CHECK(suite.Count("SELECT count(*) FROM bridge_rejected WHERE reason = 'broken_json'") >= 1);
  CHECK(suite.Count("SELECT count(*) FROM incident WHERE kind = 'gap'") == 1);
  const int64_t rows = suite.Double("sn1")["rows"];
  CHECK(suite.Count("SELECT sum(pulled) FROM completeness") + suite.Count("SELECT count(*) FROM bridge_rejected") ==
        rows);
  CHECK(suite.Count("SELECT count(*) FROM incident WHERE kind = 'missing_seq'") == 0);
}

STORE_CONTRACT("a missing seq is an incident and the rest arrives", "[bridge]") {
  Suite suite(backend, Small());
  suite.Do("fault", "name=missing-seq&times=2&function=local_compagnon_pull_events");
  auto poller = suite.StartPolling("one");
  REQUIRE(suite.Eventually([&] { return suite.CaughtUp("sn1"); }));
  poller->Stop();
  CHECK(suite.Count("SELECT count(*) FROM incident WHERE kind = 'missing_seq'") == 1);
  suite.CheckStream("sn1");
}

STORE_CONTRACT("after every fault of the network and of the server the same events are there", "[bridge]") {
  Suite suite(backend, Small());
  for (const char* fault : {"cut&amount=2000", "html", "empty", "bad-json", "closed", "error-database-down",
                            "error-upgrade-running", "error-maintenance-admin-setting", "wrong-shape", "throttled"}) {
    suite.Do("fault", absl::StrCat("function=local_compagnon_pull_events&name=", fault));
  }
  suite.page_rows = 800;
  auto poller = suite.StartPolling("one");
  REQUIRE(suite.Eventually([&] { return suite.CaughtUp("sn1"); }));
  poller->Stop();
  suite.CheckStream("sn1");
  const int64_t rows = suite.Double("sn1")["rows"];
  CHECK(suite.Count("SELECT sum(pulled) FROM completeness") == rows);
}

STORE_CONTRACT("two processes on one site take every event once while they die and come back", "[bridge]") {
  Suite suite(backend, Small());
  suite.page_rows = 100;
  auto one = suite.StartPolling("one");
  auto two = suite.StartPolling("two");
  for (int round = 0; round < 6; ++round) {
    suite.Do("rows", "n=150");
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    (round % 2 ? one : two)->Stop();
    (round % 2 ? one : two) = suite.StartPolling(absl::StrCat("again", round));
  }
  REQUIRE(suite.Eventually([&] { return suite.CaughtUp("sn1"); }));
  one->Stop();
  two->Stop();
  suite.CheckStream("sn1");
  CHECK(suite.Count("SELECT sum(pulled) FROM completeness") == suite.Double("sn1")["rows"].get<int64_t>());
  CHECK(suite.Count("SELECT count(*) FROM incident") == 0);
}

STORE_CONTRACT("a site that is down holds back no other and catches up when it is back", "[bridge]") {
  Suite suite(backend, Small({{"sn1", "Sénégal", "", ""}, {"ci1", "Côte d'Ivoire", "", ""}, {"tg1", "Togo", "", ""}}));
  suite.Do("fault", "site=ci1&name=error-bad-token&times=-1");
  suite.Do("fault", "site=tg1&name=endless&times=2");
  auto poller = suite.StartPolling("one");
  REQUIRE(suite.Eventually([&] { return suite.CaughtUp("sn1"); }));
  CHECK(suite.Record("ci1").cursor.seq == 0);
  REQUIRE(suite.Eventually([&] { return suite.Record("ci1").health.problem == "invalidtoken"; }));
  suite.Do("clear", "site=ci1");
  REQUIRE(suite.Eventually([&] { return suite.CaughtUp("ci1") && suite.CaughtUp("tg1"); }));
  poller->Stop();
  for (const char* site : {"sn1", "ci1", "tg1"}) CHECK(Suite::Sum(suite.CheckStream(site)) > 0);
}

STORE_CONTRACT("a copy is read no further and the original can be linked again", "[bridge]") {
  Suite suite(backend, Small());
  auto poller = suite.StartPolling("one");
  REQUIRE(suite.Eventually([&] { return suite.CaughtUp("sn1"); }));
  const int64_t seq = suite.Record("sn1").cursor.seq;
  suite.Do("fingerprint", "");
  suite.Do("rows", "n=20");
  REQUIRE(suite.Eventually([&] { return suite.Record("sn1").health.problem == "fingerprint_changed"; }));
  REQUIRE(ConfirmSite(suite.cli, "sn1", SiteDecision::kCopy).ok());
  CHECK(suite.Record("sn1").config.url.empty());
  CHECK(suite.Record("sn1").config.sealed_token.empty());
  CHECK(suite.Record("sn1").health.link == Link::kFileOnly);
  suite.Do("fingerprint-back", "");
  REQUIRE(
      AddSite(suite.cli, {"sn1", "Sénégal", suite.plugin->Url("sn1"), suite.folder + "/token", "Africa/Dakar"}).ok());
  REQUIRE(suite.Eventually([&] { return suite.CaughtUp("sn1"); }));
  poller->Stop();
  CHECK(suite.Record("sn1").cursor.seq == seq + 20);
}

STORE_CONTRACT("a moved site goes on where it was and a restored backup begins a new epoch", "[bridge]") {
  Suite suite(backend, Small());
  auto poller = suite.StartPolling("one");
  REQUIRE(suite.Eventually([&] { return suite.CaughtUp("sn1"); }));
  CHECK(ConfirmSite(suite.cli, "sn1", SiteDecision::kMoved).code() == absl::StatusCode::kFailedPrecondition);
  suite.Do("fingerprint", "");
  suite.Do("rows", "n=20");
  REQUIRE(suite.Eventually([&] { return suite.Record("sn1").health.problem == "fingerprint_changed"; }));
  CHECK_FALSE(suite.CaughtUp("sn1"));
  REQUIRE(ConfirmSite(suite.cli, "sn1", SiteDecision::kMoved).ok());
  REQUIRE(suite.Eventually([&] { return suite.CaughtUp("sn1"); }));
  const std::string first_epoch = suite.Record("sn1").cursor.epoch;

  suite.Do("restore-backup", "");
  REQUIRE(suite.Eventually([&] { return suite.Record("sn1").health.problem == "cursorreset"; }));
  const int64_t before = Suite::Sum(suite.CheckStream("sn1"));
  suite.Do("epoch", "");
  suite.Do("rows", "n=30");
  REQUIRE(ConfirmSite(suite.cli, "sn1", SiteDecision::kNewEpoch).ok());
  REQUIRE(suite.Eventually([&] { return suite.Record("sn1").cursor.epoch != first_epoch && suite.CaughtUp("sn1"); }));
  REQUIRE(suite.Eventually(
      [&] { return suite.Count("SELECT count(*) FROM export_pass WHERE reason = 'epoch' AND ended_us > 0") == 1; }));
  poller->Stop();
  const int64_t after = Suite::Sum(suite.CheckStream("sn1"));
  CHECK(after > before);
  CHECK(after <= before + 30);
  bool two_epochs = false;
  REQUIRE(suite.database
              .Read([&](store::Session& s) -> absl::Status {
                ASSIGN_OR_RETURN(const auto spans, CoverageOf(s, "sn1"));
                two_epochs = spans.size() == 2 && spans[0].to_us <= spans[1].from_us;
                return absl::OkStatus();
              })
              .ok());
  CHECK(two_epochs);
}

STORE_CONTRACT("while the bus takes nothing rows wait in the plugin and not in our outbox", "[bridge]") {
  Suite suite(backend, Small());
  suite.waiting_for_bus = 1000000000;
  auto poller = suite.StartPolling("one");
  std::this_thread::sleep_for(std::chrono::milliseconds(700));
  CHECK(suite.Record("sn1").cursor.seq == 0);
  poller->Stop();
  suite.waiting_for_bus = 0;
  poller = suite.StartPolling("two");
  CHECK(suite.Eventually([&] { return suite.CaughtUp("sn1"); }));
  poller->Stop();
}

STORE_CONTRACT("site check says what works and the next step for what does not", "[bridge]") {
  Suite suite(backend, Small());
  const absl::Status fine = CheckSite(suite.cli, "sn1");
  CAPTURE(suite.said.str(), fine.ToString());
  CHECK(fine.ok());
  CHECK(suite.said.str().find("Tout est en ordre") != std::string::npos);
  for (const auto& [fault, words] :
       std::vector<std::pair<std::string, std::string>>{{"error-bad-token", "jeton"},
                                                        {"error-service-disabled", "service web"},
                                                        {"error-webservices-disabled", "Activez les services web"},
                                                        {"error-user-suspended", "suspendu"},
                                                        {"html", "URL"},
                                                        {"unavailable&amount=300", "maintenance"}}) {
    suite.said.str("");
    suite.Do("fault", "name=" + fault);
    CAPTURE(fault);
    CHECK(CheckSite(suite.cli, "sn1").code() == absl::StatusCode::kFailedPrecondition);
    CAPTURE(suite.said.str());
    CHECK(suite.said.str().find(words) != std::string::npos);
    CHECK(suite.said.str().find(suite.plugin->Token("sn1")) == std::string::npos);
    suite.Do("clear", "");
  }
  suite.said.str("");
  suite.Do("fault", "name=error-unknown-function&function=local_compagnon_status");
  CHECK_FALSE(CheckSite(suite.cli, "sn1").ok());
  CHECK(suite.said.str().find("Installez ou mettez à jour le greffon") != std::string::npos);
}

STORE_CONTRACT("a replay queues the same events at the same positions and adds nothing to them", "[bridge]") {
  Suite suite(backend, Small());
  suite.page_rows = 500;
  auto poller = suite.StartPolling("one");
  REQUIRE(suite.Eventually([&] { return suite.CaughtUp("sn1") && suite.DirectoryFilled("sn1"); }));
  poller->Stop();
  const auto stream = [&] {
    std::map<int64_t, std::string> activities;
    std::set<int64_t> positions;
    REQUIRE(suite.database
                .Read([&](store::Session& s) {
                  return s.Query("SELECT data FROM outbox ORDER BY id", {}, [&](const store::Row& row) {
                    event::v1::SlimEvent e;
                    REQUIRE(e.ParseFromString(row.BytesAt(0)));
                    for (int64_t pos = e.has_void_() ? e.void_().first_pos() : e.pos(); pos <= e.pos(); ++pos)
                      positions.insert(pos);
                    CHECK_FALSE(e.void_().has_lost());
                    if (e.has_activity()) activities[e.pos()] = e.SerializeAsString();
                    return absl::OkStatus();
                  });
                })
                .ok());
    CHECK(*positions.rbegin() == static_cast<int64_t>(positions.size()));
    return activities;
  };
  const auto first = stream();
  REQUIRE(suite.database.Write([](store::Session& s) { return s.Execute("DELETE FROM outbox").status(); }).ok());
  const absl::Status replayed = ReplaySite(suite.cli, {.to = "analytics", .site = "sn1", .from = ""});
  CAPTURE(replayed.ToString(), suite.said.str());
  REQUIRE(replayed.ok());
  CHECK(stream() == first);
  CHECK(suite.Count("SELECT count(*) FROM outbox WHERE type = 'compagnon.enrolment.updated'") > 0);
  CHECK(ReplaySite(suite.cli, {.to = "nowhere", .site = "sn1", .from = ""}).code() ==
        absl::StatusCode::kInvalidArgument);
}

STORE_CONTRACT("a replay gives up the pages that were forgotten and none that was not asked for", "[bridge]") {
  Suite suite(backend, Small());
  suite.page_rows = 200;
  auto poller = suite.StartPolling("one");
  REQUIRE(suite.Eventually([&] { return suite.CaughtUp("sn1") && suite.DirectoryFilled("sn1"); }));
  poller->Stop();
  struct Void {
    int64_t first_pos, last_pos;
    bool lost;
  };
  const auto voids_of = [&](const std::string& from) {
    REQUIRE(suite.database.Write([](store::Session& s) { return s.Execute("DELETE FROM outbox").status(); }).ok());
    REQUIRE(ReplaySite(suite.cli, {.to = "analytics", .site = "sn1", .from = from}).ok());
    std::vector<Void> voids;
    REQUIRE(suite.database
                .Read([&](store::Session& s) {
                  return s.Query("SELECT data FROM outbox ORDER BY id", {}, [&](const store::Row& row) {
                    event::v1::SlimEvent e;
                    REQUIRE(e.ParseFromString(row.BytesAt(0)));
                    if (e.has_void_()) voids.push_back({e.void_().first_pos(), e.pos(), e.void_().has_lost()});
                    return absl::OkStatus();
                  });
                })
                .ok());
    return voids;
  };
  REQUIRE(suite.Count("SELECT count(*) FROM slim_page") >= 4);
  const int64_t second = suite.Count("SELECT min(first_pos) FROM slim_page WHERE first_seq > 1");
  const int64_t third = suite.Count("SELECT min(first_pos) FROM slim_page WHERE first_pos > " + std::to_string(second));
  for (const Void& v : voids_of("")) CHECK_FALSE(v.lost);

  // Asked for from the third page on, the positions before it keep their hole: a later replay may bring them.
  const int64_t from_us =
      suite.Count("SELECT last_recorded_us FROM slim_page WHERE first_pos = " + std::to_string(third));
  REQUIRE(suite.Count("SELECT last_recorded_us FROM slim_page WHERE first_pos = " + std::to_string(second)) < from_us);
  const auto from_third =
      voids_of(absl::FormatTime(absl::RFC3339_full, absl::FromUnixMicros(from_us), absl::UTCTimeZone()));
  for (const Void& v : from_third) CHECK(v.first_pos >= third);

  // Forgotten in the middle of the stream, and at its beginning.
  const auto forget = [&](const std::string& where) {
    REQUIRE(suite.database
                .Write([&](store::Session& s) { return s.Execute("DELETE FROM slim_page WHERE " + where).status(); })
                .ok());
  };
  const auto lost = [](const std::vector<Void>& voids) {
    std::vector<std::pair<int64_t, int64_t>> spans;
    for (const Void& v : voids) {
      if (v.lost) spans.emplace_back(v.first_pos, v.last_pos);
    }
    return spans;
  };
  forget("first_pos = " + std::to_string(second));
  const auto middle = lost(voids_of(""));
  REQUIRE(middle.size() == 1);
  CHECK(middle[0].first <= second);
  CHECK(middle[0].second == third - 1);
  forget("first_seq = 1");
  const auto beginning = lost(voids_of(""));
  REQUIRE(beginning.size() == 1);
  CHECK(beginning[0] == std::pair<int64_t, int64_t>{1, third - 1});
  CHECK(suite.said.str().find("non couvert") != std::string::npos);
}

}  // namespace
}  // namespace compagnon::moodle
