#ifndef COMPAGNON_TESTS_BENCH_PEERS_RAW_ROWS_H_
#define COMPAGNON_TESTS_BENCH_PEERS_RAW_ROWS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace compagnon::bench {

// Columns of integers, column by column; kNull is NULL.
struct IntRows {
  static constexpr int64_t kNull = INT64_MIN;
  std::vector<std::string_view> columns;
  std::vector<int> widths;  // bytes of each column in PostgreSQL: 8 bigint, 4 integer, 2 smallint
  std::vector<std::vector<int64_t>> values;
  size_t size() const { return values.empty() ? 0 : values[0].size(); }
  // Rows [begin, end).
  IntRows Slice(size_t begin, size_t end) const;
};

// Rows shaped as analytics' table of events: ten bigints, five of them often NULL, and four integers. In the order of
// their time, the same for the same arguments.
IntRows EventRows(size_t count, uint64_t seed);

// CREATE TABLE for `rows`, without key or index; the text serves PostgreSQL and SQLite.
std::string CreateTable(std::string_view table, const IntRows& rows);

}  // namespace compagnon::bench

#endif  // COMPAGNON_TESTS_BENCH_PEERS_RAW_ROWS_H_
