#ifndef COMPAGNON_ANALYTICS_STORE_SCHEMA_H_
#define COMPAGNON_ANALYTICS_STORE_SCHEMA_H_

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "platform/store/sql.h"

// The tables of analytics (docs in README.md). Layers: raw -> learner_day -> learner_week and fact -> cell.
namespace compagnon::analytics {

// Migrations of the component "analytics".
absl::Span<const store::Migration> Migrations();

// Makes the partitions of raw and learner_day that hold the months [first, last] since 1970-01. Nothing on SQLite. In a
// transaction of its own: it waits for transactions that write to the tables, and they for it. Safe to call from many
// processes.
absl::Status MakeMonths(store::Database& database, int32_t first, int32_t last);

// The suffix that locks rows of a SELECT until the transaction ends; SQLite's one writer needs none.
std::string_view ForUpdate(const store::Session& session);
std::string_view ForShare(const store::Session& session);

// Rows of integers by column, as Session::BulkInsertInts and UpsertInts take them.
class IntRows {
 public:
  explicit IntRows(size_t columns) : columns_(columns) {}
  void Add(std::initializer_list<int64_t> row);
  void Reserve(size_t rows);
  size_t size() const { return columns_.empty() ? 0 : columns_[0].size(); }
  bool empty() const { return size() == 0; }
  absl::Span<const std::vector<int64_t>> columns() const { return columns_; }

 private:
  std::vector<std::vector<int64_t>> columns_;
};

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_STORE_SCHEMA_H_
