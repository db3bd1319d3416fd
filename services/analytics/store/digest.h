#ifndef COMPAGNON_ANALYTICS_STORE_DIGEST_H_
#define COMPAGNON_ANALYTICS_STORE_DIGEST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "platform/store/sql.h"

namespace compagnon::analytics {

// What a layer holds, whatever the order of its rows, the back end, and the numbers its dictionary gave: how many rows,
// and the sum of their hashes modulo 2^64. It finds accidents, not tampering.
struct LayerDigest {
  std::string layer;
  int64_t rows = 0;
  uint64_t sum = 0;
  friend bool operator==(const LayerDigest&, const LayerDigest&) = default;
};

enum class DigestOf {
  kDatabase,  // pseudonyms included: two copies of one suite's data
  kRun,  // without pseudonyms, which are random in each suite, and without positions, which states of the directory
         // share with events in the order both happened to be read: two runs over the same input. Days are then hashed
         // as sums by (site, course, day, kind, stream), and completions as moments.
};

// The layers raw, learner_day, completed and cell, each read in a snapshot of its own: compare at rest.
absl::StatusOr<std::vector<LayerDigest>> Digests(store::Database& database, DigestOf what);

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_STORE_DIGEST_H_
