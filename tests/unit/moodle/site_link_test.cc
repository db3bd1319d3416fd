#include "unit/moodle/site_link_scene.h"

namespace compagnon::moodle {
namespace {

using test::FakePlugin;
using test::ManualClock;
using test::Row;
using test::Scene;

STORE_CONTRACT("rows of the plugin come out as slim events with dense positions and are acknowledged after the commit",
               "[link]") {
  Scene scene(backend);
  scene.options.page_rows = 10;
  scene.plugin.AddViews(25);
  auto link = scene.Link();
  scene.Run(*link);
  CHECK(scene.plugin.acked == 25);
  CHECK(scene.Record().cursor.seq == 25);
  CHECK(scene.Record().health.link == Link::kOk);
  CHECK(scene.directory.applied.size() == 25);
  int64_t pos = 0, activities = 0, coverages = 0;
  std::set<int64_t> persons;
  for (const auto& e : scene.Published()) {
    CHECK(e.site() == "sn1");
    CHECK(e.stream() == "site");
    CHECK(e.pos() == ++pos);
    if (e.has_activity()) {
      ++activities;
      persons.insert(e.activity().person());
      CHECK(e.activity().course() == 4);
    }
    coverages += e.has_coverage() ? 1 : 0;
  }
  CHECK(activities == 25);
  CHECK(coverages >= 1);
  CHECK(persons.size() == 1);
  CHECK(*persons.begin() > 0);
  CHECK(*persons.begin() != 1251);
}

STORE_CONTRACT("coverage moves to the instant before the call that left nothing behind and not before", "[link]") {
  Scene scene(backend);
  scene.options.page_rows = 10;
  scene.plugin.AddViews(15);
  auto link = scene.Link();
  const auto covered_to = [&] {
    int64_t to = 0;
    REQUIRE(scene.database
                .Read([&](store::Session& s) -> absl::Status {
                  ASSIGN_OR_RETURN(const auto spans, CoverageOf(s, "sn1"));
                  if (!spans.empty()) to = spans.back().to_us;
                  return absl::OkStatus();
                })
                .ok());
    return to;
  };
  REQUIRE(link->Step() == absl::ZeroDuration());  // ten of fifteen
  CHECK(covered_to() == 0);
  scene.Run(*link);
  CHECK(covered_to() == absl::ToUnixMicros(scene.clock.Now()));
  scene.clock.Advance(absl::Seconds(5));
  scene.plugin.unnumbered = 3;
  scene.plugin.AddViews(1);
  const int64_t before = covered_to();
  link->Step();
  CHECK(covered_to() == before);
}

STORE_CONTRACT("completeness counts rows before filtering against what the plugin counted", "[link]") {
  Scene scene(backend);
  auto filtered = Row(1);
  filtered["eventname"] = "\\core\\event\\grade_item_updated";
  scene.plugin.Add(filtered);
  scene.plugin.AddViews(2);
  auto link = scene.Link();
  scene.Run(*link);
  bool seen = false;
  int activities = 0;
  for (const auto& e : scene.Published()) {
    activities += e.has_activity() ? 1 : 0;
    if (!e.has_completeness()) continue;
    seen = true;
    CHECK(e.completeness().day() == 20778);
    CHECK(e.completeness().pulled() == 3);
    CHECK(e.completeness().counted() == 3);
  }
  CHECK(seen);
  CHECK(activities == 2);
}

STORE_CONTRACT("a crash between commit and acknowledgement takes nothing twice", "[link]") {
  Scene scene(backend);
  scene.plugin.AddViews(5);
  {
    auto link = scene.Link();
    link->Step();
    scene.plugin.acked = 0;  // as if the process had died before the plugin heard
  }
  scene.options.holder = "two";
  scene.clock.Advance(absl::Minutes(1));
  scene.plugin.AddViews(2);
  auto link = scene.Link();
  scene.Run(*link);
  CHECK(scene.Count("SELECT count(*) FROM outbox WHERE type = '\\core\\event\\course_viewed'") == 7);
  CHECK(scene.plugin.acked == 7);
}

STORE_CONTRACT("of two processes on one site only the lease holder reads", "[link]") {
  Scene scene(backend);
  scene.plugin.AddViews(3);
  auto one = scene.Link();
  scene.options.holder = "two";
  auto two = scene.Link();
  one->Step();
  const int pulls = scene.plugin.pulls;
  CHECK(two->Step() > absl::ZeroDuration());
  CHECK(scene.plugin.pulls == pulls);
  one->Release();
  scene.plugin.AddViews(1);
  scene.Run(*two);
  CHECK(scene.Record().cursor.seq == 4);
}

STORE_CONTRACT("a holder that was fenced out commits nothing of what it still holds in hand", "[link]") {
  Scene scene(backend);
  scene.plugin.AddViews(3);
  auto one = scene.Link();
  one->Step();
  // While the first process sleeps past its lease, a second takes over and reads on.
  SiteCursor stale = scene.Record().cursor;
  scene.clock.Advance(absl::Minutes(5));
  scene.options.holder = "two";
  auto two = scene.Link();
  scene.plugin.AddViews(2);
  scene.Run(*two);
  REQUIRE(scene.Record().cursor.seq == 5);
  const int64_t rows = scene.Count("SELECT count(*) FROM outbox");
  SiteCursor moved = stale;
  moved.seq = 5;
  const absl::Status late = scene.database.Write([&](store::Session& s) -> absl::Status {
    std::vector<event::v1::SlimEvent> events(1);
    RETURN_IF_ERROR(PublishSlim(s, "sn1", absl::MakeSpan(events)));
    return MoveCursor(s, "sn1", stale, moved);
  });
  CHECK(ReasonOf(late) == "fenced");
  CHECK(scene.Count("SELECT count(*) FROM outbox") == rows);
  CHECK(one->Step() > absl::ZeroDuration());  // it sees that it lost the lease
}

STORE_CONTRACT("a call that lasts longer than the lease does not lose it to another process", "[link]") {
  Scene scene(backend);
  scene.plugin.AddViews(3);
  auto one = scene.Link();
  scene.options.holder = "two";
  FakePlugin for_two;
  for_two.lines = scene.plugin.lines;
  SiteLink two(scene.site, scene.options, LinkEvents{}, for_two, scene.database, scene.directory, scene.clock);
  // Six minutes of the site's silence, as three attempts of two minutes are.
  scene.plugin.while_calling = [&] {
    for (int i = 0; i < 72; ++i) {
      scene.clock.Advance(absl::Seconds(5));
      one->Renew();
      two.Step();
    }
  };
  one->Step();
  CHECK(for_two.pulls == 0);
  CHECK(scene.Record().cursor.seq == 3);
  CHECK(scene.Record().cursor.term == 1);

  // A process that is gone renews nothing.
  scene.clock.Advance(absl::Minutes(1));
  two.Step();
  CHECK(for_two.pulls == 1);
  one->Renew();
  CHECK(scene.Record().cursor.term == 2);
}

STORE_CONTRACT("a page that a slow site cannot serve in time is asked for in smaller pieces", "[link]") {
  Scene scene(backend);
  scene.options.page_rows = 1000;
  scene.plugin.AddViews(1200);
  scene.plugin.faults.assign(2, {FaultCategory::kRetry, "timeout", {}});
  auto link = scene.Link();
  const auto step = [&] {
    scene.clock.Advance(absl::Minutes(3));
    link->Step();
  };
  for (int i = 0; i < 3; ++i) step();
  REQUIRE(scene.plugin.limits == std::vector<int64_t>{250});
  // The site is still slow: pages stay small. Then it is quick: they grow again.
  scene.plugin.while_calling = [&] { scene.clock.Advance(absl::Seconds(20)); };
  scene.plugin.limits.clear();
  for (int i = 0; scene.plugin.limits.size() < 3 && i < 40; ++i) step();
  scene.plugin.while_calling = [] {};
  for (int i = 0; scene.plugin.limits.size() < 5 && i < 40; ++i) step();
  CHECK(scene.plugin.limits == std::vector<int64_t>{500, 500, 500, 500, 1000});
}

STORE_CONTRACT("a changed fingerprint stops the reading until the operator says moved", "[link]") {
  Scene scene(backend);
  scene.plugin.AddViews(2);
  auto link = scene.Link();
  scene.Run(*link);
  scene.plugin.fingerprint = std::string(64, '0');
  scene.plugin.AddViews(2);
  scene.clock.Advance(absl::Seconds(3));
  link->Step();
  CHECK(scene.Record().health.problem == "fingerprint_changed");
  CHECK(scene.Record().health.link == Link::kNeedsOperator);
  const int pulls = scene.plugin.pulls;
  for (int i = 0; i < 5; ++i) {
    scene.clock.Advance(absl::Minutes(2));
    link->Step();
  }
  CHECK(scene.plugin.pulls == pulls);
  CHECK(scene.Record().cursor.seq == 2);

  REQUIRE(scene.database.Write([](store::Session& s) { return AcceptFingerprint(s, "sn1"); }).ok());
  scene.clock.Advance(absl::Minutes(2));
  scene.Run(*link);
  CHECK(scene.Record().cursor.seq == 4);
  CHECK(scene.Record().health.problem.empty());
}

STORE_CONTRACT("cursorreset is an incident and a confirmed new epoch is read from its start with a full pass",
               "[link]") {
  Scene scene(backend);
  scene.plugin.AddViews(6);
  auto link = scene.Link();
  scene.Run(*link);
  REQUIRE(scene.Record().cursor.seq == 6);
  // A backup was restored: the plugin knows four rows.
  scene.plugin.lines.resize(4);
  scene.clock.Advance(absl::Seconds(3));
  link->Step();
  CHECK(scene.Record().health.problem == "cursorreset");
  CHECK(scene.Count("SELECT count(*) FROM incident WHERE kind = 'cursorreset'") == 1);
  scene.clock.Advance(absl::Minutes(2));
  link->Step();
  CHECK(scene.Record().cursor.seq == 6);

  // The operator confirms while the plugin still serves the old epoch: its rows are not taken twice.
  REQUIRE(scene.database.Write([](store::Session& s) { return StartNewEpoch(s, "sn1", 5); }).ok());
  scene.clock.Advance(absl::Minutes(2));
  scene.Run(*link);
  CHECK(scene.Record().health.problem == "epoch_reused");

  const int64_t before = scene.Count("SELECT count(*) FROM outbox WHERE type = '\\core\\event\\course_viewed'");
  CHECK(before == 6);
  scene.plugin.epoch = "e2";
  scene.plugin.lines.clear();
  scene.plugin.AddViews(3);
  scene.plugin.exported.clear();
  REQUIRE(scene.database.Write([](store::Session& s) { return StartNewEpoch(s, "sn1", 6); }).ok());
  scene.clock.Advance(absl::Minutes(2));
  scene.Run(*link);
  CHECK(scene.Record().cursor.epoch == "e2");
  CHECK(scene.Record().cursor.seq == 3);
  CHECK(scene.Record().health.problem.empty());
  CHECK(scene.Count("SELECT count(*) FROM outbox WHERE type = '\\core\\event\\course_viewed'") == 9);
  CHECK(scene.plugin.exported.size() == ExportKinds().size());
}

STORE_CONTRACT("an epoch that the plugin began without being asked stops the reading", "[link]") {
  Scene scene(backend);
  scene.plugin.AddViews(2);
  auto link = scene.Link();
  scene.Run(*link);
  scene.plugin.epoch = "e9";
  scene.clock.Advance(absl::Seconds(3));
  link->Step();
  CHECK(scene.Record().health.problem == "cursorreset");  // the plugin refuses an epoch it does not know
  CHECK(scene.Record().cursor.epoch == "e1");
}

STORE_CONTRACT("missing and malformed rows are noted and never stop the stream", "[link]") {
  Scene scene(backend);
  scene.plugin.AddViews(2);
  scene.plugin.lines.push_back("");                      // seq 3 never comes
  scene.plugin.lines.push_back("{\"seq\":4,\"oops\":");  // seq 4 is broken
  scene.plugin.AddViews(2);
  auto link = scene.Link();
  scene.Run(*link);
  CHECK(scene.Record().cursor.seq == 6);
  CHECK(scene.Count("SELECT count(*) FROM incident WHERE kind = 'missing_seq' AND first_seq = 3 AND last_seq = 3") ==
        1);
  CHECK(scene.Count("SELECT count(*) FROM bridge_rejected WHERE seq = 4") == 1);
  CHECK(scene.Count("SELECT count(*) FROM outbox WHERE type = '\\core\\event\\course_viewed'") == 4);
}

STORE_CONTRACT("rows that were set aside are forgotten once they are out of reach of a replay", "[link]") {
  Scene scene(backend);
  scene.options.pass_every = absl::Hours(24);
  scene.plugin.lines.push_back("{\"seq\":1,\"firstname\":\"Awa");
  scene.plugin.AddViews(1);
  auto link = scene.Link();
  scene.Run(*link);
  REQUIRE(scene.Count("SELECT count(*) FROM bridge_rejected") == 1);
  for (const int64_t left : {1, 0}) {
    scene.clock.Advance(absl::Hours(24 * 60));
    for (int i = 0; i < 60; ++i) {
      scene.clock.Advance(absl::Minutes(1));
      link->Step();
    }
    CHECK(scene.Count("SELECT count(*) FROM bridge_rejected") == left);
  }
}

STORE_CONTRACT("a row that the store cannot hold is found and set aside and its page goes on", "[link]") {
  Scene scene(backend);
  scene.plugin.AddViews(40);
  scene.directory.refuses = [](int64_t seq) { return seq == 7 || seq == 23; };
  size_t taken = 0, rejected = 0;
  LinkEvents events;
  events.on_taken = [&](const PullPage& page) {
    taken += page.events.size();
    rejected += page.rejected.size();
  };
  SiteLink counted(scene.site, scene.options, events, scene.plugin, scene.database, scene.directory, scene.clock);
  scene.Run(counted, 300);
  // Pages that were asked for again in halves are counted once.
  CHECK(taken == 38);
  CHECK(rejected == 2);
  CHECK(scene.Record().cursor.seq == 40);
  CHECK(scene.Count("SELECT count(*) FROM bridge_rejected WHERE reason = 'not_storable' AND seq IN (7, 23)") == 2);
  CHECK(scene.Count("SELECT count(*) FROM outbox WHERE type = '\\core\\event\\course_viewed'") == 38);
}

STORE_CONTRACT("a store that refuses every row loses no more than three of them before a person looks", "[link]") {
  Scene scene(backend);
  scene.plugin.AddViews(40);
  scene.directory.refuses = [](int64_t) { return true; };
  auto link = scene.Link();
  for (int i = 0; i < 200; ++i) {
    link->Step();
    scene.clock.Advance(absl::Seconds(10));
  }
  CHECK(scene.Record().cursor.seq == 3);
  CHECK(scene.Record().health.problem == "not_storable");
  scene.directory.refuses = [](int64_t) { return false; };
  for (int i = 0; i < 50; ++i) {
    link->Step();
    scene.clock.Advance(absl::Seconds(10));
  }
  CHECK(scene.Record().cursor.seq == 40);
}

STORE_CONTRACT("a site that is down is said so and read again when it is back", "[link]") {
  Scene scene(backend);
  scene.plugin.AddViews(1);
  scene.plugin.faults = {{FaultCategory::kRetry, "connect", {}},
                         {FaultCategory::kRetry, "maintenance", absl::Seconds(300)},
                         {FaultCategory::kOperator, "invalidtoken", {}}};
  auto link = scene.Link();
  CHECK(link->Step() >= absl::Seconds(1));
  CHECK(scene.Record().health.link == Link::kUnreachable);
  CHECK(scene.Record().health.problem == "connect");
  scene.clock.Advance(absl::Minutes(1));
  CHECK(link->Step() >= absl::Seconds(300));
  scene.clock.Advance(absl::Seconds(301));
  CHECK(link->Step() == scene.options.poll_idle);
  CHECK(scene.Record().health.link == Link::kNeedsOperator);
  CHECK(scene.Record().health.problem == "invalidtoken");
  scene.clock.Advance(absl::Minutes(2));
  scene.Run(*link);
  CHECK(scene.Record().health.link == Link::kOk);
  CHECK(scene.Record().cursor.seq == 1);
}

STORE_CONTRACT("polling is quick while rows come and slow when none do", "[link]") {
  Scene scene(backend);
  scene.plugin.AddViews(1);
  auto link = scene.Link();
  CHECK(scene.Run(*link) == scene.options.poll_active);
  for (int i = 0; i < 20; ++i) {
    scene.clock.Advance(absl::Seconds(2));
    scene.Run(*link);
  }
  CHECK(scene.Run(*link) > absl::Seconds(50));
  // After a pause of three days what was done meanwhile is all there.
  scene.plugin.AddViews(4);
  scene.clock.Advance(absl::Hours(72));
  CHECK(scene.Run(*link) == scene.options.poll_active);
  CHECK(scene.Record().cursor.seq == 5);
}

STORE_CONTRACT("full rows go to the audit exchange only when audit is listed and without what is never stored",
               "[link]") {
  Scene scene(backend);
  auto anonymous = Row(1);
  anonymous["eventname"] = "\\mod_feedback\\event\\response_submitted";
  anonymous["anonymous"] = 1;
  scene.plugin.Add(anonymous);
  scene.plugin.AddViews(1);
  {
    auto link = scene.Link();
    scene.Run(*link);
    link->Release();
  }
  CHECK(scene.Count("SELECT count(*) FROM outbox WHERE exchange = 'audit'") == 0);
  scene.plugin.AddViews(1);
  auto late = Row(4);
  late["eventname"] = "\\mod_feedback\\event\\response_submitted";
  late["anonymous"] = 1;
  scene.plugin.Add(late);
  scene.options.publish_full = true;
  scene.clock.Advance(absl::Minutes(1));
  auto link = scene.Link();
  scene.Run(*link);
  CHECK(scene.Count("SELECT count(*) FROM outbox WHERE exchange = 'audit'") == 2);
  REQUIRE(scene.database
              .Read([&](store::Session& s) {
                return s.Query(
                    "SELECT data FROM outbox WHERE exchange = 'audit' AND type = "
                    "'\\mod_feedback\\event\\response_submitted'",
                    {}, [&](const store::Row& row) {
                      event::v1::FullEvent full;
                      REQUIRE(full.ParseFromString(row.BytesAt(0)));
                      CHECK(full.seq() == 4);
                      CHECK(full.row().find("1251") == std::string::npos);
                      CHECK(full.row().find("192.0.2.7") == std::string::npos);
                      return absl::OkStatus();
                    });
              })
              .ok());
}

STORE_CONTRACT("nothing that tells a person is in what analytics hears", "[link]") {
  Scene scene(backend);
  Directory directory({.clock = &scene.clock, .dimensions = nullptr});
  auto user = Row(1);
  user["eventname"] = "\\core\\event\\user_created";
  user["objecttable"] = "user";
  user["objectid"] = 1251;
  user["crud"] = "c";
  user["contextlevel"] = 30;
  user["contextinstanceid"] = 1251;
  user["relateduserid"] = 1251;
  user["other"] = {{"username", "awa.diop"}, {"email", "awa.diop@example.org"}};
  user["state"] = {{"id", 1251},
                   {"username", "awa.diop"},
                   {"firstname", "Awa"},
                   {"lastname", "Diopova"},
                   {"email", "awa.diop@example.org"}};
  scene.plugin.Add(user);
  auto enrolled = Row(2);
  enrolled["eventname"] = "\\core\\event\\user_enrolment_created";
  enrolled["objecttable"] = "user_enrolments";
  enrolled["objectid"] = 9;
  enrolled["crud"] = "c";
  enrolled["relateduserid"] = 1251;
  scene.plugin.Add(enrolled);
  SiteLink link(scene.site, scene.options, LinkEvents{}, scene.plugin, scene.database, directory, scene.clock);
  scene.Run(link);
  REQUIRE(scene.Published().size() >= 3);
  for (const auto& e : scene.Published()) {
    const std::string bytes = e.SerializeAsString();
    for (const char* secret : {"awa", "Awa", "Diopova", "example.org", "192.0.2.7"})
      CHECK(bytes.find(secret) == std::string::npos);
  }
}

}  // namespace
}  // namespace compagnon::moodle
