#ifndef COMPAGNON_MOODLE_STORE_IMPORT_PROGRESS_H_
#define COMPAGNON_MOODLE_STORE_IMPORT_PROGRESS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "moodle/domain/taken_ids.h"
#include "platform/base/status.h"
#include "platform/store/sql.h"

namespace compagnon::moodle {

// How far the import of a log has come, and who is at it.
struct ImportProgress {
  int64_t rows_taken = 0;
  int64_t published = 0;   // of them, those that left as slim events
  int64_t highest_id = 0;  // of those published
  std::string owner;
  int64_t lease_until_us = 0;
  int64_t term = 0;
};

// All of it works inside the caller's transaction.

// Makes the log `owner`'s until `until_us` when nobody's lease runs at `now_us`; answers where it stands either way
// (taken when
// `.owner` is the caller).
absl::StatusOr<ImportProgress> ClaimImport(store::Session& session, std::string_view site, std::string_view name,
                                           std::string_view owner, int64_t now_us, int64_t until_us);

// Ids taken so far.
absl::StatusOr<TakenIds> LoadTaken(store::Session& session, std::string_view site, std::string_view name);

// Writes the blocks given and the progress, and puts the lease off. FailedPrecondition "fenced" when another importer
// has taken over.
absl::Status SaveImport(store::Session& session, std::string_view site, std::string_view name,
                        const ImportProgress& progress, const TakenIds& taken, const std::set<int64_t>& blocks);

absl::Status ReleaseImport(store::Session& session, std::string_view site, std::string_view name,
                           const ImportProgress& progress);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_STORE_IMPORT_PROGRESS_H_
