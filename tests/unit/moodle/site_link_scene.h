#ifndef COMPAGNON_TESTS_UNIT_MOODLE_SITE_LINK_SCENE_H_
#define COMPAGNON_TESTS_UNIT_MOODLE_SITE_LINK_SCENE_H_

#include <catch2/catch.hpp>
#include <set>

#include "backends/store_backend.h"
#include "compagnon/event/v1/full.pb.h"
#include "compagnon/event/v1/slim.pb.h"
#include "moodle/api/site_link.h"
#include "moodle/store/coverage.h"
#include "moodle/store/directory.h"
#include "moodle/store/migrations.h"
#include "moodle/store/publication.h"
#include "moodle/store/site_store.h"
#include "moodle/store/token_seal.h"
#include "unit/moodle/fake_plugin.h"
#include "unit/moodle/manual_clock.h"
#include "unit/moodle/moodle_store_fixture.h"

namespace compagnon::moodle::test {

// A directory that notes what it is told and fails when a test says so.
class NotingDirectory final : public DirectoryWriter {
 public:
  std::vector<int64_t> applied;
  std::vector<std::string> pages, sweeps;
  bool guard_trips = false;
  std::function<bool(int64_t seq)> refuses = [](int64_t) { return false; };
  absl::Status ApplyEvents(store::Session&, std::string_view, absl::Span<const MoodleEvent> events, bool) override {
    for (const MoodleEvent& e : events) {
      if (refuses(e.seq)) return absl::InternalError("invalid byte sequence\nDETAIL: Awa Diop");
    }
    for (const MoodleEvent& e : events) applied.push_back(e.seq);
    return absl::OkStatus();
  }
  absl::Status ApplyExportPage(store::Session&, std::string_view, std::string_view kind, int64_t, int64_t,
                               absl::Span<const std::string> rows) override {
    pages.push_back(std::string(kind) + " " + std::to_string(rows.size()));
    return absl::OkStatus();
  }
  absl::Status SweepPass(store::Session&, std::string_view, std::string_view kind, int64_t) override {
    sweeps.push_back(std::string(kind));
    if (guard_trips) return WithReason(absl::FailedPreconditionError("too many"), "mass_delete_guard");
    return absl::OkStatus();
  }
  absl::Status StartEpoch(store::Session&, std::string_view) override { return absl::OkStatus(); }
};

// A site, its plugin and its link beside a store, with a clock that the test moves.
struct Scene {
  explicit Scene(compagnon::test::StoreBackend& backend) : database(backend.database()) {
    REQUIRE(MigrateMoodle(database).ok());
    site.code = "sn1";
    site.title = "Sénégal";
    site.url = "https://moodle.example.org";
    site.time_zone = "Africa/Dakar";
    site.sealed_token = "sealed";
    REQUIRE(database.Write([&](store::Session& s) { return PutSite(s, site, 1); }).ok());
    options.holder = "one";
    options.pass_every = absl::Hours(1000);
  }
  std::unique_ptr<SiteLink> Link() {
    return std::make_unique<SiteLink>(site, options, LinkEvents{}, plugin, database, directory, clock);
  }
  SiteRecord Record() {
    SiteRecord record;
    REQUIRE(database
                .Read([&](store::Session& s) -> absl::Status {
                  ASSIGN_OR_RETURN(record, GetSite(s, "sn1"));
                  return absl::OkStatus();
                })
                .ok());
    return record;
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
  std::vector<event::v1::SlimEvent> Published(const std::string& exchange = "events") {
    std::vector<event::v1::SlimEvent> out;
    REQUIRE(database
                .Read([&](store::Session& s) {
                  return s.Query("SELECT data FROM outbox WHERE exchange = :p1 ORDER BY id", {{exchange}},
                                 [&](const store::Row& row) {
                                   REQUIRE(out.emplace_back().ParseFromString(row.BytesAt(0)));
                                   return absl::OkStatus();
                                 });
                })
                .ok());
    return out;
  }
  // Steps until the link wants to pause, at most `limit` times.
  absl::Duration Run(SiteLink& link, int limit = 100) {
    absl::Duration wait;
    for (int i = 0; i < limit; ++i) {
      wait = link.Step();
      if (wait > absl::ZeroDuration()) return wait;
    }
    return wait;
  }

  store::Database& database;
  ManualClock clock;
  FakePlugin plugin;
  NotingDirectory directory;
  SiteConfig site;
  LinkOptions options;
};

}  // namespace compagnon::moodle::test

#endif  // COMPAGNON_TESTS_UNIT_MOODLE_SITE_LINK_SCENE_H_
