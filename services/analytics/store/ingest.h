#ifndef COMPAGNON_ANALYTICS_STORE_INGEST_H_
#define COMPAGNON_ANALYTICS_STORE_INGEST_H_

#include <cstdint>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "analytics/store/dictionary.h"
#include "analytics/store/event_batch.h"
#include "platform/store/sql.h"

namespace compagnon::analytics {

// What became of a batch.
struct IngestReport {
  int64_t taken = 0;       // new positions
  int64_t duplicates = 0;  // positions met before
  int64_t rejected = 0;    // set aside
};

// Takes events into the store, each position of a stream once. Thread-safe; several processes may take from one queue.
class Ingest {
 public:
  Ingest(store::Database& database, Dictionary& dictionary) : database_(database), dictionary_(dictionary) {}

  // One transaction: new positions, raw rows, learner-day sums, states newer than those kept, marks of what must be
  // counted again. OK: everything is committed, and the messages may be acknowledged. Any error: nothing is, and the
  // same batch may be given again, whole or in other company. After Unknown as well: what was committed is then found
  // to be duplicates.
  absl::StatusOr<IngestReport> Take(const EventBatch& batch, absl::Time now);

 private:
  absl::Status MakeMonthsOf(const EventBatch& batch);

  store::Database& database_;
  Dictionary& dictionary_;
  absl::Mutex mutex_;
  std::set<int32_t> months_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_STORE_INGEST_H_
