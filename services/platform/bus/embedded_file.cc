#include "platform/bus/embedded_file.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "platform/bus/topic.h"

namespace compagnon::bus {
namespace {

constexpr int kPageSize = 8192;
constexpr size_t kRouteCacheSize = 10000;
constexpr std::string_view kColumns = "id,exchange,routing_key,event_id,source,type,time_us,traceparent,data";

absl::Status SqliteError(sqlite3* db, std::string_view doing) {
  // A limit on the size of files is a full disk too; SQLite calls it an I/O error, and keeps no errno of a COMMIT.
  const int system = db != nullptr && sqlite3_system_errno(db) != 0 ? sqlite3_system_errno(db) : errno;
  const int code = db == nullptr ? SQLITE_NOMEM : sqlite3_extended_errcode(db);
  const std::string text = fmt::format("embedded bus, {}: {}", doing, db == nullptr ? "no memory" : sqlite3_errmsg(db));
  const bool no_space = (code & 0xff) == SQLITE_IOERR && (system == ENOSPC || system == EDQUOT || system == EFBIG);
  switch (no_space ? SQLITE_FULL : code & 0xff) {
    case SQLITE_FULL:
      return WithReason(absl::ResourceExhaustedError(text), "bus_full");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
      return absl::UnavailableError(text);
    default:
      return absl::InternalError(text);
  }
}

class Statement {
 public:
  Statement() = default;
  Statement(Statement&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}
  Statement& operator=(Statement&& other) noexcept {
    std::swap(statement_, other.statement_);
    return *this;
  }
  ~Statement() { sqlite3_finalize(statement_); }

  void Int(int at, int64_t value) { sqlite3_bind_int64(statement_, at, value); }
  // The text must live until the statement has run.
  void Text(int at, std::string_view text) {
    sqlite3_bind_text(statement_, at, text.data() == nullptr ? "" : text.data(), static_cast<int>(text.size()),
                      SQLITE_STATIC);
  }
  void Blob(int at, std::string_view bytes) {
    sqlite3_bind_blob(statement_, at, bytes.data() == nullptr ? "" : bytes.data(), static_cast<int>(bytes.size()),
                      SQLITE_STATIC);
  }
  int Step() { return sqlite3_step(statement_); }
  void Reset() { sqlite3_reset(statement_); }
  int64_t IntAt(int column) { return sqlite3_column_int64(statement_, column); }
  std::string TextAt(int column) {
    const auto* text = static_cast<const char*>(sqlite3_column_blob(statement_, column));
    return text == nullptr ? "" : std::string(text, static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
  }

 private:
  friend class Connection;
  sqlite3_stmt* statement_ = nullptr;
};

class Connection {
 public:
  ~Connection() { sqlite3_close_v2(db_); }

  absl::Status Open(const std::string& path) {
    if (sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        nullptr) != SQLITE_OK) {
      return SqliteError(db_, fmt::format("open {}", path));
    }
    sqlite3_extended_result_codes(db_, 1);
    sqlite3_busy_timeout(db_, 10000);  // another process writes
    return absl::OkStatus();
  }
  absl::Status Run(const std::string& sql) {
    if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) return SqliteError(db_, sql);
    return absl::OkStatus();
  }
  absl::StatusOr<Statement> Prepare(const std::string& sql) {
    Statement statement;
    if (sqlite3_prepare_v3(db_, sql.c_str(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                           &statement.statement_, nullptr) != SQLITE_OK) {
      return SqliteError(db_, sql);
    }
    return statement;
  }
  // Runs a statement that answers no row, and makes it ready for the next run.
  absl::Status Finish(Statement& statement, std::string_view doing) {
    const int code = statement.Step();
    absl::Status status = code == SQLITE_DONE || code == SQLITE_ROW ? absl::OkStatus() : SqliteError(db_, doing);
    statement.Reset();
    return status;
  }
  absl::StatusOr<int64_t> OneInt(const std::string& sql) {
    ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
    const int code = statement.Step();
    if (code == SQLITE_DONE) return absl::NotFoundError(fmt::format("embedded bus: no row: {}", sql));
    if (code != SQLITE_ROW) return SqliteError(db_, sql);
    return statement.IntAt(0);
  }
  sqlite3* db() { return db_; }

 private:
  sqlite3* db_ = nullptr;
};

// BEGIN IMMEDIATE now, ROLLBACK at the end unless committed.
class Transaction {
 public:
  explicit Transaction(Connection& connection) : connection_(connection) {}
  ~Transaction() {
    if (open_) (void)connection_.Run("ROLLBACK");
  }
  absl::Status Begin() {
    RETURN_IF_ERROR(connection_.Run("BEGIN IMMEDIATE"));
    open_ = true;
    return absl::OkStatus();
  }
  absl::Status Commit() {
    RETURN_IF_ERROR(connection_.Run("COMMIT"));
    open_ = false;
    return absl::OkStatus();
  }

 private:
  Connection& connection_;
  bool open_ = false;
};

std::string TableOf(int64_t queue) { return fmt::format("queue_{}", queue); }

class ReaderImpl : public EmbeddedFile::Reader {
 public:
  absl::Status Open(const std::string& path, int64_t queue) {
    RETURN_IF_ERROR(connection_.Open(path));
    RETURN_IF_ERROR(connection_.Run("PRAGMA query_only=1; PRAGMA cache_size=-512"));
    ASSIGN_OR_RETURN(
        select_, connection_.Prepare(fmt::format("SELECT {} FROM {} WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3",
                                                 kColumns, TableOf(queue))));
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<EmbeddedFile::Stored>> Read(int64_t first, int64_t last, int limit,
                                                         size_t max_bytes) override {
    select_.Int(1, first);
    select_.Int(2, last);
    select_.Int(3, limit);
    std::vector<EmbeddedFile::Stored> answer;
    size_t bytes = 0;
    int code = SQLITE_DONE;
    while (bytes < max_bytes && (code = select_.Step()) == SQLITE_ROW) {
      EmbeddedFile::Stored& stored = answer.emplace_back();
      stored.id = select_.IntAt(0);
      Message& m = stored.message;
      m.exchange = select_.TextAt(1);
      m.routing_key = select_.TextAt(2);
      m.id = select_.TextAt(3);
      m.source = select_.TextAt(4);
      m.type = select_.TextAt(5);
      m.time_us = select_.IntAt(6);
      m.traceparent = select_.TextAt(7);
      m.data = select_.TextAt(8);
      bytes += m.data.size();
    }
    absl::Status status =
        code == SQLITE_ROW || code == SQLITE_DONE ? absl::OkStatus() : SqliteError(connection_.db(), "read");
    select_.Reset();  // ends the read transaction, which would keep the log from being reused
    if (!status.ok()) return status;
    return answer;
  }

 private:
  Connection connection_;
  Statement select_;
};

class FileImpl : public EmbeddedFile {
 public:
  absl::Status Open(const EmbeddedOptions& options) {
    path_ = options.path;
    const std::filesystem::path folder = std::filesystem::path(path_).parent_path();
    std::error_code error;
    if (!folder.empty()) std::filesystem::create_directories(folder, error);
    RETURN_IF_ERROR(writer_.Open(path_));
    if (chmod(path_.c_str(), 0600) != 0) return absl::UnavailableError(fmt::format("embedded bus, chmod {}", path_));
    RETURN_IF_ERROR(writer_.Run(fmt::format(
        "PRAGMA page_size={}; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;PRAGMA wal_autocheckpoint=2000; PRAGMA "
        "journal_size_limit=67108864;PRAGMA cache_size=-4096; PRAGMA temp_store=MEMORY",
        kPageSize)));
    ASSIGN_OR_RETURN(const int64_t page_size, writer_.OneInt("PRAGMA page_size"));
    RETURN_IF_ERROR(
        writer_.Run(fmt::format("PRAGMA max_page_count={}", std::max<int64_t>(options.max_bytes / page_size, 16))));
    ASSIGN_OR_RETURN(const int64_t format, writer_.OneInt("PRAGMA user_version"));
    if (format > kFormat) return absl::FailedPreconditionError(fmt::format("{} was written by a newer release", path_));
    if (format < kFormat) {
      Transaction transaction(writer_);
      RETURN_IF_ERROR(transaction.Begin());
      RETURN_IF_ERROR(writer_.Run(
          "CREATE TABLE IF NOT EXISTS queue(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, next_id INTEGER NOT "
          "NULL, depth INTEGER "
          "NOT NULL);"
          "CREATE TABLE IF NOT EXISTS binding(exchange TEXT NOT NULL, pattern TEXT NOT NULL, queue INTEGER NOT NULL, "
          "PRIMARY KEY(exchange, pattern, queue)) WITHOUT ROWID;"
          "CREATE TABLE IF NOT EXISTS topology(version INTEGER NOT NULL);"
          "INSERT INTO topology SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM topology);"));
      RETURN_IF_ERROR(writer_.Run(fmt::format("PRAGMA user_version={}", kFormat)));
      RETURN_IF_ERROR(transaction.Commit());
    }
    ASSIGN_OR_RETURN(Statement queues, writer_.Prepare("SELECT id, next_id FROM queue"));
    int code;
    while ((code = queues.Step()) == SQLITE_ROW) next_ids_at_open_[queues.IntAt(0)] = queues.IntAt(1);
    if (code != SQLITE_DONE) return SqliteError(writer_.db(), "read the queues");
    ASSIGN_OR_RETURN(select_version_, writer_.Prepare("SELECT version FROM topology"));
    ASSIGN_OR_RETURN(select_next_, writer_.Prepare("SELECT next_id FROM queue WHERE id=?1"));
    ASSIGN_OR_RETURN(update_next_, writer_.Prepare("UPDATE queue SET next_id=?2, depth=depth+?3 WHERE id=?1"));
    ASSIGN_OR_RETURN(update_depth_, writer_.Prepare("UPDATE queue SET depth=depth-?2 WHERE id=?1"));
    return absl::OkStatus();
  }

  absl::Status Declare(const Topology& topology) override {
    std::lock_guard lock(mutex_);
    Transaction transaction(writer_);
    RETURN_IF_ERROR(transaction.Begin());
    ASSIGN_OR_RETURN(
        Statement add_queue,
        writer_.Prepare("INSERT INTO queue(name, next_id, depth) VALUES(?1, 1, 0) ON CONFLICT DO NOTHING"));
    ASSIGN_OR_RETURN(Statement find_queue, writer_.Prepare("SELECT id FROM queue WHERE name=?1"));
    ASSIGN_OR_RETURN(
        Statement bind,
        writer_.Prepare("INSERT INTO binding(exchange, pattern, queue) VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING"));
    RETURN_IF_ERROR(writer_.Run("DELETE FROM binding"));
    for (const Topology::Queue& queue : topology.queues) {
      add_queue.Text(1, queue.name);
      RETURN_IF_ERROR(writer_.Finish(add_queue, "add a queue"));
      find_queue.Text(1, queue.name);
      if (find_queue.Step() != SQLITE_ROW) return SqliteError(writer_.db(), "find a queue");
      const int64_t id = find_queue.IntAt(0);
      find_queue.Reset();
      RETURN_IF_ERROR(
          writer_.Run(fmt::format("CREATE TABLE IF NOT EXISTS {}(id INTEGER PRIMARY KEY, exchange TEXT NOT NULL, "
                                  "routing_key TEXT NOT NULL, event_id TEXT NOT NULL, source TEXT NOT NULL, type TEXT "
                                  "NOT NULL, time_us INTEGER NOT NULL, traceparent TEXT NOT NULL, data BLOB NOT NULL)",
                                  TableOf(id))));
      for (const std::string& pattern : queue.bindings) {
        bind.Text(1, queue.exchange);
        bind.Text(2, pattern);
        bind.Int(3, id);
        RETURN_IF_ERROR(writer_.Finish(bind, "bind a queue"));
      }
    }
    RETURN_IF_ERROR(writer_.Run("UPDATE topology SET version=version+1"));
    return transaction.Commit();
  }

  absl::StatusOr<Appended> Append(absl::Span<const Message> messages) override {
    std::lock_guard lock(mutex_);
    Transaction transaction(writer_);
    RETURN_IF_ERROR(transaction.Begin());
    RETURN_IF_ERROR(LoadTopology());
    Appended appended;
    appended.outcomes.reserve(messages.size());
    std::map<int64_t, std::pair<int64_t, int64_t>> next;  // queue -> next id, messages added
    for (const Message& m : messages) {
      const std::vector<int64_t>& queues = Route(m.exchange, m.routing_key);
      appended.outcomes.push_back(queues.empty() ? PublishOutcome::kUnroutable : PublishOutcome::kConfirmed);
      for (const int64_t queue : queues) {
        auto [it, is_new] = next.try_emplace(queue);
        if (is_new) {
          select_next_.Int(1, queue);
          if (select_next_.Step() != SQLITE_ROW) return SqliteError(writer_.db(), "next id");
          it->second.first = select_next_.IntAt(0);
          select_next_.Reset();
        }
        ASSIGN_OR_RETURN(Statement * insert, Insert(queue));
        insert->Int(1, it->second.first++);
        insert->Text(2, m.exchange);
        insert->Text(3, m.routing_key);
        insert->Text(4, m.id);
        insert->Text(5, m.source);
        insert->Text(6, m.type);
        insert->Int(7, m.time_us);
        insert->Text(8, m.traceparent);
        insert->Blob(9, m.data);
        RETURN_IF_ERROR(writer_.Finish(*insert, "append"));
        ++it->second.second;
      }
    }
    for (const auto& [queue, ids] : next) {
      update_next_.Int(1, queue);
      update_next_.Int(2, ids.first);
      update_next_.Int(3, ids.second);
      RETURN_IF_ERROR(writer_.Finish(update_next_, "append"));
      appended.queues.insert(queue);
    }
    RETURN_IF_ERROR(transaction.Commit());
    return appended;
  }

  absl::StatusOr<int64_t> QueueId(std::string_view name) override {
    std::lock_guard lock(mutex_);
    ASSIGN_OR_RETURN(Statement find, writer_.Prepare("SELECT id FROM queue WHERE name=?1"));
    find.Text(1, name);
    const int code = find.Step();
    if (code == SQLITE_DONE) return absl::NotFoundError(fmt::format("embedded bus: no queue {}", name));
    if (code != SQLITE_ROW) return SqliteError(writer_.db(), "find a queue");
    return find.IntAt(0);
  }

  absl::StatusOr<std::unique_ptr<Reader>> NewReader(int64_t queue) override {
    auto reader = std::make_unique<ReaderImpl>();
    RETURN_IF_ERROR(reader->Open(path_, queue));
    return reader;
  }

  int64_t FirstNewId(int64_t queue) const override {
    const auto it = next_ids_at_open_.find(queue);
    return it == next_ids_at_open_.end() ? 0 : it->second;
  }

  absl::Status Remove(int64_t queue, int64_t first, int64_t last) override {
    std::lock_guard lock(mutex_);
    Transaction transaction(writer_);
    RETURN_IF_ERROR(transaction.Begin());
    RETURN_IF_ERROR(writer_.Run(fmt::format("DELETE FROM {} WHERE id BETWEEN {} AND {}", TableOf(queue), first, last)));
    update_depth_.Int(1, queue);
    update_depth_.Int(2, sqlite3_changes64(writer_.db()));
    RETURN_IF_ERROR(writer_.Finish(update_depth_, "remove"));
    return transaction.Commit();
  }

  absl::StatusOr<int64_t> Depth(int64_t queue) override {
    std::lock_guard lock(mutex_);
    return writer_.OneInt(fmt::format("SELECT depth FROM queue WHERE id={}", queue));
  }

 private:
  static constexpr int kFormat = 1;
  struct Binding {
    std::string exchange, pattern;
    int64_t queue;
  };

  // Inside a transaction: another process may have declared since.
  absl::Status LoadTopology() {
    if (select_version_.Step() != SQLITE_ROW) return SqliteError(writer_.db(), "topology");
    const int64_t version = select_version_.IntAt(0);
    select_version_.Reset();
    if (version == version_) return absl::OkStatus();
    ASSIGN_OR_RETURN(Statement select, writer_.Prepare("SELECT exchange, pattern, queue FROM binding"));
    bindings_.clear();
    routes_.clear();
    int code;
    while ((code = select.Step()) == SQLITE_ROW)
      bindings_.push_back({select.TextAt(0), select.TextAt(1), select.IntAt(2)});
    if (code != SQLITE_DONE) return SqliteError(writer_.db(), "topology");
    version_ = version;
    return absl::OkStatus();
  }

  // Keys repeat (a site has some hundred kinds of events), so each is matched once.
  const std::vector<int64_t>& Route(const std::string& exchange, const std::string& routing_key) {
    route_key_.assign(exchange).push_back('\0');
    route_key_ += routing_key;
    if (const auto it = routes_.find(route_key_); it != routes_.end()) return it->second;
    std::set<int64_t> queues;
    for (const Binding& binding : bindings_) {
      if (binding.exchange == exchange && TopicMatches(binding.pattern, routing_key)) queues.insert(binding.queue);
    }
    if (routes_.size() >= kRouteCacheSize) routes_.clear();
    return routes_.emplace(route_key_, std::vector<int64_t>(queues.begin(), queues.end())).first->second;
  }

  absl::StatusOr<Statement*> Insert(int64_t queue) {
    const auto it = inserts_.find(queue);
    if (it != inserts_.end()) return &it->second;
    ASSIGN_OR_RETURN(Statement insert,
                     writer_.Prepare(fmt::format("INSERT INTO {}({}) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
                                                 TableOf(queue), kColumns)));
    return &inserts_.emplace(queue, std::move(insert)).first->second;
  }

  std::string path_;
  std::map<int64_t, int64_t> next_ids_at_open_;
  std::mutex mutex_;  // guards all below
  Connection writer_;
  Statement select_version_, select_next_, update_next_, update_depth_;
  std::map<int64_t, Statement> inserts_;
  int64_t version_ = 0;
  std::vector<Binding> bindings_;
  std::unordered_map<std::string, std::vector<int64_t>> routes_;
  std::string route_key_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<EmbeddedFile>> OpenEmbeddedFile(const EmbeddedOptions& options) {
  auto file = std::make_unique<FileImpl>();
  RETURN_IF_ERROR(file->Open(options));
  return file;
}

}  // namespace compagnon::bus
