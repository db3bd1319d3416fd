#include "backends/store_backend.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "platform/base/ids.h"

namespace compagnon::test {

StoreBackend::StoreBackend(store::Dialect dialect) {
  options_.dialect = dialect;
  const std::string unique = HexEncode(RandomBytes(6));
  if (sqlite()) {
    folder_ = ".run/tests/store-" + unique;
    options_.sqlite_path = folder_ + "/store.db";
    return;
  }
  const char* url = std::getenv("COMPAGNON_TEST_PG");
  if (url == nullptr) FAIL("no PostgreSQL to test on: run ./dev services start, then eval \"$(./dev services env)\"");
  options_.postgresql_url = url;
  options_.schema = "test_" + unique;
}

StoreBackend::~StoreBackend() {
  if (sqlite()) {
    database_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
    return;
  }
  if (options_.schema.empty()) return;
  const absl::StatusOr<std::unique_ptr<store::Database>> last = store::OpenDatabase(options_);
  if (!last.ok()) return;
  (*last)
      ->Write([&](store::Session& session) {
        return session.Execute("DROP SCHEMA " + options_.schema + " CASCADE").status();
      })
      .IgnoreError();
}

store::Database& StoreBackend::database() {
  if (database_ == nullptr) database_ = OpenAnother();
  return *database_;
}

std::unique_ptr<store::Database> StoreBackend::OpenAnother() const { return Open(options_); }

std::unique_ptr<store::Database> StoreBackend::Open(const store::DatabaseOptions& options) const {
  absl::StatusOr<std::unique_ptr<store::Database>> opened = store::OpenDatabase(options);
  if (!opened.ok()) FAIL(opened.status().ToString());
  return std::move(*opened);
}

}  // namespace compagnon::test
