#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <random>
#include <utility>

#include "absl/time/clock.h"
#include "platform/base/log.h"
#include "platform/store/connection.h"
#include "platform/store/sql.h"

namespace compagnon::store {
namespace {

constexpr int kMaxAborts = 10;

// Connections handed to one caller at a time, the last used first: it is the one with warm statements, and those not
// needed never open.
class Pool {
 public:
  void Add(std::unique_ptr<Connection> connection) { idle_.push_back(std::move(connection)); }

  std::unique_ptr<Connection> Lease(absl::Duration timeout) {
    std::unique_lock lock(mutex_);
    const auto until = std::chrono::steady_clock::now() + absl::ToChronoMilliseconds(timeout);
    if (!returned_.wait_until(lock, until, [this] { return !idle_.empty(); })) return nullptr;
    std::unique_ptr<Connection> connection = std::move(idle_.back());
    idle_.pop_back();
    return connection;
  }

  void GiveBack(std::unique_ptr<Connection> connection) {
    {
      const std::lock_guard lock(mutex_);
      idle_.push_back(std::move(connection));
    }
    returned_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Connection>> idle_;
};

class Leased {
 public:
  Leased(Pool& pool, absl::Duration timeout) : pool_(pool), connection_(pool.Lease(timeout)) {}
  ~Leased() {
    if (connection_ == nullptr) return;
    connection_->Rollback();
    pool_.GiveBack(std::move(connection_));
  }
  Leased(const Leased&) = delete;
  Leased& operator=(const Leased&) = delete;
  Connection* get() const { return connection_.get(); }

 private:
  Pool& pool_;
  std::unique_ptr<Connection> connection_;
};

absl::Duration Jitter(int attempt) {
  thread_local std::minstd_rand random(std::random_device{}());
  const double upper = 4.0 * (1 << std::min(attempt, 7));  // 4 ms to half a second
  return absl::Milliseconds(std::uniform_real_distribution<double>(upper / 4, upper)(random));
}

class PooledDatabase final : public Database {
 public:
  PooledDatabase(Dialect dialect, absl::Duration lease_timeout) : dialect_(dialect), lease_timeout_(lease_timeout) {}

  // On SQLite the writer is a connection of its own: threads of this process queue for it instead of polling the file's
  // lock.
  absl::Status Fill(const DatabaseOptions& options) {
    const int size = std::max(options.pool_size, 1);
    if (dialect_ == Dialect::kSqlite) {
      writers_.emplace().Add(NewSqliteConnection(options, Access::kWrite));
      for (int i = 0; i < size; ++i) connections_.Add(NewSqliteConnection(options, Access::kRead));
      return absl::OkStatus();
    }
    for (int i = 0; i < size; ++i) {
      ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, NewPostgresqlConnection(options));
      connections_.Add(std::move(connection));
    }
    return absl::OkStatus();
  }

  Dialect dialect() const override { return dialect_; }

  absl::Status Write(absl::FunctionRef<absl::Status(Session&)> f) override {
    return Transact(writers_.has_value() ? *writers_ : connections_, Access::kWrite, f);
  }
  absl::Status Read(absl::FunctionRef<absl::Status(Session&)> f) override {
    return Transact(connections_, Access::kRead, f);
  }
  absl::Status Ping() override {
    return Read([](Session& session) {  // SQLite would answer SELECT 1 without a look at its file.
      return session.Execute(session.dialect() == Dialect::kSqlite ? "SELECT count(*) FROM sqlite_master" : "SELECT 1")
          .status();
    });
  }

 private:
  absl::Status Transact(Pool& pool, Access access, absl::FunctionRef<absl::Status(Session&)> f) {
    const Leased lease(pool, lease_timeout_);
    if (lease.get() == nullptr) {
      return absl::DeadlineExceededError("store: every connection stayed in use; none was free in time");
    }
    Connection& connection = *lease.get();
    int aborts = 0;
    bool lost_before = false;
    while (true) {
      absl::Status status = connection.Begin(access);
      bool again = false;
      if (!status.ok()) {
        // A pooled connection the server closed since: open another, once. A lock SQLite waited for in vain is not
        // waited for twice.
        again = absl::IsUnavailable(status) && !lost_before;
        lost_before = true;
      } else {
        status = f(connection);
        // A failure the function swallowed counts: the transaction is spoilt and must not look committed.
        if (status.ok()) status = connection.failure();
        if (status.ok()) {
          status = connection.Commit();
          if (status.ok() || access == Access::kRead) return absl::OkStatus();
          again = absl::IsAborted(status) && ++aborts < kMaxAborts;
        } else {
          connection.Rollback();
          // What the function returned may be its own word for it: the session knows what happened.
          const absl::Status& cause = connection.failure();
          if (absl::IsUnavailable(cause)) {
            again = !lost_before;
            lost_before = true;
          } else if (absl::IsAborted(cause)) {
            again = ++aborts < kMaxAborts;
          }
        }
      }
      if (!again) return status;
      Log(LogLevel::kInfo, "a transaction runs again", {{"code", static_cast<int64_t>(status.raw_code())}});
      if (aborts > 0) absl::SleepFor(Jitter(aborts));
    }
  }

  const Dialect dialect_;
  const absl::Duration lease_timeout_;
  Pool connections_;
  std::optional<Pool> writers_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> OpenDatabase(const DatabaseOptions& options) {
  if (options.dialect == Dialect::kSqlite && options.sqlite_path.empty())
    return absl::InvalidArgumentError("store: no SQLite file is named");
  auto database = std::make_unique<PooledDatabase>(options.dialect, options.lease_timeout);
  RETURN_IF_ERROR(database->Fill(options));
  // The first connection opens now, so that a wrong address or path is told at start.
  RETURN_IF_ERROR(options.dialect == Dialect::kSqlite ? database->Write([](Session&) { return absl::OkStatus(); })
                                                      : database->Ping());
  return database;
}

}  // namespace compagnon::store
