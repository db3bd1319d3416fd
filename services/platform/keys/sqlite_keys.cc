#include <atomic>
#include <charconv>
#include <utility>

#include "platform/keys/keys.h"
#include "platform/keys/limits.h"
#include "platform/store/sql.h"

namespace compagnon::keys {
namespace {

using store::Bytes;
using store::Session;

constexpr store::Migration kMigrations[] = {{1, "keys",
                                             R"sql(
CREATE TABLE keys (key text PRIMARY KEY, value blob NOT NULL, expires_us bigint NOT NULL) WITHOUT ROWID
--;
CREATE INDEX keys_by_expiry ON keys (expires_us)
)sql",
                                             ""}};
constexpr int64_t kPurgeEveryUs = 60'000'000;

class SqliteKeys final : public Keys {
 public:
  SqliteKeys(std::unique_ptr<store::Database> database, const Clock& clock)
      : database_(std::move(database)), clock_(clock) {}

  absl::Status Set(std::string_view key, std::string_view value, absl::Duration ttl) override {
    RETURN_IF_ERROR(CheckKey(key));
    RETURN_IF_ERROR(CheckValue(value));
    RETURN_IF_ERROR(CheckTtl(ttl));
    return Write(
        [&](Session& session, int64_t now) { return Put(session, key, value, now + absl::ToInt64Microseconds(ttl)); });
  }

  absl::StatusOr<bool> SetIfAbsent(std::string_view key, std::string_view value, absl::Duration ttl) override {
    RETURN_IF_ERROR(CheckKey(key));
    RETURN_IF_ERROR(CheckValue(value));
    RETURN_IF_ERROR(CheckTtl(ttl));
    bool set = false;
    RETURN_IF_ERROR(Write([&](Session& session, int64_t now) -> absl::Status {
      ASSIGN_OR_RETURN(const std::optional<Entry> entry, Find(session, key, now));
      set = !entry.has_value();
      return set ? Put(session, key, value, now + absl::ToInt64Microseconds(ttl)) : absl::OkStatus();
    }));
    return set;
  }

  absl::StatusOr<std::optional<std::string>> Get(std::string_view key) override {
    RETURN_IF_ERROR(CheckKey(key));
    std::optional<std::string> value;
    RETURN_IF_ERROR(database_->Read([&](Session& session) -> absl::Status {
      ASSIGN_OR_RETURN(std::optional<Entry> entry, Find(session, key, Now()));
      if (entry.has_value()) value = std::move(entry->value);
      return absl::OkStatus();
    }));
    return value;
  }

  absl::StatusOr<std::optional<std::string>> Take(std::string_view key) override {
    RETURN_IF_ERROR(CheckKey(key));
    std::optional<std::string> value;
    RETURN_IF_ERROR(Write([&](Session& session, int64_t now) -> absl::Status {
      value.reset();
      ASSIGN_OR_RETURN(std::optional<Entry> entry, Find(session, key, now));
      if (!entry.has_value()) return absl::OkStatus();
      value = std::move(entry->value);
      return Remove(session, key);
    }));
    return value;
  }

  absl::StatusOr<bool> Touch(std::string_view key, absl::Duration ttl) override {
    RETURN_IF_ERROR(CheckKey(key));
    RETURN_IF_ERROR(CheckTtl(ttl));
    int64_t changed = 0;
    RETURN_IF_ERROR(Write([&](Session& session, int64_t now) -> absl::Status {
      ASSIGN_OR_RETURN(changed, session.Execute("UPDATE keys SET expires_us = :p1 WHERE key = :p2 AND expires_us > :p3",
                                                {now + absl::ToInt64Microseconds(ttl), std::string(key), now}));
      return absl::OkStatus();
    }));
    return changed > 0;
  }

  absl::Status Delete(std::string_view key) override {
    RETURN_IF_ERROR(CheckKey(key));
    return Write([&](Session& session, int64_t) { return Remove(session, key); });
  }

  absl::StatusOr<int64_t> Increment(std::string_view key, absl::Duration window) override {
    RETURN_IF_ERROR(CheckKey(key));
    RETURN_IF_ERROR(CheckTtl(window));
    int64_t count = 0;
    RETURN_IF_ERROR(Write([&](Session& session, int64_t now) -> absl::Status {
      count = 0;
      ASSIGN_OR_RETURN(const std::optional<Entry> entry, Find(session, key, now));
      if (entry.has_value()) {
        const std::string& text = entry->value;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
        if (error != std::errc() || end != text.data() + text.size() || count == INT64_MAX) {
          return absl::FailedPreconditionError("the key holds no counter");
        }
      }
      ++count;
      return Put(session, key, std::to_string(count),
                 entry.has_value() ? entry->expires_us : now + absl::ToInt64Microseconds(window));
    }));
    return count;
  }

  absl::Status Ping() override { return database_->Ping(); }

 private:
  struct Entry {
    std::string value;
    int64_t expires_us = 0;
  };

  int64_t Now() const { return absl::ToUnixMicros(clock_.Now()); }

  // One write transaction; once a minute it also throws out what has expired, so that the file does not grow with dead
  // sessions.
  absl::Status Write(absl::FunctionRef<absl::Status(Session&, int64_t)> f) {
    const int64_t now = Now();
    int64_t last = last_purge_us_.load();
    const bool purge = (now - last >= kPurgeEveryUs || now < last) && last_purge_us_.compare_exchange_strong(last, now);
    return database_->Write([&](Session& session) -> absl::Status {
      if (purge) RETURN_IF_ERROR(session.Execute("DELETE FROM keys WHERE expires_us <= :p1", {now}).status());
      return f(session, now);
    });
  }

  static absl::StatusOr<std::optional<Entry>> Find(Session& session, std::string_view key, int64_t now) {
    std::optional<Entry> entry;
    RETURN_IF_ERROR(session.Query("SELECT value, expires_us FROM keys WHERE key = :p1 AND expires_us > :p2",
                                  {std::string(key), now}, [&](const store::Row& row) {
                                    entry = Entry{row.BytesAt(0), row.Int(1)};
                                    return absl::OkStatus();
                                  }));
    return entry;
  }

  static absl::Status Put(Session& session, std::string_view key, std::string_view value, int64_t expires_us) {
    return session
        .Execute(
            "INSERT INTO keys (key, value, expires_us) VALUES (:p1, :p2, :p3)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_us = excluded.expires_us",
            {std::string(key), Bytes{std::string(value)}, expires_us})
        .status();
  }

  static absl::Status Remove(Session& session, std::string_view key) {
    return session.Execute("DELETE FROM keys WHERE key = :p1", {std::string(key)}).status();
  }

  const std::unique_ptr<store::Database> database_;
  const Clock& clock_;
  std::atomic<int64_t> last_purge_us_{0};
};

}  // namespace

absl::StatusOr<std::unique_ptr<Keys>> NewSqliteKeys(std::string path, const Clock& clock) {
  store::DatabaseOptions options;
  options.sqlite_path = std::move(path);
  // A power cut may take the last seconds: someone signs in again. A killed process loses nothing.
  options.sqlite_full_sync = false;
  ASSIGN_OR_RETURN(std::unique_ptr<store::Database> database, store::OpenDatabase(options));
  RETURN_IF_ERROR(store::Migrate(*database, "keys", kMigrations));
  return std::make_unique<SqliteKeys>(std::move(database), clock);
}

}  // namespace compagnon::keys
