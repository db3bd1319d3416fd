#include <catch2/catch.hpp>
#include <thread>

#include "backends/store_backend.h"

namespace compagnon::store {
namespace {

constexpr Migration kSteps[] = {
    {1, "books", "CREATE TABLE book (id bigint PRIMARY KEY)\n--;\nINSERT INTO book VALUES (1)", ""},
    {2, "titles", "ALTER TABLE book ADD COLUMN title text", ""},
    {3, "engine", "CREATE TABLE engine AS SELECT 'postgresql'::text AS name",
     "CREATE TABLE engine AS SELECT 'sqlite' AS name"},
};

std::string TextOf(Database& database, std::string_view sql) {
  std::string text;
  const absl::Status status = database.Read([&](Session& session) {
    return session.Query(sql, {}, [&](const Row& row) {
      text += row.Text(0) + ";";
      return absl::OkStatus();
    });
  });
  return status.ok() ? text : status.ToString();
}

constexpr std::string_view kVersions =
    "SELECT component || version || name FROM schema_version ORDER BY component, version";

}  // namespace

STORE_CONTRACT("migrations run in order and once each", "[store]") {
  REQUIRE(Migrate(backend.database(), "library", absl::MakeConstSpan(kSteps, 1)).ok());
  CHECK(TextOf(backend.database(), kVersions) == "library1books;");
  REQUIRE(Migrate(backend.database(), "library", kSteps).ToString() == "OK");
  REQUIRE(Migrate(backend.database(), "library", kSteps).ToString() == "OK");
  CHECK(TextOf(backend.database(), kVersions) == "library1books;library2titles;library3engine;");
  CHECK(TextOf(backend.database(), "SELECT count(*) FROM book") == "1;");
  CHECK(TextOf(backend.database(), "SELECT name FROM engine") == (backend.sqlite() ? "sqlite;" : "postgresql;"));
}

STORE_CONTRACT("components keep versions of their own", "[store]") {
  constexpr Migration kOther[] = {{1, "shelf", "CREATE TABLE shelf (id bigint)", ""}};
  REQUIRE(Migrate(backend.database(), "library", kSteps).ok());
  REQUIRE(Migrate(backend.database(), "furniture", kOther).ok());
  CHECK(TextOf(backend.database(), kVersions) == "furniture1shelf;library1books;library2titles;library3engine;");
}

STORE_CONTRACT("processes that migrate together apply each step once", "[store]") {
  std::vector<std::unique_ptr<Database>> databases;
  for (int i = 0; i < 4; ++i) databases.push_back(backend.OpenAnother());
  std::vector<absl::Status> results(4);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] { results[i] = Migrate(*databases[i], "library", kSteps); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& result : results) CHECK(result.ToString() == "OK");
  CHECK(TextOf(backend.database(), kVersions) == "library1books;library2titles;library3engine;");
  CHECK(TextOf(backend.database(), "SELECT count(*) FROM book") == "1;");
}

STORE_CONTRACT("a migration that fails names itself and leaves no half of it", "[store]") {
  constexpr Migration kBroken[] = {
      {1, "books", "CREATE TABLE book (id bigint)", ""},
      {2, "broken", "CREATE TABLE half (id bigint)\n--;\nCREATE TABLE book (id bigint)", ""},
  };
  const absl::Status status = Migrate(backend.database(), "library", kBroken);
  CHECK_FALSE(status.ok());
  CHECK(status.message().find("migration 2 (broken) of library") != std::string::npos);
  CHECK(TextOf(backend.database(), kVersions) == "library1books;");
  CHECK(TextOf(backend.database(), "SELECT count(*) FROM half").find(";") == std::string::npos);
}

STORE_CONTRACT("tables of a newer release are tolerated one version ahead and refused beyond", "[store]") {
  REQUIRE(Migrate(backend.database(), "library", kSteps).ok());
  CHECK(Migrate(backend.database(), "library", absl::MakeConstSpan(kSteps, 2)).ok());
  const absl::Status refused = Migrate(backend.database(), "library", absl::MakeConstSpan(kSteps, 1));
  CHECK(absl::IsFailedPrecondition(refused));
  CHECK(refused.message().find("a newer release") != std::string::npos);
  CHECK(absl::IsFailedPrecondition(Migrate(backend.database(), "library", absl::MakeConstSpan(kSteps, 2), 0)));
  CHECK(Migrate(backend.database(), "library", absl::MakeConstSpan(kSteps, 1), 2).ok());
  CHECK(TextOf(backend.database(), kVersions) == "library1books;library2titles;library3engine;");
}

TEST_CASE("migrations that are not numbered densely are refused", "[store]") {
  test::StoreBackend backend(Dialect::kSqlite);
  constexpr Migration kGap[] = {{1, "one", "SELECT 1", ""}, {3, "three", "SELECT 1", ""}};
  CHECK(absl::IsInternal(Migrate(backend.database(), "library", kGap)));
}

}  // namespace compagnon::store
