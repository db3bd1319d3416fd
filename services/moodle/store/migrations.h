#ifndef COMPAGNON_MOODLE_STORE_MIGRATIONS_H_
#define COMPAGNON_MOODLE_STORE_MIGRATIONS_H_

#include "absl/types/span.h"
#include "platform/base/status.h"
#include "platform/store/sql.h"

namespace compagnon::moodle {

// Component "moodle": sites, cursors, key table, publication, coverage, passes. The directory keeps a component of its
// own, "moodle_directory" (directory_migrations.h).
absl::Span<const store::Migration> MoodleMigrations();

// Brings every component of moodle's database up, the outbox first.
absl::Status MigrateMoodle(store::Database& database);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_STORE_MIGRATIONS_H_
