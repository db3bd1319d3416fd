#ifndef COMPAGNON_ANALYTICS_STORE_DICTIONARY_H_
#define COMPAGNON_ANALYTICS_STORE_DICTIONARY_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "platform/store/sql.h"

namespace compagnon::analytics {

// Small numbers for texts that come again and again: event names, dimension values, cohort codes, sites, streams.
// Numbers are never taken back, so that what was read once may be kept; they differ from one database to the next.
// Thread-safe; many processes may share a database.
class Dictionary {
 public:
  explicit Dictionary(store::Database& database) : database_(database) {}

  // Numbers of words, in the order asked; unknown ones are added, in a transaction of this call's own. "" is 0.
  absl::StatusOr<std::vector<int32_t>> Words(absl::Span<const std::string> words);
  absl::StatusOr<std::vector<int32_t>> Sites(absl::Span<const std::string> codes);
  // Of (site number, stream name).
  absl::StatusOr<std::vector<int32_t>> Streams(absl::Span<const std::pair<int32_t, std::string>> streams);

  // The word of a number the store holds; Internal when there is none. Reads the database when it is new: not inside a
  // transaction.
  absl::StatusOr<std::string> Word(int32_t number);

 private:
  using Key = std::pair<int32_t, std::string>;  // (site or 0, text)
  using Numbers = absl::flat_hash_map<Key, int32_t>;
  // `insert` and `select` take :p1 = text, :p2 = site.
  absl::StatusOr<std::vector<int32_t>> NumbersOf(Numbers& known, const std::vector<Key>& keys, std::string_view insert,
                                                 std::string_view select);

  store::Database& database_;
  absl::Mutex mutex_;
  Numbers words_ ABSL_GUARDED_BY(mutex_);
  Numbers sites_ ABSL_GUARDED_BY(mutex_);
  Numbers streams_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<int32_t, std::string> texts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_STORE_DICTIONARY_H_
