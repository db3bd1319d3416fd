#include "moodle/store/publication.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <set>
#include <thread>

#include "backends/store_backend.h"
#include "compagnon/event/v1/slim.pb.h"
#include "moodle/store/migrations.h"
#include "moodle/store/site_store.h"
#include "moodle/store/token_seal.h"
#include "platform/base/log.h"
#include "platform/base/trace.h"
#include "unit/moodle/moodle_store_fixture.h"

namespace compagnon::moodle {
namespace {

std::vector<int64_t> Pseudonyms(store::Database& database, std::string_view site, const std::vector<int64_t>& users) {
  std::vector<int64_t> out;
  const absl::Status status = database.Write([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(out, PseudonymsOf(session, site, users));
    return absl::OkStatus();
  });
  if (!status.ok()) FAIL(status.ToString());
  return out;
}

STORE_CONTRACT("a person has one pseudonym per site and another on the next site", "[publication]") {
  store::Database& db = backend.database();
  REQUIRE(MigrateMoodle(db).ok());
  const auto first = Pseudonyms(db, "a", {5, 0, 7, 5, -1});
  REQUIRE(first.size() == 5);
  CHECK(first[0] > 0);
  CHECK(first[0] == first[3]);
  CHECK(first[0] != first[2]);
  CHECK(first[1] == 0);
  CHECK(first[4] == 0);
  CHECK(Pseudonyms(db, "a", {7, 5}) == std::vector<int64_t>{first[2], first[0]});
  CHECK(Pseudonyms(db, "b", {5})[0] != first[0]);
}

STORE_CONTRACT("twelve thousand people get their pseudonyms in one go", "[publication]") {
  store::Database& db = backend.database();
  REQUIRE(MigrateMoodle(db).ok());
  std::vector<int64_t> users;
  for (int64_t u = 1; u <= 12000; ++u) users.push_back(u);
  const auto all = Pseudonyms(db, "a", users);
  CHECK(std::set<int64_t>(all.begin(), all.end()).size() == users.size());
  CHECK(Pseudonyms(db, "a", users) == all);
}

STORE_CONTRACT("transactions that meet the same people at once agree on their pseudonyms", "[publication]") {
  REQUIRE(MigrateMoodle(backend.database()).ok());
  std::vector<std::vector<int64_t>> seen(4);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::vector<int64_t> users;
      for (int64_t u = 1; u <= 400; ++u) users.push_back(t % 2 ? 401 - u : u);
      auto got = Pseudonyms(backend.database(), "a", users);
      if (t % 2) std::reverse(got.begin(), got.end());
      seen[t] = std::move(got);
    });
  }
  for (auto& thread : threads) thread.join();
  for (int t = 1; t < 4; ++t) CHECK(seen[t] == seen[0]);
}

STORE_CONTRACT("messages continue the trace of the step that made them", "[publication]") {
  store::Database& db = backend.database();
  REQUIRE(MigrateMoodle(db).ok());
  const std::string step = NewTraceparent();
  const ScopedLogModule scope("moodle", TraceIdOf(step));
  event::v1::SlimEvent states[2];
  for (int i = 0; i < 2; ++i) states[i].mutable_completeness()->set_day(i);
  REQUIRE(db.Write([&](store::Session& s) { return PublishSlim(s, "a", absl::MakeSpan(states)); }).ok());
  int messages = 0;
  REQUIRE(db.Read([&](store::Session& s) {
              return s.Query("SELECT traceparent FROM outbox", {}, [&](const store::Row& row) {
                ++messages;
                CHECK(TraceIdOf(row.Text(0)) == TraceIdOf(step));
                return absl::OkStatus();
              });
            }).ok());
  CHECK(messages == 2);
}

STORE_CONTRACT("positions are dense in the order of commits with several writers and given back by a rollback",
               "[publication]") {
  store::Database& db = backend.database();
  REQUIRE(MigrateMoodle(db).ok());
  std::vector<std::thread> threads;
  std::atomic<int> surprises{0};  // Catch's assertions are for one thread
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        const bool fails = i % 3 == 2;
        const absl::Status status = db.Write([&](store::Session& session) -> absl::Status {
          std::vector<event::v1::SlimEvent> events(1 + (i + t) % 4);
          RETURN_IF_ERROR(PublishSlim(session, "a", absl::MakeSpan(events)));
          return fails ? absl::CancelledError("given up") : absl::OkStatus();
        });
        if (status.ok() == fails) ++surprises;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(surprises == 0);
  std::vector<int64_t> positions;
  REQUIRE(db.Read([&](store::Session& s) {
              return s.Query("SELECT data FROM outbox ORDER BY id", {}, [&](const store::Row& row) {
                event::v1::SlimEvent e;
                REQUIRE(e.ParseFromString(row.BytesAt(0)));
                positions.push_back(e.pos());
                return absl::OkStatus();
              });
            }).ok());
  std::sort(positions.begin(), positions.end());
  for (size_t i = 0; i < positions.size(); ++i) CHECK(positions[i] == static_cast<int64_t>(i) + 1);
  int64_t last = 0;
  REQUIRE(db.Write([&](store::Session& s) -> absl::Status {
              ASSIGN_OR_RETURN(last, LastSitePos(s, "a"));
              return absl::OkStatus();
            }).ok());
  CHECK(last == static_cast<int64_t>(positions.size()));
}

STORE_CONTRACT("events of a log keep the log's own numbers and take none of the site's stream", "[publication]") {
  store::Database& db = backend.database();
  REQUIRE(MigrateMoodle(db).ok());
  std::vector<MoodleEvent> events(2);
  events[0].seq = 5;
  events[1].seq = 9;
  for (MoodleEvent& e : events) {
    e.name = "\\core\\event\\course_viewed";
    e.component = "core";
    e.target = "course";
    e.action = "viewed";
    e.user = 3;
  }
  int64_t last = -1;
  REQUIRE(db.Write([&](store::Session& s) -> absl::Status {
              ASSIGN_OR_RETURN(const int64_t n, PublishEvents(s, "a", "log/oulad", events));
              CHECK(n == 2);
              ASSIGN_OR_RETURN(last, LastSitePos(s, "a"));
              return absl::OkStatus();
            }).ok());
  CHECK(last == 0);
  std::vector<std::string> said;
  REQUIRE(db.Read([&](store::Session& s) {
              return s.Query("SELECT event_id, routing_key, source, type FROM outbox ORDER BY id", {},
                             [&](const store::Row& row) {
                               said.push_back(row.Text(0) + " " + row.Text(1) + " " + row.Text(2) + " " + row.Text(3));
                               return absl::OkStatus();
                             });
            }).ok());
  REQUIRE(said.size() == 2);
  CHECK(said[0] == "log/oulad/5 moodle.a.core.course.viewed /sites/a \\core\\event\\course_viewed");
}

STORE_CONTRACT("a site's settings are kept with the sealed token as bytes", "[publication]") {
  store::Database& db = backend.database();
  REQUIRE(MigrateMoodle(db).ok());
  const TokenSeal seal(std::string(32, '\x01'));
  SiteConfig site{"sn1", "Sénégal", "https://m.example.org", "Africa/Dakar", seal.Seal("sn1", "0123456789abcdef"), 0};
  REQUIRE(db.Write([&](store::Session& s) { return PutSite(s, site, 7); }).ok());
  SiteRecord record;
  REQUIRE(db.Read([&](store::Session& s) -> absl::Status {
              ASSIGN_OR_RETURN(record, GetSite(s, "sn1"));
              CHECK(ReasonOf(GetSite(s, "nope").status()) == "site_not_found");
              return absl::OkStatus();
            }).ok());
  CHECK(record.config.sealed_token == site.sealed_token);
  CHECK(seal.Unseal("sn1", record.config.sealed_token).value() == "0123456789abcdef");
}

TEST_CASE("processes that start at once make one key and all read it whole") {
  for (int round = 0; round < 20; ++round) {
    const Folder folder;
    Config config;
    config.data_dir = folder.path();
    std::vector<std::string> opened(8);  // what each sealed, "" when it read no key
    std::vector<std::thread> starting;
    std::atomic<bool> go{false};
    for (std::string& sealed : opened) {
      starting.emplace_back([&] {
        while (!go) std::this_thread::yield();
        const auto seal = TokenSeal::Open(config);
        if (seal.ok()) sealed = seal->Seal("sn1", "0123456789abcdef");
      });
    }
    go = true;
    for (std::thread& one : starting) one.join();
    const auto seal = TokenSeal::Open(config);
    REQUIRE(seal.ok());
    for (const std::string& sealed : opened) REQUIRE(seal->Unseal("sn1", sealed).ok());
    CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
  }
}

TEST_CASE("no key is made on one machine for tokens that others read") {
  const Folder folder;
  Config config;
  config.data_dir = folder.path();
  config.store.backend = "postgresql";
  CHECK(TokenSeal::Open(config).status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(std::filesystem::is_empty(folder.path()));
  config.moodle.key_file = folder.Write("named", std::string(64, 'a') + "\n");
  std::filesystem::permissions(config.moodle.key_file,
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  CHECK(TokenSeal::Open(config).ok());
}

TEST_CASE("a sealed token opens for its own site under its own key and unchanged") {
  const TokenSeal seal(std::string(32, '\x01'));
  const std::string sealed = seal.Seal("sn1", "0123456789abcdef");
  CHECK(sealed.find("0123456789abcdef") == std::string::npos);
  CHECK(sealed != seal.Seal("sn1", "0123456789abcdef"));
  CHECK(seal.Unseal("sn1", sealed).value() == "0123456789abcdef");
  CHECK(seal.Unseal("sn2", sealed).status().code() == absl::StatusCode::kDataLoss);
  CHECK_FALSE(TokenSeal(std::string(32, '\x02')).Unseal("sn1", sealed).ok());
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] ^= 1;
    CHECK_FALSE(seal.Unseal("sn1", changed).ok());
  }
  CHECK_FALSE(seal.Unseal("sn1", "").ok());
  CHECK_FALSE(seal.Unseal("sn1", sealed.substr(0, 20)).ok());
}

}  // namespace
}  // namespace compagnon::moodle
