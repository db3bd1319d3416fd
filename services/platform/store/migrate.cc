#include <fmt/format.h>

#include "platform/base/log.h"
#include "platform/store/sql.h"
#include "platform/store/statement_text.h"

namespace compagnon::store {
namespace {

// Held by whoever migrates this schema, until its transaction ends; on SQLite BEGIN IMMEDIATE does the same.
absl::Status LockSchema(Session& session) {
  if (session.dialect() == Dialect::kSqlite) return absl::OkStatus();
  return session.Execute("SELECT pg_advisory_xact_lock(hashtextextended('compagnon.migrate.' || current_schema(), 0))")
      .status();
}

absl::StatusOr<int> VersionOf(Session& session, std::string_view component) {
  int version = 0;
  RETURN_IF_ERROR(session.Query("SELECT max(version) FROM schema_version WHERE component = :p1",
                                {std::string(component)}, [&](const Row& row) {
                                  version = static_cast<int>(row.Int(0));
                                  return absl::OkStatus();
                                }));
  return version;
}

// Applies the next migration, in a transaction of its own. Answers false when there is none left.
absl::StatusOr<bool> Step(Database& database, std::string_view component, absl::Span<const Migration> migrations,
                          int tolerated_ahead) {
  bool applied = false;
  const Migration* next = nullptr;
  const absl::Status status = database.Write([&](Session& session) -> absl::Status {
    applied = false;
    next = nullptr;
    RETURN_IF_ERROR(LockSchema(session));
    RETURN_IF_ERROR(
        session
            .Execute("CREATE TABLE IF NOT EXISTS schema_version (component text NOT NULL, version bigint NOT NULL,"
                     " name text NOT NULL, PRIMARY KEY (component, version))")
            .status());
    ASSIGN_OR_RETURN(const int version, VersionOf(session, component));
    const int newest = static_cast<int>(migrations.size());
    if (version > newest + tolerated_ahead) {
      return absl::FailedPreconditionError(fmt::format(
          "the tables of {} are at version {}: a newer release wrote them; this one knows {} and tolerates {}",
          component, version, newest, newest + tolerated_ahead));
    }
    if (version >= newest) return absl::OkStatus();
    next = &migrations[version];
    const bool same = session.dialect() == Dialect::kPostgresql || next->sqlite.empty();
    for (const std::string& statement : SplitStatements(same ? next->postgresql : next->sqlite)) {
      RETURN_IF_ERROR(session.Execute(statement).status());
    }
    RETURN_IF_ERROR(session
                        .Execute("INSERT INTO schema_version (component, version, name) VALUES (:p1, :p2, :p3)",
                                 {std::string(component), int64_t{next->version}, std::string(next->name)})
                        .status());
    applied = true;
    return absl::OkStatus();
  });
  if (!status.ok() && next != nullptr) {
    return absl::Status(status.code(), fmt::format("migration {} ({}) of {}: {}", next->version, next->name, component,
                                                   std::string(status.message())));
  }
  RETURN_IF_ERROR(status);
  if (applied) Log(LogLevel::kInfo, "tables migrated", {{"component", component}, {"version", int64_t{next->version}}});
  return applied;
}

}  // namespace

absl::Status Migrate(Database& database, std::string_view component, absl::Span<const Migration> migrations,
                     int tolerated_ahead) {
  for (size_t i = 0; i < migrations.size(); ++i) {
    if (migrations[i].version != static_cast<int>(i) + 1) {
      return absl::InternalError(fmt::format("the migrations of {} are not numbered 1, 2, 3, ...", component));
    }
  }
  while (true) {
    ASSIGN_OR_RETURN(const bool applied, Step(database, component, migrations, tolerated_ahead));
    if (!applied) return absl::OkStatus();
  }
}

}  // namespace compagnon::store
