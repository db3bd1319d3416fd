#ifndef COMPAGNON_TESTS_BENCH_PEERS_RAW_WRITERS_H_
#define COMPAGNON_TESTS_BENCH_PEERS_RAW_WRITERS_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "peers/raw_rows.h"

// What the store and the ingest are measured against: the least a program can do to put the same rows on disk, written
// on libpq and sqlite3 alone, sharing no code with what it is compared with. All answer the seconds from the first
// BEGIN to the last COMMIT; connecting and making the table are not counted, putting rows into the wire's or the
// statement's form is.
namespace compagnon::bench {

// Binary COPY of `rows` into `table`, `batch` rows a transaction. The table is there; `schema` may be empty.
absl::StatusOr<double> CopyWithLibpq(const std::string& connect_string, const std::string& schema,
                                     std::string_view table, const IntRows& rows, size_t batch);

// One prepared INSERT, `batch` rows a transaction, on a file in WAL mode; synchronous FULL or NORMAL. The table is
// there.
absl::StatusOr<double> InsertWithSqlite(const std::string& path, std::string_view table, const IntRows& rows,
                                        size_t batch, bool full_sync);

}  // namespace compagnon::bench

#endif  // COMPAGNON_TESTS_BENCH_PEERS_RAW_WRITERS_H_
