#ifndef COMPAGNON_MOODLE_CLI_CONNECTION_H_
#define COMPAGNON_MOODLE_CLI_CONNECTION_H_

#include <memory>
#include <string>
#include <string_view>

#include "moodle/api/ws_client.h"
#include "moodle/cli.h"
#include "moodle/store/site_store.h"

namespace compagnon::moodle {

// A registered site and a client that opens it: one attempt a call, so that a person at a terminal does not wait for
// back-offs.
struct SiteConnection {
  SiteRecord record;
  std::unique_ptr<WsClient> client;
};
absl::StatusOr<SiteRecord> LoadSite(const Cli& cli, const std::string& code);
absl::StatusOr<SiteConnection> ConnectSite(const Cli& cli, const std::string& code);

// What a person reads at the terminal, in the verb's language.
std::string Say(const Cli& cli, std::string_view french, std::string_view english);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_CLI_CONNECTION_H_
