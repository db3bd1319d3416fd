#ifndef COMPAGNON_ANALYTICS_CLI_H_
#define COMPAGNON_ANALYTICS_CLI_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "platform/store/sql.h"

// What verbs of the program do with analytics' database, which they open themselves, whether or not `serve` runs. Each
// migrates it first.
namespace compagnon::analytics {

// One JSON line per layer: {"layer":"raw","rows":5630,"digest":"0123456789abcdef"}. Equal digests = equal contents, on
// either back end. `across_runs` leaves pseudonyms out, which are random in each suite, so that two suites fed the same
// input can be compared.
absl::StatusOr<std::string> DigestLines(store::Database& database, bool across_runs);

// The CSV of the rpc ExportFigures for "sites/<code>", a course or a cohort, piece by piece.
absl::Status WriteFigures(store::Database& database, const std::string& parent,
                          absl::FunctionRef<absl::Status(std::string piece)> piece);

// Asks that the local days and figures of a site be made again from raw; the running module does it at its next pass.
absl::Status AskRebuild(store::Database& database, const std::string& site);

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_CLI_H_
