#ifndef COMPAGNON_MOODLE_STORE_COVERAGE_H_
#define COMPAGNON_MOODLE_STORE_COVERAGE_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "moodle/domain/coverage.h"
#include "platform/base/status.h"
#include "platform/store/sql.h"

namespace compagnon::moodle {

// Which spans of a site's history are known, and from which source. Tables of the component "moodle_directory". All
// calls work inside the caller's transaction, the one that publishes the events the claim speaks of.

// `source` ("bridge/<epoch>", "log/<name>") knows [from_us, to_us). Call it with each pull (from_us = the instant the
// epoch's counting began, to_us = the instant up to which nothing can be missing). Spans of sources never overlap:
// ClaimCoverage says who wins.
absl::Status AdvanceCoverage(store::Session& session, std::string_view site, std::string_view source, int64_t from_us,
                             int64_t to_us);

// The spans known, ascending.
absl::StatusOr<std::vector<CoverageSpan>> CoverageOf(store::Session& session, std::string_view site);

// What a log's stream holds after this transaction: highest id and number of events published. The stream "site" needs
// no call.
absl::Status SetStreamMark(store::Session& session, std::string_view site, std::string_view stream, int64_t pos,
                           int64_t events);

// Publishes CoverageState (spans and marks) on stream "site" if it says anything new since the last one. Call it last
// in the transaction: the mark of "site" counts what was published before it.
absl::Status PublishCoverage(store::Session& session, std::string_view site);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_STORE_COVERAGE_H_
