#include "peers/raw_writers.h"

#include <arpa/inet.h>
#include <endian.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <libpq-fe.h>
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "absl/status/status.h"

namespace compagnon::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

double SecondsSince(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

absl::Status Expect(PGconn* connection, PGresult* result, ExecStatusType wanted) {
  const bool ok = PQresultStatus(result) == wanted;
  PQclear(result);
  return ok ? absl::OkStatus() : absl::InternalError(PQerrorMessage(connection));
}

void Append(std::string* out, const void* data, size_t size) { out->append(static_cast<const char*>(data), size); }

void AppendRow(std::string* out, const IntRows& rows, size_t r) {
  const uint16_t fields = htons(static_cast<uint16_t>(rows.values.size()));
  Append(out, &fields, 2);
  for (size_t c = 0; c < rows.values.size(); ++c) {
    const int64_t value = rows.values[c][r];
    const uint32_t size = value == IntRows::kNull ? UINT32_MAX : htonl(static_cast<uint32_t>(rows.widths[c]));
    Append(out, &size, 4);
    if (value == IntRows::kNull) continue;
    const uint64_t wide = htobe64(static_cast<uint64_t>(value));
    Append(out, reinterpret_cast<const char*>(&wide) + 8 - rows.widths[c], rows.widths[c]);
  }
}

}  // namespace

absl::StatusOr<double> CopyWithLibpq(const std::string& connect_string, const std::string& schema,
                                     std::string_view table, const IntRows& rows, size_t batch) {
  const std::unique_ptr<PGconn, void (*)(PGconn*)> owner(PQconnectdb(connect_string.c_str()), PQfinish);
  PGconn* connection = owner.get();
  if (PQstatus(connection) != CONNECTION_OK) return absl::UnavailableError(PQerrorMessage(connection));
  const auto command = [&](const std::string& sql, ExecStatusType wanted = PGRES_COMMAND_OK) {
    return Expect(connection, PQexec(connection, sql.c_str()), wanted);
  };
  if (!schema.empty()) {
    if (absl::Status status = command(fmt::format("SET search_path = {}", schema)); !status.ok()) return status;
  }
  const std::string copy =
      fmt::format("COPY {} ({}) FROM STDIN WITH (FORMAT binary)", table, fmt::join(rows.columns, ", "));
  const SteadyClock::time_point start = SteadyClock::now();
  std::string buffer;
  for (size_t begin = 0; begin < rows.size(); begin += batch) {
    if (absl::Status status = command("BEGIN"); !status.ok()) return status;
    if (absl::Status status = command(copy, PGRES_COPY_IN); !status.ok()) return status;
    buffer.assign("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
    for (size_t r = begin; r < std::min(begin + batch, rows.size()); ++r) {
      AppendRow(&buffer, rows, r);
      if (buffer.size() < (256 << 10)) continue;
      if (PQputCopyData(connection, buffer.data(), static_cast<int>(buffer.size())) != 1) {
        return absl::InternalError(PQerrorMessage(connection));
      }
      buffer.clear();
    }
    buffer.append("\377\377");
    if (PQputCopyData(connection, buffer.data(), static_cast<int>(buffer.size())) != 1 ||
        PQputCopyEnd(connection, nullptr) != 1) {
      return absl::InternalError(PQerrorMessage(connection));
    }
    if (absl::Status status = Expect(connection, PQgetResult(connection), PGRES_COMMAND_OK); !status.ok())
      return status;
    PQclear(PQgetResult(connection));
    if (absl::Status status = command("COMMIT"); !status.ok()) return status;
  }
  return SecondsSince(start);
}

absl::StatusOr<double> InsertWithSqlite(const std::string& path, std::string_view table, const IntRows& rows,
                                        size_t batch, bool full_sync) {
  sqlite3* raw = nullptr;
  const int opened = sqlite3_open(path.c_str(), &raw);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> database(raw, sqlite3_close);
  if (opened != SQLITE_OK) return absl::UnavailableError(sqlite3_errmsg(raw));
  const auto command = [&](const char* sql) {
    return sqlite3_exec(raw, sql, nullptr, nullptr, nullptr) == SQLITE_OK ? absl::OkStatus()
                                                                          : absl::InternalError(sqlite3_errmsg(raw));
  };
  for (const char* pragma :
       {"PRAGMA journal_mode = WAL", full_sync ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
        "PRAGMA cache_size = -16384", "PRAGMA wal_autocheckpoint = 4000"}) {
    if (absl::Status status = command(pragma); !status.ok()) return status;
  }
  std::string sql = fmt::format("INSERT INTO {} ({}) VALUES (?", table, fmt::join(rows.columns, ", "));
  for (size_t c = 1; c < rows.columns.size(); ++c) sql += ", ?";
  sql += ")";
  sqlite3_stmt* prepared = nullptr;
  if (sqlite3_prepare_v2(raw, sql.c_str(), -1, &prepared, nullptr) != SQLITE_OK) {
    return absl::InternalError(sqlite3_errmsg(raw));
  }
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(prepared, sqlite3_finalize);
  const SteadyClock::time_point start = SteadyClock::now();
  for (size_t begin = 0; begin < rows.size(); begin += batch) {
    if (absl::Status status = command("BEGIN IMMEDIATE"); !status.ok()) return status;
    for (size_t r = begin; r < std::min(begin + batch, rows.size()); ++r) {
      for (size_t c = 0; c < rows.values.size(); ++c) {
        const int64_t value = rows.values[c][r];
        const int at = static_cast<int>(c) + 1;
        if (value == IntRows::kNull) {
          sqlite3_bind_null(prepared, at);
        } else {
          sqlite3_bind_int64(prepared, at, value);
        }
      }
      if (sqlite3_step(prepared) != SQLITE_DONE) return absl::InternalError(sqlite3_errmsg(raw));
      sqlite3_reset(prepared);
    }
    if (absl::Status status = command("COMMIT"); !status.ok()) return status;
  }
  return SecondsSince(start);
}

}  // namespace compagnon::bench
