#ifndef COMPAGNON_ANALYTICS_CLI_H_
#define COMPAGNON_ANALYTICS_CLI_H_

#include <string>

#include "platform/store/sql.h"

namespace compagnon::analytics {

// What `compagnon digest` prints about analytics' database, migrated or not: one JSON line per layer,
//   {"layer":"raw","rows":5630,"digest":"0123456789abcdef"}
// `across_runs` leaves pseudonyms out, so that two suites fed the same input can be compared.
absl::StatusOr<std::string> DigestLines(store::Database& database, bool across_runs);

// Asks that the local days and figures of a site be made again from raw; the running module does it at its next pass.
absl::Status AskRebuild(store::Database& database, const std::string& site);

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_CLI_H_
