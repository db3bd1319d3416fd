// The verb `site add`.
#include <filesystem>

#include "moodle/cli.h"
#include "moodle/store/token_seal.h"
#include "unit/moodle/manual_clock.h"
#include "unit/moodle/moodle_store_fixture.h"

namespace compagnon::moodle {
namespace {

struct Terminal {
  explicit Terminal(compagnon::test::StoreBackend& backend) {
    config.data_dir = folder.path();
    cli = {.config = &config, .clock = &clock, .database = &backend.database(), .out = &said};
  }
  std::string TokenFile(const std::string& token) const {
    const std::string path = folder.Write("token", token + "\n");
    std::filesystem::permissions(path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    return path;
  }
  SiteConfig Site(const std::string& code) {
    SiteConfig site;
    Fine(cli.database->Read([&](store::Session& session) -> absl::Status {
      ASSIGN_OR_RETURN(const SiteRecord record, GetSite(session, code));
      site = record.config;
      return absl::OkStatus();
    }));
    return site;
  }
  std::string Token(const std::string& code) {
    return TokenSeal::Open(config)->Unseal(code, Site(code).sealed_token).value();
  }

  Folder folder;
  Config config;
  test::ManualClock clock;
  std::ostringstream said;
  Cli cli;
};

STORE_CONTRACT("a new token for a known site leaves its title and address and zone as they are", "[cli]") {
  Terminal terminal(backend);
  const std::string url = "https://moodle.example.org";
  Fine(AddSite(terminal.cli, {"sn1", "Sénégal", url, terminal.TokenFile("first"), "Africa/Dakar"}));
  Fine(AddSite(terminal.cli, {.code = "sn1", .token_file = terminal.TokenFile("second")}));
  CHECK(terminal.Token("sn1") == "second");
  const SiteConfig site = terminal.Site("sn1");
  CHECK(site.title == "Sénégal");
  CHECK(site.url == url);
  CHECK(site.time_zone == "Africa/Dakar");
}

STORE_CONTRACT("a new title for a known site leaves its token as it is and its token never follows to another address",
               "[cli]") {
  Terminal terminal(backend);
  const std::string url = "https://moodle.example.org";
  Fine(AddSite(terminal.cli, {"sn1", "Sénégal", url, terminal.TokenFile("first"), "Africa/Dakar"}));
  Fine(AddSite(terminal.cli, {.code = "sn1", .title = "Dakar", .url = url + "/"}));
  CHECK(terminal.Site("sn1").title == "Dakar");
  CHECK(terminal.Token("sn1") == "first");
  CHECK(AddSite(terminal.cli, {.code = "sn1", .url = "https://other.example.org"}).code() ==
        absl::StatusCode::kInvalidArgument);
  CHECK(terminal.Site("sn1").url == url);
}

STORE_CONTRACT("a new site with an address needs its zone and its token", "[cli]") {
  Terminal terminal(backend);
  const std::string url = "https://moodle.example.org";
  CHECK(AddSite(terminal.cli, {.code = "sn1", .url = url, .token_file = terminal.TokenFile("first")}).code() ==
        absl::StatusCode::kInvalidArgument);
  CHECK(AddSite(terminal.cli, {.code = "sn1", .url = url, .time_zone = "Africa/Dakar"}).code() ==
        absl::StatusCode::kInvalidArgument);
  Fine(AddSite(terminal.cli, {.code = "files"}));
  CHECK(terminal.Site("files").title == "files");
  CHECK(terminal.Site("files").time_zone == "UTC");
}

}  // namespace
}  // namespace compagnon::moodle
