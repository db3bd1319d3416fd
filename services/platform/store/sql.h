#ifndef COMPAGNON_PLATFORM_STORE_SQL_H_
#define COMPAGNON_PLATFORM_STORE_SQL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "platform/base/status.h"

// One SQL text on PostgreSQL and SQLite. Dialect differences stay in the few functions below that name them.
namespace compagnon::store {

enum class Dialect { kSqlite, kPostgresql };

// Bytes of any value, NUL and 0xFF included; text must be UTF-8 without NUL.
struct Bytes {
  std::string data;
};
using Value = std::variant<std::monostate, int64_t, double, std::string, Bytes>;  // monostate = NULL

// One row of an answer; valid inside the callback only.
class Row {
 public:
  virtual ~Row() = default;
  virtual size_t size() const = 0;
  virtual bool IsNull(size_t column) const = 0;
  // Column read as what it is; a NULL reads as 0, 0.0 or "". Reading text as a number stops the process.
  virtual int64_t Int(size_t column) const = 0;
  virtual double Double(size_t column) const = 0;
  virtual std::string Text(size_t column) const = 0;
  virtual std::string BytesAt(size_t column) const = 0;
};

// A connection inside one transaction. Not thread-safe; valid inside the function that received it.
class Session {
 public:
  virtual ~Session() = default;
  virtual Dialect dialect() const = 0;

  // Runs one statement with parameters bound as :p1, :p2, ... in order; answers the number of rows changed (0 for what
  // changes none). A NULL parameter has no type of its own: where the server cannot infer it, write CAST(:p1 AS
  // bigint). Texts are kept prepared: do not build a new text for each value. Errors: AlreadyExists (unique),
  // FailedPrecondition (other constraint, write in a Read), Aborted (serialisation, deadlock, busy: the whole function
  // may be retried), Unavailable (connection, a disk that fails), ResourceExhausted (disk full), InvalidArgument (a
  // text that is not UTF-8 or holds NUL, a number too big for its column), Internal. Messages hold no values. After any
  // failed statement the transaction is spoilt on both back ends: later statements answer the first failure, and Write
  // rolls back and returns it even if the function swallowed it. To go on after a duplicate, use ON CONFLICT.
  virtual absl::StatusOr<int64_t> Execute(std::string_view sql, absl::Span<const Value> params = {}) = 0;

  // Runs a query and calls `row` for each row; stops at the first error `row` returns and returns it (which spoils
  // nothing). `row` may run other statements of this session. PostgreSQL's answer is in memory as a whole: page through
  // what is large.
  virtual absl::Status Query(std::string_view sql, absl::Span<const Value> params,
                             absl::FunctionRef<absl::Status(const Row&)> row) = 0;

  // Adds rows straight into a table (not a view): binary COPY on PostgreSQL, one prepared insert on SQLite. No ON
  // CONFLICT: a duplicate key fails the transaction. Every row has columns.size() values; the value's type must fit the
  // column's (bigint/integer, double precision, text, bytea/blob).
  virtual absl::Status BulkInsert(std::string_view table, absl::Span<const std::string_view> columns,
                                  absl::Span<const std::vector<Value>> rows) = 0;

  // Same, from integer columns only, without a variant per value: columns[i][r]. The fast path of ingest. NULL =
  // kNullInt.
  static constexpr int64_t kNullInt = INT64_MIN;
  virtual absl::Status BulkInsertInts(std::string_view table, absl::Span<const std::string_view> columns,
                                      absl::Span<const std::vector<int64_t>> values) = 0;

  // Upserts integer rows in one statement (PostgreSQL: unnest; SQLite: a prepared statement per row). Rows must be
  // unique by key and are sorted by key by the caller, so that two writers lock in the same order. `on_conflict` is the
  // text after DO UPDATE SET, or "" for DO NOTHING.
  virtual absl::Status UpsertInts(std::string_view table, absl::Span<const std::string_view> columns,
                                  std::string_view conflict_columns, std::string_view on_conflict,
                                  absl::Span<const std::vector<int64_t>> values) = 0;
};

// A pool of connections to one database (PostgreSQL: one schema and role per module; SQLite: one file per module, WAL).
// Thread-safe. Blocks a caller while all connections are leased, then DeadlineExceeded. On SQLite one writer at a time,
// beside the pool's readers; several processes may use one file. Do not call Write inside Write: it waits for itself.
class Database {
 public:
  virtual ~Database() = default;
  virtual Dialect dialect() const = 0;

  // Runs `f` in one transaction and commits it (SQLite: BEGIN IMMEDIATE). `f` may run several times (Aborted, a
  // connection lost before COMMIT): it must have no effect outside the session that it cannot repeat. When `f` fails
  // everything is rolled back. Unknown outcome (connection lost during COMMIT): Unknown; the caller asks the store
  // again. An aborted transaction whose COMMIT turned into ROLLBACK is an error, never OK.
  virtual absl::Status Write(absl::FunctionRef<absl::Status(Session&)> f) = 0;

  // Runs `f` on a consistent snapshot, read only. `f` may run again as in Write.
  virtual absl::Status Read(absl::FunctionRef<absl::Status(Session&)> f) = 0;

  // Cheap check for readiness.
  virtual absl::Status Ping() = 0;
};

struct DatabaseOptions {
  Dialect dialect = Dialect::kSqlite;
  std::string sqlite_path;          // file; its folder is made
  std::string postgresql_url;       // libpq connection string without the password
  std::string postgresql_password;  // read from a file by the caller
  std::string schema;               // PostgreSQL schema of the module, created if it may
  int pool_size = 4;
  absl::Duration lease_timeout = absl::Seconds(10);
  bool sqlite_full_sync = true;  // PRAGMA synchronous FULL (else NORMAL)
};

// Connects once, so that a wrong address, password or path is told at start; later losses heal by themselves at the
// next call.
absl::StatusOr<std::unique_ptr<Database>> OpenDatabase(const DatabaseOptions& options);

// One step of a module's schema. Migrations only expand; they run in order, once, under a lock, each in its own
// transaction.
struct Migration {
  int version = 0;  // 1, 2, 3, ... dense
  std::string_view name;
  std::string_view postgresql;  // statements separated by lines holding "--;"
  std::string_view sqlite;      // empty: the same as postgresql
};

// Brings one component's tables up; a module migrates "outbox" (platform/bus) and then itself. Versions are kept per
// component in the table schema_version.  A database newer than the last migration is FailedPrecondition ("a newer
// release wrote it"), except that up to `tolerated_ahead` versions are accepted: the previous release runs on the next
// one's schema.
absl::Status Migrate(Database& database, std::string_view component, absl::Span<const Migration> migrations,
                     int tolerated_ahead = 1);

}  // namespace compagnon::store

#endif  // COMPAGNON_PLATFORM_STORE_SQL_H_
