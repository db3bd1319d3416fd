#ifndef COMPAGNON_MOODLE_STORE_DIRECTORY_MIGRATIONS_H_
#define COMPAGNON_MOODLE_STORE_DIRECTORY_MIGRATIONS_H_

#include "absl/types/span.h"
#include "platform/store/sql.h"

namespace compagnon::moodle {

// Component "moodle_directory": people, courses, enrolments, coverage spans, progress of imports.
absl::Span<const store::Migration> DirectoryMigrations();

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_STORE_DIRECTORY_MIGRATIONS_H_
