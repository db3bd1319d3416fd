#ifndef COMPAGNON_PLATFORM_STORE_CONNECTION_H_
#define COMPAGNON_PLATFORM_STORE_CONNECTION_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "platform/base/status.h"
#include "platform/store/sql.h"

namespace compagnon::store {

enum class Access { kRead, kWrite };

// One connection and the session on it. Used by one thread at a time; opened by the first Begin and again after a loss.
//
// A statement that fails spoils the transaction on both back ends (PostgreSQL does so by itself): every later statement
// answers the first failure, and the transaction cannot be committed.
class Connection : public Session {
 public:
  // Unavailable: could not connect, or the connection turned out dead; calling again connects afresh.
  virtual absl::Status Begin(Access access) = 0;
  // Commits, checking that the server did commit. Unknown: lost before the answer. Whatever it answers, the transaction
  // is over.
  virtual absl::Status Commit() = 0;
  // Drops the transaction, if one is open.
  virtual void Rollback() = 0;

  // The first failure of a statement of the current or last transaction.
  const absl::Status& failure() const { return failure_; }

 protected:
  absl::Status Fail(absl::Status status) {
    if (failure_.ok()) failure_ = status;
    return status;
  }
  absl::Status failure_;
};

// PostgreSQL: role and schema are those of the options. Nothing is opened yet.
absl::StatusOr<std::unique_ptr<Connection>> NewPostgresqlConnection(const DatabaseOptions& options);
// SQLite: a connection for kRead only refuses every write.
std::unique_ptr<Connection> NewSqliteConnection(const DatabaseOptions& options, Access access);

}  // namespace compagnon::store

#endif  // COMPAGNON_PLATFORM_STORE_CONNECTION_H_
