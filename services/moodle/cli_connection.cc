#include "moodle/cli_connection.h"

#include "moodle/store/token_seal.h"

namespace compagnon::moodle {

std::string Say(const Cli& cli, std::string_view french, std::string_view english) {
  return std::string(cli.locale == "en" ? english : french);
}

absl::StatusOr<SiteRecord> LoadSite(const Cli& cli, const std::string& code) {
  SiteRecord record;
  RETURN_IF_ERROR(cli.database->Read([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(record, GetSite(session, code));
    return absl::OkStatus();
  }));
  return record;
}

absl::StatusOr<SiteConnection> ConnectSite(const Cli& cli, const std::string& code) {
  SiteConnection c;
  ASSIGN_OR_RETURN(c.record, LoadSite(cli, code));
  if (c.record.config.url.empty()) {
    return absl::FailedPreconditionError(Say(cli, "Ce site n'a pas d'adresse : il est rempli par des fichiers.",
                                             "This site has no address: it is filled from files."));
  }
  ASSIGN_OR_RETURN(const TokenSeal seal, TokenSeal::Open(*cli.config));
  WsOptions options;
  options.url = c.record.config.url;
  ASSIGN_OR_RETURN(options.token, seal.Unseal(code, c.record.config.sealed_token));
  options.allow_private_addresses = cli.config->moodle.allow_private_addresses;
  options.total_timeout = absl::Seconds(30);
  options.attempts = 1;
  c.client = NewWsClient(std::move(options), *cli.clock);
  return c;
}

}  // namespace compagnon::moodle
