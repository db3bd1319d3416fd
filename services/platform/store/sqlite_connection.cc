#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <soci/session.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>  // brings sqlite3.h into namespace sqlite_api; the two cannot meet in one file
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/time/clock.h"
#include "platform/store/connection.h"
#include "platform/store/statement_text.h"

namespace compagnon::store {
namespace {

using namespace sqlite_api;  // NOLINT: SOCI's own wrapping of sqlite3.h

constexpr size_t kMaxCachedStatements = 256;

// EFBIG: a limit on the size of files, as an operator may set for a service.
bool NoSpace(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

absl::StatusCode CodeOf(sqlite3* db, int rc) {
  switch (rc) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
      return absl::StatusCode::kAlreadyExists;
    default:
      break;
  }
  // SQLite keeps none for a COMMIT that fails; nothing has failed in this thread since.
  const int system = sqlite3_system_errno(db) != 0 ? sqlite3_system_errno(db) : errno;
  switch (rc & 0xff) {
    case SQLITE_CONSTRAINT:
    case SQLITE_READONLY:
      return absl::StatusCode::kFailedPrecondition;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::StatusCode::kAborted;
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_IOERR:
      // Growing the shared-memory file on a full disk is reported as an I/O error.
      // Any other is the disk's affair too, never that of what was written.
      return NoSpace(system) ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kUnavailable;
    case SQLITE_CANTOPEN:
      return NoSpace(system) ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kUnavailable;
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
      return absl::StatusCode::kInvalidArgument;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return absl::StatusCode::kPermissionDenied;
    default:
      return absl::StatusCode::kInternal;
  }
}

// SQLite's messages name tables and columns, never values.
absl::Status ErrorOf(sqlite3* db, int rc, std::string_view doing) {
  return absl::Status(CodeOf(db, rc), fmt::format("sqlite: {}: {} ({})", doing, sqlite3_errmsg(db), rc));
}

class SqliteRow final : public Row {
 public:
  explicit SqliteRow(sqlite3_stmt* statement) : statement_(statement) {}

  // Of the row at hand: a statement prepared before a migration is prepared again by SQLite at its first step.
  size_t size() const override { return sqlite3_data_count(statement_); }
  bool IsNull(size_t column) const override { return TypeOf(column) == SQLITE_NULL; }
  int64_t Int(size_t column) const override {
    const int type = TypeOf(column);
    if (type != SQLITE_INTEGER && type != SQLITE_NULL) Die("a column that holds no integer was read as one");
    return sqlite3_column_int64(statement_, static_cast<int>(column));
  }
  double Double(size_t column) const override {
    const int type = TypeOf(column);
    if (type != SQLITE_INTEGER && type != SQLITE_FLOAT && type != SQLITE_NULL)
      Die("a column that holds no number was read as one");
    return sqlite3_column_double(statement_, static_cast<int>(column));
  }
  std::string Text(size_t column) const override {
    if (TypeOf(column) == SQLITE_BLOB) Die("a column of bytes was read as text");
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, static_cast<int>(column)));
    return text == nullptr ? std::string()
                           : std::string(text, sqlite3_column_bytes(statement_, static_cast<int>(column)));
  }
  std::string BytesAt(size_t column) const override {
    TypeOf(column);
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, static_cast<int>(column)));
    return bytes == nullptr ? std::string()
                            : std::string(bytes, sqlite3_column_bytes(statement_, static_cast<int>(column)));
  }

 private:
  int TypeOf(size_t column) const {
    if (column >= size()) Die("a column beyond the row was read");
    return sqlite3_column_type(statement_, static_cast<int>(column));
  }
  sqlite3_stmt* statement_;
};

class SqliteConnection final : public Connection {
 public:
  SqliteConnection(const DatabaseOptions& options, Access access) : options_(options), access_(access) {}
  ~SqliteConnection() override { Close(); }

  Dialect dialect() const override { return Dialect::kSqlite; }

  absl::Status Begin(Access access) override {
    failure_ = absl::OkStatus();
    if (session_ == nullptr) RETURN_IF_ERROR(Open());
    return Command(access == Access::kWrite ? "BEGIN IMMEDIATE" : "BEGIN");
  }

  absl::Status Commit() override {
    if (!failure_.ok()) {
      Rollback();
      return failure_;
    }
    // SQLite rolls back by itself on some errors; a COMMIT after that would only say that no transaction is open.
    if (sqlite3_get_autocommit(db_) != 0)
      return absl::InternalError("sqlite: the transaction was already over before COMMIT");
    const absl::Status status = Command("COMMIT");
    if (!status.ok()) Rollback();
    return status;
  }

  void Rollback() override {
    if (db_ == nullptr || sqlite3_get_autocommit(db_) != 0) return;
    // A transaction that cannot be rolled back is dropped with its connection; the journal undoes it.
    if (!Command("ROLLBACK").ok()) Close();
  }

  absl::StatusOr<int64_t> Execute(std::string_view sql, absl::Span<const Value> params) override {
    int64_t changed = 0;
    RETURN_IF_ERROR(Run(
        sql, params, [](const Row&) { return absl::OkStatus(); }, &changed));
    return changed;
  }

  absl::Status Query(std::string_view sql, absl::Span<const Value> params,
                     absl::FunctionRef<absl::Status(const Row&)> row) override {
    return Run(sql, params, row, nullptr);
  }

  absl::Status BulkInsert(std::string_view table, absl::Span<const std::string_view> columns,
                          absl::Span<const std::vector<Value>> rows) override {
    if (!failure_.ok()) return failure_;
    if (rows.empty()) return absl::OkStatus();
    return WithStatement(InsertText(table, columns), [&](sqlite3_stmt* statement) -> absl::Status {
      for (const std::vector<Value>& row : rows) {
        if (row.size() != columns.size())
          return absl::InternalError("a row has more or fewer values than there are columns");
        RETURN_IF_ERROR(BindAll(statement, row));
        RETURN_IF_ERROR(StepOnce(statement));
      }
      return absl::OkStatus();
    });
  }

  absl::Status BulkInsertInts(std::string_view table, absl::Span<const std::string_view> columns,
                              absl::Span<const std::vector<int64_t>> values) override {
    return InsertInts(InsertText(table, columns), columns.size(), values);
  }

  absl::Status UpsertInts(std::string_view table, absl::Span<const std::string_view> columns,
                          std::string_view conflict_columns, std::string_view on_conflict,
                          absl::Span<const std::vector<int64_t>> values) override {
    return InsertInts(InsertText(table, columns) + OnConflict(conflict_columns, on_conflict), columns.size(), values);
  }

 private:
  struct Cached {
    sqlite3_stmt* statement = nullptr;
    int parameters = 0;
    bool busy = false;  // a query of this text is being read; a nested one gets a statement of its own
  };

  absl::Status Open() {
    const std::filesystem::path path(options_.sqlite_path);
    std::error_code error;
    if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
    if (error)
      return absl::UnavailableError(
          fmt::format("sqlite: cannot make the folder of {}: {}", path.string(), error.message()));
    if (options_.sqlite_path.find('"') != std::string::npos)
      return absl::InvalidArgumentError("sqlite: a path must not hold quotes");
    // The file is made for its owner alone before SQLite would make it by the umask; its journal and index take the
    // same mode. Only a file that is not there yet may be opened here: closing any descriptor of a database drops the
    // POSIX locks that this process's other connections hold on it, and the next process to close it would then delete
    // the journal under them.
    if (const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600); fd >= 0) {
      ::close(fd);
    } else if (errno != EEXIST) {
      return absl::Status(NoSpace(errno) ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kUnavailable,
                          fmt::format("sqlite: cannot open {}", path.string()));
    }
    try {
      session_ = std::make_unique<soci::session>(soci::sqlite3, fmt::format("db=\"{}\"", options_.sqlite_path));
    } catch (const std::exception& e) {
      return absl::UnavailableError(fmt::format("sqlite: cannot open {}: {}", path.string(), e.what()));
    }
    db_ = static_cast<soci::sqlite3_session_backend*>(session_->get_backend())->conn_;
    sqlite3_extended_result_codes(db_, 1);
    sqlite3_busy_timeout(db_, static_cast<int>(absl::ToInt64Milliseconds(options_.lease_timeout)));
    const absl::Status status = Configure();
    if (!status.ok()) Close();
    return status;
  }

  absl::Status Configure() {
    // Turning a new file to WAL needs it alone, and SQLite does not always wait for that: a second process starting at
    // the same moment gets "busy" at once.
    absl::Status wal;
    for (int attempt = 0; attempt < 50; ++attempt) {
      wal = Command("PRAGMA journal_mode = WAL");
      if (wal.code() != absl::StatusCode::kAborted) break;
      absl::SleepFor(absl::Milliseconds(20));
    }
    RETURN_IF_ERROR(wal);
    RETURN_IF_ERROR(Command(options_.sqlite_full_sync ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL"));
    RETURN_IF_ERROR(Command("PRAGMA foreign_keys = ON"));
    RETURN_IF_ERROR(Command("PRAGMA journal_size_limit = 67108864"));
    if (access_ == Access::kRead) return Command("PRAGMA query_only = ON");
    // The writer keeps the upper levels of the big tables; checkpoints are rarer than SQLite's 4 MB, since ingest
    // rewrites the same pages.
    RETURN_IF_ERROR(Command("PRAGMA cache_size = -16384"));
    return Command("PRAGMA wal_autocheckpoint = 4000");
  }

  void Close() {
    for (auto& [sql, cached] : cache_) sqlite3_finalize(cached->statement);
    cache_.clear();
    session_.reset();
    db_ = nullptr;
  }

  absl::Status Command(const char* sql) {
    const int rc = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
    return rc == SQLITE_OK ? absl::OkStatus() : ErrorOf(db_, rc, sql);
  }

  static std::string InsertText(std::string_view table, absl::Span<const std::string_view> columns) {
    std::string sql = fmt::format("INSERT INTO {} ({}) VALUES (", table, fmt::join(columns, ", "));
    for (size_t i = 1; i <= columns.size(); ++i) sql += fmt::format("{}:p{}", i > 1 ? ", " : "", i);
    return sql + ")";
  }

  absl::StatusOr<sqlite3_stmt*> Prepare(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    const char* tail = nullptr;
    const int rc =
        sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement, &tail);
    if (rc != SQLITE_OK) return ErrorOf(db_, rc, "prepare");
    const bool more =
        tail != nullptr &&
        std::string_view(tail, sql.data() + sql.size() - tail).find_first_not_of(" \t\r\n;") != std::string_view::npos;
    if (statement == nullptr || more) {
      sqlite3_finalize(statement);
      return absl::InternalError("sqlite: a text must hold exactly one statement");
    }
    return statement;
  }

  // Hands `use` the prepared statement of `sql`, reset before and after; any failure spoils the transaction.
  template <typename Use>
  absl::Status WithStatement(std::string_view sql, Use use) {
    auto found = cache_.find(absl::string_view(sql.data(), sql.size()));
    if (found == cache_.end()) {
      const StatementText text = NumberParameters(sql, '?');
      absl::StatusOr<sqlite3_stmt*> prepared = Prepare(text.sql);
      if (!prepared.ok()) return Fail(prepared.status());
      if (cache_.size() >= kMaxCachedStatements) DropIdle();
      found =
          cache_.emplace(std::string(sql), std::make_unique<Cached>(Cached{*prepared, text.parameters, false})).first;
    }
    Cached* cached = found->second.get();
    if (cached->busy) {
      absl::StatusOr<sqlite3_stmt*> own = Prepare(sqlite3_sql(cached->statement));
      if (!own.ok()) return Fail(own.status());
      const absl::Status status = use(*own);
      sqlite3_finalize(*own);
      return status.ok() ? status : Fail(status);
    }
    cached->busy = true;
    const absl::Status status = use(cached->statement);
    sqlite3_reset(cached->statement);
    sqlite3_clear_bindings(cached->statement);
    cached->busy = false;
    return status.ok() ? status : Fail(status);
  }

  void DropIdle() {
    for (auto i = cache_.begin(); i != cache_.end();) {
      if (i->second->busy) {
        ++i;
        continue;
      }
      sqlite3_finalize(i->second->statement);
      cache_.erase(i++);
    }
  }

  absl::Status BindAll(sqlite3_stmt* statement, absl::Span<const Value> params) {
    if (static_cast<int>(params.size()) != sqlite3_bind_parameter_count(statement)) {
      return absl::InternalError(fmt::format("the statement takes {} parameters, not {}",
                                             sqlite3_bind_parameter_count(statement), params.size()));
    }
    for (size_t i = 0; i < params.size(); ++i) {
      const int at = static_cast<int>(i) + 1;
      int rc = SQLITE_OK;
      if (const auto* integer = std::get_if<int64_t>(&params[i])) {
        rc = sqlite3_bind_int64(statement, at, *integer);
      } else if (const auto* real = std::get_if<double>(&params[i])) {
        rc = sqlite3_bind_double(statement, at, *real);
      } else if (const auto* text = std::get_if<std::string>(&params[i])) {
        if (!IsStorableText(*text)) return absl::InvalidArgumentError("a text is not UTF-8 or holds NUL");
        rc = sqlite3_bind_text64(statement, at, text->data(), text->size(), nullptr, SQLITE_UTF8);
      } else if (const auto* bytes = std::get_if<Bytes>(&params[i])) {
        // A null pointer would bind NULL: no bytes are not the same as nothing.
        rc = bytes->data.empty() ? sqlite3_bind_zeroblob(statement, at, 0)
                                 : sqlite3_bind_blob64(statement, at, bytes->data.data(), bytes->data.size(), nullptr);
      } else {
        rc = sqlite3_bind_null(statement, at);
      }
      if (rc != SQLITE_OK) return ErrorOf(db_, rc, "bind");
    }
    return absl::OkStatus();
  }

  absl::Status StepOnce(sqlite3_stmt* statement) {
    const int rc = sqlite3_step(statement);
    if (rc != SQLITE_DONE) return ErrorOf(db_, rc, "insert");
    sqlite3_reset(statement);
    return absl::OkStatus();
  }

  absl::Status Run(std::string_view sql, absl::Span<const Value> params,
                   absl::FunctionRef<absl::Status(const Row&)> row, int64_t* changed) {
    if (!failure_.ok()) return failure_;
    absl::Status stopped;  // what `row` answered: the caller's own error spoils nothing
    const absl::Status status = WithStatement(sql, [&](sqlite3_stmt* statement) -> absl::Status {
      RETURN_IF_ERROR(BindAll(statement, params));
      const int64_t before = sqlite3_total_changes64(db_);
      const SqliteRow current(statement);
      int rc;
      while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        if (stopped = row(current); !stopped.ok()) return absl::OkStatus();
      }
      if (rc != SQLITE_DONE) return ErrorOf(db_, rc, "step");
      // sqlite3_changes() keeps the count of an earlier statement when this one changed nothing.
      if (changed != nullptr) *changed = sqlite3_total_changes64(db_) == before ? 0 : sqlite3_changes64(db_);
      return absl::OkStatus();
    });
    return status.ok() ? stopped : status;
  }

  absl::Status InsertInts(const std::string& sql, size_t columns, absl::Span<const std::vector<int64_t>> values) {
    if (!failure_.ok()) return failure_;
    if (values.size() != columns) return Fail(absl::InternalError("more or fewer value lists than columns"));
    if (columns == 0 || values[0].empty()) return absl::OkStatus();
    for (const std::vector<int64_t>& column : values) {
      if (column.size() != values[0].size()) return Fail(absl::InternalError("columns of different lengths"));
    }
    return WithStatement(sql, [&](sqlite3_stmt* statement) -> absl::Status {
      for (size_t r = 0; r < values[0].size(); ++r) {
        for (size_t c = 0; c < columns; ++c) {
          const int64_t value = values[c][r];
          const int at = static_cast<int>(c) + 1;
          const int rc =
              value == kNullInt ? sqlite3_bind_null(statement, at) : sqlite3_bind_int64(statement, at, value);
          if (rc != SQLITE_OK) return ErrorOf(db_, rc, "bind");
        }
        RETURN_IF_ERROR(StepOnce(statement));
      }
      return absl::OkStatus();
    });
  }

  const DatabaseOptions options_;
  const Access access_;
  std::unique_ptr<soci::session> session_;
  sqlite3* db_ = nullptr;  // owned by session_
  absl::flat_hash_map<std::string, std::unique_ptr<Cached>> cache_;
};

}  // namespace

std::unique_ptr<Connection> NewSqliteConnection(const DatabaseOptions& options, Access access) {
  return std::make_unique<SqliteConnection>(options, access);
}

}  // namespace compagnon::store
