#include "unit/moodle/site_link_scene.h"

namespace compagnon::moodle {
namespace {

using test::FakePlugin;
using test::ManualClock;
using test::Row;
using test::Scene;

STORE_CONTRACT("the first contact fills the directory by a full pass and restored courses queue one of their own",
               "[link]") {
  Scene scene(backend);
  scene.options.export_rows = 2;
  for (int i = 1; i <= 5; ++i) scene.plugin.export_rows["users"].push_back("{\"id\":" + std::to_string(i) + "}");
  scene.plugin.AddViews(1);
  auto link = scene.Link();
  scene.Run(*link);
  CHECK(scene.directory.sweeps.size() == ExportKinds().size());
  CHECK(std::count(scene.directory.pages.begin(), scene.directory.pages.end(), "users 2") == 2);
  CHECK(std::count(scene.directory.pages.begin(), scene.directory.pages.end(), "users 1") == 1);
  CHECK(scene.Count("SELECT count(*) FROM export_pass WHERE ended_us > 0 AND course = 0") == 1);

  auto restored = Row(2);
  restored["eventname"] = "\\core\\event\\course_restored";
  restored["courseid"] = 77;
  scene.plugin.Add(restored);
  scene.plugin.exported.clear();
  scene.directory.sweeps.clear();
  scene.clock.Advance(absl::Seconds(3));
  scene.Run(*link);
  CHECK(scene.plugin.exported.size() >= ExportKinds().size());
  for (const std::string& call : scene.plugin.exported) CHECK(call.substr(call.rfind(' ')) == " 77");
  CHECK(scene.directory.sweeps.empty());  // a course alone does not show what the site no longer has
}

STORE_CONTRACT("a pass goes on where it stopped when the process dies", "[link]") {
  Scene scene(backend);
  scene.options.export_rows = 1;
  for (int i = 1; i <= 4; ++i) scene.plugin.export_rows["roles"].push_back("{\"id\":" + std::to_string(i) + "}");
  scene.plugin.AddViews(1);
  {
    auto link = scene.Link();
    link->Step();
    link->Step();
    link->Step();
    link->Release();
  }
  REQUIRE(scene.plugin.exported == std::vector<std::string>{"roles 0 0", "roles 1 0"});
  auto link = scene.Link();
  scene.Run(*link);
  CHECK(scene.plugin.exported[2] == "roles 2 0");
  CHECK(std::count(scene.plugin.exported.begin(), scene.plugin.exported.end(), "roles 0 0") == 1);
}

STORE_CONTRACT("a token revoked during a pass leaves the pass where it is and a new token ends it", "[link]") {
  for (const char* code : {"invalidtoken", "accessexception", "tls", "http_404", "wsaccessusersuspended"}) {
    INFO(code);
    Scene scene(backend);
    REQUIRE(scene.database.Write([](store::Session& s) { return StartNewEpoch(s, "sn1", 5); }).ok());
    scene.plugin.epoch = code;  // an epoch of its own for each fault
    scene.directory.sweeps.clear();
    scene.plugin.AddViews(1);
    auto link = scene.Link();
    link->Step();
    link->Step();
    REQUIRE(scene.plugin.exported.size() == 1);
    scene.plugin.faults.assign(50, {FaultCategory::kOperator, code, {}});
    for (int i = 0; i < 20; ++i) {
      scene.clock.Advance(absl::Minutes(2));
      link->Step();
    }
    CHECK(scene.Record().health.problem == code);
    CHECK(scene.Count("SELECT count(*) FROM export_pass WHERE ended_us = 0") == 1);
    scene.plugin.faults.clear();
    for (int i = 0; i < 40; ++i) {
      scene.clock.Advance(absl::Minutes(2));
      link->Step();
    }
    CHECK(scene.Count("SELECT count(*) FROM export_pass WHERE ended_us = 0") == 0);
    CHECK(scene.directory.sweeps.size() == ExportKinds().size());
    CHECK(scene.Record().health.link == Link::kOk);
    link->Release();
  }
}

STORE_CONTRACT("a kind that the account may not export is left out and the other kinds are read", "[link]") {
  Scene scene(backend);
  scene.plugin.export_faults["roles"] = {FaultCategory::kOperator, "nopermissions", {}};
  scene.plugin.export_faults["cohorts"] = {FaultCategory::kOperator, "accessexception", {}};
  scene.plugin.export_faults["groups"] = {FaultCategory::kOperator, "an_error_nobody_classified", {}};
  scene.plugin.export_faults["enrolments"] = {FaultCategory::kCaller, "invalidkind", {}};
  scene.plugin.AddViews(1);
  auto link = scene.Link();
  scene.Run(*link);
  CHECK(scene.directory.sweeps.size() == ExportKinds().size() - 4);
  CHECK(scene.Count("SELECT count(*) FROM export_pass WHERE ended_us > 0") == 1);
  CHECK(scene.Record().health.link == Link::kOk);
  CHECK(scene.Count("SELECT count(*) FROM export_pass WHERE problem = 'roles:nopermissions cohorts:accessexception "
                    "groups:an_error_nobody_classified enrolments:invalidkind'") == 1);
}

STORE_CONTRACT("site check shows what was noted about a site even while the site does not answer", "[link]") {
  Scene scene(backend);
  scene.plugin.export_faults["cohorts"] = {FaultCategory::kOperator, "nopermissions", {}};
  scene.plugin.AddViews(1);
  scene.plugin.lines.push_back("");                           // seq 2 never comes
  scene.plugin.lines.push_back("{\"seq\":3,\"firstname\":");  // seq 3 is broken
  scene.plugin.AddViews(1);
  scene.directory.guard_trips = true;
  auto link = scene.Link();
  scene.Run(*link);

  Folder folder;
  Config config;
  config.data_dir = folder.path();
  config.moodle.allow_private_addresses = true;
  std::ostringstream said;
  Cli cli;
  cli.config = &config;
  cli.clock = &scene.clock;
  cli.database = &scene.database;
  cli.out = &said;
  cli.locale = "en";
  auto seal = TokenSeal::Open(config);
  Fine(seal.status());
  scene.site.url = "http://127.0.0.1:1";  // where nothing listens
  scene.site.sealed_token = seal->Seal("sn1", "token");
  Fine(scene.database.Write([&](store::Session& s) { return PutSite(s, scene.site, 2); }));
  CHECK_FALSE(CheckSite(cli, "sn1").ok());
  for (const char* part : {"the site does not answer", "(missing_seq): 1, last 2026-11-21", "(mass_delete_guard): 10",
                           "(broken_json): 1", "cohorts:nopermissions"}) {
    CAPTURE(part, said.str());
    CHECK(said.str().find(part) != std::string::npos);
  }
  said.str("");
  scene.clock.Advance(absl::Hours(24 * 31));
  CHECK_FALSE(CheckSite(cli, "sn1").ok());
  CHECK(said.str().find("missing_seq") == std::string::npos);
}

STORE_CONTRACT("an unreadable line of an export closes nothing of its kind and is an incident", "[link]") {
  Scene scene(backend);
  scene.options.export_rows = 2;
  for (int i = 1; i <= 5; ++i) scene.plugin.export_rows["users"].push_back("{\"id\":" + std::to_string(i) + "}");
  scene.plugin.export_rows["users"][1] = "{\"id\":2,";  // on the first page of three
  scene.plugin.AddViews(1);
  auto link = scene.Link();
  scene.Run(*link);
  CHECK(std::count(scene.directory.sweeps.begin(), scene.directory.sweeps.end(), "users") == 0);
  CHECK(std::count(scene.directory.sweeps.begin(), scene.directory.sweeps.end(), "cohorts") == 1);
  CHECK(scene.directory.sweeps.size() == ExportKinds().size() - 1);
  CHECK(scene.Count("SELECT count(*) FROM incident WHERE kind = 'unreadable_export' AND first_seq = 1 AND last_seq = "
                    "2") == 1);
  CHECK(scene.Count("SELECT count(*) FROM export_pass WHERE ended_us > 0") == 1);

  // The next pass finds the line mended and looks for what is gone.
  scene.plugin.export_rows["users"][1] = "{\"id\":2}";
  REQUIRE(scene.database.Write([](store::Session& s) { return QueuePass(s, "sn1", 0, "rolling", 5); }).ok());
  for (int i = 0; i < 60; ++i) {
    scene.clock.Advance(absl::Seconds(30));
    link->Step();
  }
  CHECK(std::count(scene.directory.sweeps.begin(), scene.directory.sweeps.end(), "users") == 1);
}

STORE_CONTRACT("the guard against mass deletion is an incident and the pass goes on", "[link]") {
  Scene scene(backend);
  scene.directory.guard_trips = true;
  scene.plugin.AddViews(1);
  auto link = scene.Link();
  scene.Run(*link);
  CHECK(scene.Count("SELECT count(*) FROM incident WHERE kind = 'mass_delete_guard'") ==
        static_cast<int64_t>(ExportKinds().size()));
  CHECK(scene.Record().cursor.seq == 1);
}

}  // namespace
}  // namespace compagnon::moodle
