#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <barrier>
#include <catch2/catch.hpp>
#include <latch>
#include <thread>

#include "absl/time/clock.h"
#include "backends/store_backend.h"

namespace compagnon::store {
namespace {

absl::Status Do(Database& database, std::string_view sql, absl::Span<const Value> params = {}) {
  return database.Write([&](Session& session) { return session.Execute(sql, params).status(); });
}

int64_t IntOf(Session& session, std::string_view sql) {
  int64_t value = -1;
  const absl::Status status = session.Query(sql, {}, [&](const Row& row) {
    value = row.Int(0);
    return absl::OkStatus();
  });
  CHECK(status.ToString() == "OK");
  return value;
}

int64_t IntOf(Database& database, std::string_view sql) {
  int64_t value = -1;
  CHECK(database
            .Read([&](Session& session) {
              value = IntOf(session, sql);
              return absl::OkStatus();
            })
            .ToString() == "OK");
  return value;
}

void MakeLedger(test::StoreBackend& backend) {
  REQUIRE(
      Do(backend.database(), "CREATE TABLE ledger (id bigint PRIMARY KEY, n bigint NOT NULL, CHECK (n >= 0))").ok());
}

// Ends a PostgreSQL server process; returns once it is gone.
void Terminate(Database& database, int64_t pid) {
  CHECK(database
            .Write([&](Session& session) -> absl::Status {
              RETURN_IF_ERROR(session.Execute("SELECT pg_terminate_backend(:p1::int)", {pid}).status());
              while (IntOf(session, "SELECT count(*) FROM pg_stat_activity WHERE pid = " + std::to_string(pid)) > 0) {
                RETURN_IF_ERROR(session.Execute("SELECT pg_stat_clear_snapshot()").status());
                absl::SleepFor(absl::Milliseconds(5));
              }
              return absl::OkStatus();
            })
            .ToString() == "OK");
}

}  // namespace

STORE_CONTRACT("a function that fails leaves nothing behind", "[store]") {
  MakeLedger(backend);
  const absl::Status status = backend.database().Write([](Session& session) -> absl::Status {
    RETURN_IF_ERROR(session.Execute("INSERT INTO ledger VALUES (1, 1)").status());
    return absl::CancelledError("changed my mind");
  });
  CHECK(status == absl::CancelledError("changed my mind"));
  CHECK(IntOf(backend.database(), "SELECT count(*) FROM ledger") == 0);
}

STORE_CONTRACT("an aborted transaction is never reported as committed", "[store]") {
  MakeLedger(backend);
  int later_runs = 0;
  const absl::Status status = backend.database().Write([&](Session& session) -> absl::Status {
    CHECK(session.Execute("INSERT INTO ledger VALUES (1, 1)").ok());
    CHECK(absl::IsAlreadyExists(session.Execute("INSERT INTO ledger VALUES (1, 2)").status()));
    // Swallowed. On PostgreSQL its COMMIT becomes ROLLBACK; on SQLite it would commit the first row alone.
    if (session.Execute("INSERT INTO ledger VALUES (2, 2)").ok()) ++later_runs;
    constexpr std::string_view kColumns[] = {"id", "n"};
    if (session.BulkInsertInts("ledger", kColumns, std::vector<std::vector<int64_t>>{{3}, {3}}).ok()) ++later_runs;
    if (session.UpsertInts("ledger", kColumns, "id", "", std::vector<std::vector<int64_t>>{{4}, {4}}).ok())
      ++later_runs;
    return absl::OkStatus();
  });
  CHECK(absl::IsAlreadyExists(status));
  CHECK(later_runs == 0);
  CHECK(IntOf(backend.database(), "SELECT count(*) FROM ledger") == 0);
  CHECK(Do(backend.database(), "INSERT INTO ledger VALUES (1, 1)").ok());
}

STORE_CONTRACT("a function that ends the transaction itself is not reported as committed", "[store]") {
  MakeLedger(backend);
  CHECK_FALSE(backend.database()
                  .Write([](Session& session) -> absl::Status {
                    RETURN_IF_ERROR(session.Execute("INSERT INTO ledger VALUES (1, 1)").status());
                    return session.Execute("ROLLBACK").status();
                  })
                  .ok());
  CHECK(IntOf(backend.database(), "SELECT count(*) FROM ledger") == 0);
}

STORE_CONTRACT("each kind of failure has its own code", "[store]") {
  MakeLedger(backend);
  REQUIRE(Do(backend.database(), "INSERT INTO ledger VALUES (1, 1)").ok());
  CHECK(absl::IsAlreadyExists(Do(backend.database(), "INSERT INTO ledger VALUES (1, 2)")));
  CHECK(absl::IsFailedPrecondition(Do(backend.database(), "INSERT INTO ledger VALUES (2, -1)")));
  CHECK(absl::IsFailedPrecondition(Do(backend.database(), "INSERT INTO ledger VALUES (2, NULL)")));
  CHECK(absl::IsInternal(Do(backend.database(), "INSERT INTO nowhere VALUES (2)")));
  CHECK(absl::IsInternal(Do(backend.database(), "INSER INTO ledger")));
  REQUIRE(Do(backend.database(), "CREATE TABLE entry (ledger bigint REFERENCES ledger (id))").ok());
  CHECK(absl::IsFailedPrecondition(Do(backend.database(), "INSERT INTO entry VALUES (7)")));
  constexpr std::string_view kColumns[] = {"id", "n"};
  const absl::Status bulk = backend.database().Write([&](Session& session) {
    return session.BulkInsertInts("ledger", kColumns, std::vector<std::vector<int64_t>>{{8, 1}, {1, 1}});
  });
  CHECK(absl::IsAlreadyExists(bulk));
  CHECK(IntOf(backend.database(), "SELECT count(*) FROM ledger") == 1);
}

STORE_CONTRACT("an error tells nobody the values it met", "[store]") {
  REQUIRE(Do(backend.database(), "CREATE TABLE person (mail text PRIMARY KEY)").ok());
  REQUIRE(Do(backend.database(), "INSERT INTO person VALUES (:p1)", {std::string("someone@example.org")}).ok());
  const absl::Status status =
      Do(backend.database(), "INSERT INTO person VALUES (:p1)", {std::string("someone@example.org")});
  CHECK(absl::IsAlreadyExists(status));
  CHECK(status.ToString().find("someone") == std::string::npos);
  if (!backend.sqlite()) {
    CHECK(Do(backend.database(), "SELECT CAST(mail AS bigint) FROM person").ToString().find("someone") ==
          std::string::npos);
  }
}

STORE_CONTRACT("writers in several pools lose no update", "[store]") {
  MakeLedger(backend);
  REQUIRE(Do(backend.database(), "INSERT INTO ledger VALUES (1, 0)").ok());
  const std::unique_ptr<Database> other = backend.OpenAnother();
  std::atomic<int> failed = 0, runs = 0;
  std::vector<std::thread> writers;
  for (int t = 0; t < 6; ++t) {
    writers.emplace_back([&, t] {
      Database& database = t % 2 == 0 ? backend.database() : *other;
      for (int i = 0; i < 40; ++i) {
        const absl::Status status = database.Write([&](Session& session) -> absl::Status {
          ++runs;
          int64_t n = -1;
          RETURN_IF_ERROR(session.Query(session.dialect() == Dialect::kSqlite
                                            ? "SELECT n FROM ledger WHERE id = :p1"
                                            : "SELECT n FROM ledger WHERE id = :p1 FOR UPDATE",
                                        {int64_t{1}}, [&](const Row& row) {
                                          n = row.Int(0);
                                          return absl::OkStatus();
                                        }));
          return session.Execute("UPDATE ledger SET n = :p1 WHERE id = 1", {n + 1}).status();
        });
        if (!status.ok()) ++failed;
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  CHECK(failed == 0);
  CHECK(runs == 240);  // each waited for the lock before it read, so none had to start over
  CHECK(IntOf(backend.database(), "SELECT n FROM ledger") == 240);
}

STORE_CONTRACT("a reader keeps its snapshot while others write", "[store]") {
  MakeLedger(backend);
  const absl::Status status = backend.database().Read([&](Session& session) -> absl::Status {
    CHECK(IntOf(session, "SELECT count(*) FROM ledger") == 0);
    CHECK(Do(backend.database(), "INSERT INTO ledger VALUES (1, 1)").ok());
    CHECK(IntOf(session, "SELECT count(*) FROM ledger") == 0);
    return absl::OkStatus();
  });
  CHECK(status.ToString() == "OK");
  CHECK(IntOf(backend.database(), "SELECT count(*) FROM ledger") == 1);
}

STORE_CONTRACT("a reader cannot write", "[store]") {
  MakeLedger(backend);
  const absl::Status status = backend.database().Read(
      [](Session& session) { return session.Execute("INSERT INTO ledger VALUES (1, 1)").status(); });
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(IntOf(backend.database(), "SELECT count(*) FROM ledger") == 0);
}

STORE_CONTRACT("a caller waits for a connection only as long as agreed", "[store]") {
  DatabaseOptions options = backend.options();
  options.pool_size = 1;
  options.lease_timeout = absl::Milliseconds(100);
  const std::unique_ptr<Database> database = backend.Open(options);
  std::latch held(1), tried(1);
  std::thread holder([&] {
    CHECK(database
              ->Read([&](Session&) {
                held.count_down();
                tried.wait();
                return absl::OkStatus();
              })
              .ok());
  });
  held.wait();
  const absl::Status status = database->Read([](Session&) { return absl::OkStatus(); });
  tried.count_down();
  holder.join();
  CHECK(absl::IsDeadlineExceeded(status));
  CHECK(database->Read([](Session&) { return absl::OkStatus(); }).ok());
}

STORE_CONTRACT("a table changed by another process is read as it is now", "[store]") {
  MakeLedger(backend);
  REQUIRE(Do(backend.database(), "INSERT INTO ledger VALUES (1, 1)").ok());
  const auto columns = [&] {
    size_t size = 0;
    CHECK(backend.database()
              .Read([&](Session& session) {
                return session.Query("SELECT * FROM ledger", {}, [&](const Row& row) {
                  size = row.size();
                  return absl::OkStatus();
                });
              })
              .ToString() == "OK");
    return size;
  };
  for (int i = 0; i < 5; ++i) CHECK(columns() == 2);  // prepared by now
  REQUIRE(Do(*backend.OpenAnother(), "ALTER TABLE ledger ADD COLUMN more bigint").ok());
  CHECK(columns() == 3);
}

STORE_CONTRACT("more different statements than are kept prepared still run", "[store]") {
  MakeLedger(backend);
  const absl::Status status = backend.database().Write([](Session& session) -> absl::Status {
    for (int round = 0; round < 4; ++round) {
      for (int i = 0; i < 300; ++i) {
        RETURN_IF_ERROR(
            session
                .Execute("INSERT INTO ledger VALUES (" + std::to_string(i) + ", :p1) ON CONFLICT (id) DO NOTHING",
                         {int64_t{i}})
                .status());
      }
    }
    return absl::OkStatus();
  });
  CHECK(status.ToString() == "OK");
  CHECK(IntOf(backend.database(), "SELECT sum(n) FROM ledger") == 299 * 150);
}

TEST_CASE("a connection killed in the middle runs the function again and its effect counts once (PostgreSQL)",
          "[store][services]") {
  test::StoreBackend backend(Dialect::kPostgresql);
  MakeLedger(backend);
  const std::unique_ptr<Database> other = backend.OpenAnother();
  int runs = 0;
  const absl::Status status = backend.database().Write([&](Session& session) -> absl::Status {
    RETURN_IF_ERROR(session.Execute("INSERT INTO ledger VALUES (1, 1)").status());
    if (++runs == 1) Terminate(*other, IntOf(session, "SELECT pg_backend_pid()"));
    return session.Execute("INSERT INTO ledger VALUES (2, 2)").status();
  });
  CHECK(status.ToString() == "OK");
  CHECK(runs == 2);
  CHECK(IntOf(backend.database(), "SELECT count(*) FROM ledger") == 2);
}

TEST_CASE("a connection killed twice in the middle is Unavailable and leaves nothing (PostgreSQL)",
          "[store][services]") {
  test::StoreBackend backend(Dialect::kPostgresql);
  MakeLedger(backend);
  const std::unique_ptr<Database> other = backend.OpenAnother();
  constexpr std::string_view kColumns[] = {"id", "n"};
  const absl::Status status = backend.database().Write([&](Session& session) -> absl::Status {
    RETURN_IF_ERROR(session.Execute("INSERT INTO ledger VALUES (1, 1)").status());
    Terminate(*other, IntOf(session, "SELECT pg_backend_pid()"));
    return session.BulkInsertInts("ledger", kColumns, std::vector<std::vector<int64_t>>{{2, 3}, {2, 3}});
  });
  CHECK(absl::IsUnavailable(status));
  CHECK(IntOf(backend.database(), "SELECT count(*) FROM ledger") == 0);
}

TEST_CASE("connections killed while idle are replaced unnoticed (PostgreSQL)", "[store][services]") {
  test::StoreBackend backend(Dialect::kPostgresql);
  MakeLedger(backend);
  const std::unique_ptr<Database> other = backend.OpenAnother();
  for (int round = 0; round < 3; ++round) {
    Terminate(*other, IntOf(backend.database(), "SELECT pg_backend_pid()"));
    CHECK(Do(backend.database(), "INSERT INTO ledger VALUES (:p1, 1)", {int64_t{round}}).ToString() == "OK");
    Terminate(*other, IntOf(backend.database(), "SELECT pg_backend_pid()"));
    CHECK(backend.database().Ping().ok());
  }
  CHECK(IntOf(backend.database(), "SELECT count(*) FROM ledger") == 3);
}

TEST_CASE("a connection lost during COMMIT has an unknown outcome and is not run again (PostgreSQL)",
          "[store][services]") {
  test::StoreBackend backend(Dialect::kPostgresql);
  MakeLedger(backend);
  REQUIRE(Do(backend.database(),
             "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
             " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(10); RETURN NULL; END $$")
              .ok());
  REQUIRE(Do(backend.database(),
             "CREATE CONSTRAINT TRIGGER dies AFTER INSERT ON ledger DEFERRABLE INITIALLY DEFERRED"
             " FOR EACH ROW EXECUTE FUNCTION die()")
              .ok());
  int runs = 0;
  const absl::Status status = backend.database().Write([&](Session& session) {
    ++runs;
    return session.Execute("INSERT INTO ledger VALUES (1, 1)").status();
  });
  CHECK(status.code() == absl::StatusCode::kUnknown);
  CHECK(runs == 1);
  CHECK(backend.database().Ping().ok());
}

TEST_CASE("two writers that block each other both get through (PostgreSQL)", "[store][services]") {
  test::StoreBackend backend(Dialect::kPostgresql);
  MakeLedger(backend);
  REQUIRE(Do(backend.database(), "INSERT INTO ledger VALUES (1, 0), (2, 0)").ok());
  std::barrier first_locked(2);
  std::atomic<int> runs = 0;
  const auto writer = [&](int64_t first, int64_t second) {
    bool waited = false;
    return backend.database().Write([&](Session& session) -> absl::Status {
      ++runs;
      RETURN_IF_ERROR(session.Execute("SET LOCAL deadlock_timeout = '50ms'").status());
      RETURN_IF_ERROR(session.Execute("UPDATE ledger SET n = n + 1 WHERE id = :p1", {first}).status());
      if (!waited) first_locked.arrive_and_wait();
      waited = true;
      return session.Execute("UPDATE ledger SET n = n + 1 WHERE id = :p1", {second}).status();
    });
  };
  absl::Status others;
  std::thread other([&] { others = writer(2, 1); });
  const absl::Status own = writer(1, 2);
  other.join();
  CHECK(others.ToString() == "OK");
  CHECK(own.ToString() == "OK");
  CHECK(runs >= 3);
  CHECK(IntOf(backend.database(), "SELECT sum(n) FROM ledger") == 4);
}

TEST_CASE("a server that is not there is Unavailable and its password stays unsaid (PostgreSQL)", "[store]") {
  DatabaseOptions options;
  options.dialect = Dialect::kPostgresql;
  options.postgresql_url = "postgresql://somebody@127.0.0.1:1/none";
  options.postgresql_password = "it's \\ secret";
  const absl::Status status = OpenDatabase(options).status();
  CHECK(absl::IsUnavailable(status));
  CHECK(status.ToString().find("secret") == std::string::npos);
  options.postgresql_url = "this is no address";
  CHECK(absl::IsInvalidArgument(OpenDatabase(options).status()));
  options.schema = "a\"b";
  CHECK(absl::IsInvalidArgument(OpenDatabase(options).status()));
}

TEST_CASE("a full disk fails the transaction whole and room made lets the next one through (SQLite)",
          "[store][fault]") {
  test::StoreBackend backend(Dialect::kSqlite);
  MakeLedger(backend);
  REQUIRE(Do(backend.database(), "INSERT INTO ledger VALUES (0, 0)").ok());
  REQUIRE(Do(backend.database(), "PRAGMA max_page_count = 20").ok());
  constexpr std::string_view kColumns[] = {"id", "n"};
  std::vector<std::vector<int64_t>> rows(2);
  for (int64_t i = 1; i < 50'000; ++i) rows[0].push_back(i), rows[1].push_back(i);
  const auto insert = [&](Session& session) { return session.BulkInsertInts("ledger", kColumns, rows); };
  CHECK(absl::IsResourceExhausted(backend.database().Write(insert)));
  CHECK(IntOf(backend.database(), "SELECT count(*) FROM ledger") == 1);
  REQUIRE(Do(backend.database(), "PRAGMA max_page_count = 100000").ok());
  CHECK(backend.database().Write(insert).ok());
  CHECK(IntOf(backend.database(), "SELECT count(*) FROM ledger") == 50'000);
}

TEST_CASE("a file at its limit of size is a full disk whether a statement meets it or the commit (SQLite)",
          "[store][fault]") {
  test::StoreBackend backend(Dialect::kSqlite);
  MakeLedger(backend);
  // 1,000 rows wait in memory for the COMMIT, 400,000 do not.
  for (const int64_t count : {1'000, 400'000}) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      const std::unique_ptr<Database> database = backend.OpenAnother();
      constexpr std::string_view kColumns[] = {"id", "n"};
      std::vector<std::vector<int64_t>> rows(2);
      for (int64_t i = 0; i < count; ++i) rows[0].push_back(i), rows[1].push_back(i);
      const auto insert = [&](Session& session) { return session.BulkInsertInts("ledger", kColumns, rows); };
      signal(SIGXFSZ, SIG_IGN);
      rlimit limit{12'001, RLIM_INFINITY};
      setrlimit(RLIMIT_FSIZE, &limit);
      const absl::Status full = database->Write(insert);
      limit.rlim_cur = RLIM_INFINITY;
      setrlimit(RLIMIT_FSIZE, &limit);
      if (!absl::IsResourceExhausted(full)) _exit(1);
      _exit(database->Write(insert).ok() && Do(*database, "DELETE FROM ledger").ok() ? 0 : 2);
    }
    int state = 0;
    REQUIRE(waitpid(child, &state, 0) == child);
    INFO(count);
    CHECK(state == 0);
  }
}

TEST_CASE("a process killed at any moment leaves whole transactions only (SQLite)", "[store][fault]") {
  test::StoreBackend backend(Dialect::kSqlite);
  MakeLedger(backend);
  constexpr int64_t kRows = 3000;
  int64_t promised = 0;
  for (int round = 0; round < 6; ++round) {
    int pipe_ends[2];
    REQUIRE(pipe(pipe_ends) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      // A pool of its own: connections of the parent must not be used here.
      const std::unique_ptr<Database> database = backend.OpenAnother();
      constexpr std::string_view kColumns[] = {"id", "n"};
      for (int64_t batch = (round + 1) * 1'000'000;; batch += kRows) {
        std::vector<std::vector<int64_t>> rows(2);
        for (int64_t i = 0; i < kRows; ++i) rows[0].push_back(batch + i), rows[1].push_back(i);
        const absl::Status status =
            database->Write([&](Session& session) { return session.BulkInsertInts("ledger", kColumns, rows); });
        if (!status.ok() || write(pipe_ends[1], "c", 1) != 1) _exit(1);
      }
    }
    close(pipe_ends[1]);
    char committed;
    REQUIRE(read(pipe_ends[0], &committed, 1) == 1);
    absl::SleepFor(absl::Milliseconds(7 * round));
    kill(child, SIGKILL);
    int state = 0;
    REQUIRE(waitpid(child, &state, 0) == child);
    CHECK(WIFSIGNALED(state));
    int64_t told = 1;
    while (read(pipe_ends[0], &committed, 1) == 1) ++told;
    close(pipe_ends[0]);
    promised += told * kRows;
    const int64_t kept = IntOf(backend.database(), "SELECT count(*) FROM ledger");
    CHECK(kept % kRows == 0);
    CHECK(kept >= promised);
    CHECK(kept <= promised + kRows);  // one may have been committed and not told
    promised = kept;
    int64_t sound = 0;
    CHECK(backend.database()
              .Read([&](Session& session) {
                return session.Query("PRAGMA integrity_check", {}, [&](const Row& row) {
                  sound += row.Text(0) == "ok";
                  return absl::OkStatus();
                });
              })
              .ok());
    CHECK(sound == 1);
  }
}

TEST_CASE("another process that comes and goes leaves this one's connections on the living file (SQLite)",
          "[store][fault]") {
  test::StoreBackend backend(Dialect::kSqlite);
  // The visitor is made before this process opens the file: a fork would carry SQLite's notion of locks with it.
  int start[2];
  REQUIRE(pipe(start) == 0);
  const pid_t visitor = fork();
  REQUIRE(visitor >= 0);
  if (visitor == 0) {
    char go;
    if (read(start[0], &go, 1) != 1) _exit(1);
    absl::StatusOr<std::unique_ptr<Database>> database = OpenDatabase(backend.options());
    _exit(database.ok() && Do(**database, "INSERT INTO ledger VALUES (2, 2)").ok() && (database->reset(), true) ? 0
                                                                                                                : 2);
  }
  MakeLedger(backend);
  REQUIRE(Do(backend.database(), "INSERT INTO ledger VALUES (1, 1)").ok());
  // A second connection of this pool: opening it must not drop the locks of the first.
  REQUIRE(IntOf(backend.database(), "SELECT count(*) FROM ledger") == 1);
  REQUIRE(write(start[1], "g", 1) == 1);
  int state = 0;
  REQUIRE(waitpid(visitor, &state, 0) == visitor);
  REQUIRE(state == 0);
  CHECK(IntOf(backend.database(), "SELECT count(*) FROM ledger") == 2);
  REQUIRE(Do(backend.database(), "INSERT INTO ledger VALUES (3, 3)").ok());
  CHECK(IntOf(*backend.OpenAnother(), "SELECT count(*) FROM ledger") == 3);
}

TEST_CASE("several processes may open and write one new file at once (SQLite)", "[store][fault]") {
  test::StoreBackend backend(Dialect::kSqlite);
  constexpr Migration kSteps[] = {{1, "ledger", "CREATE TABLE ledger (id bigint, n bigint)", ""}};
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      absl::StatusOr<std::unique_ptr<Database>> database = OpenDatabase(backend.options());
      if (!database.ok() || !Migrate(**database, "ledger", kSteps).ok()) _exit(1);
      for (int64_t n = 0; n < 50; ++n) {
        if (!Do(**database, "INSERT INTO ledger VALUES (:p1, :p2)", {int64_t{i}, n}).ok()) _exit(2);
      }
      _exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int state = 0;
    REQUIRE(waitpid(child, &state, 0) == child);
    CHECK(state == 0);
  }
  CHECK(IntOf(backend.database(), "SELECT count(*) FROM ledger") == 200);
}

}  // namespace compagnon::store
