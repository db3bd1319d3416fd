#ifndef COMPAGNON_TESTS_BACKENDS_STORE_BACKEND_H_
#define COMPAGNON_TESTS_BACKENDS_STORE_BACKEND_H_

#include <memory>
#include <string>

#include "platform/store/sql.h"

namespace compagnon::test {

// An empty database of a test's own: a SQLite file under .run/tests, or a schema of the server at $COMPAGNON_TEST_PG.
// Gone with the object. Without the variable the test fails, naming ./dev services.
class StoreBackend {
 public:
  explicit StoreBackend(store::Dialect dialect);
  ~StoreBackend();
  StoreBackend(const StoreBackend&) = delete;
  StoreBackend& operator=(const StoreBackend&) = delete;

  store::Dialect dialect() const { return options_.dialect; }
  bool sqlite() const { return options_.dialect == store::Dialect::kSqlite; }
  // What opens this database; a test may change the copy it takes.
  const store::DatabaseOptions& options() const { return options_; }
  // Opened at first use.
  store::Database& database();
  // Another pool on the same database, as another process has.
  std::unique_ptr<store::Database> OpenAnother() const;
  std::unique_ptr<store::Database> Open(const store::DatabaseOptions& options) const;

 private:
  store::DatabaseOptions options_;
  std::string folder_;
  std::unique_ptr<store::Database> database_;
};

}  // namespace compagnon::test

#define COMPAGNON_TEST_NAME_INNER(a, b) a##b
#define COMPAGNON_TEST_NAME(a, b) COMPAGNON_TEST_NAME_INNER(a, b)

// One test on both back ends:  STORE_CONTRACT("a sentence", "[ledger]") { backend.database()... }
#define STORE_CONTRACT(sentence, tags)                                                          \
  static void COMPAGNON_TEST_NAME(Contract, __LINE__)(compagnon::test::StoreBackend & backend); \
  TEST_CASE(sentence " (SQLite)", tags) {                                                       \
    compagnon::test::StoreBackend backend(compagnon::store::Dialect::kSqlite);                  \
    COMPAGNON_TEST_NAME(Contract, __LINE__)(backend);                                           \
  }                                                                                             \
  TEST_CASE(sentence " (PostgreSQL)", tags "[services]") {                                      \
    compagnon::test::StoreBackend backend(compagnon::store::Dialect::kPostgresql);              \
    COMPAGNON_TEST_NAME(Contract, __LINE__)(backend);                                           \
  }                                                                                             \
  static void COMPAGNON_TEST_NAME(Contract, __LINE__)([[maybe_unused]] compagnon::test::StoreBackend & backend)

#endif  // COMPAGNON_TESTS_BACKENDS_STORE_BACKEND_H_
