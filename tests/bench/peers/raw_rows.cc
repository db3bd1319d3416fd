#include "peers/raw_rows.h"

#include <fmt/format.h>

#include <random>

namespace compagnon::bench {

IntRows IntRows::Slice(size_t begin, size_t end) const {
  IntRows slice{columns, widths, {}};
  for (const std::vector<int64_t>& column : values)
    slice.values.emplace_back(column.begin() + begin, column.begin() + end);
  return slice;
}

IntRows EventRows(size_t count, uint64_t seed) {
  IntRows rows;
  rows.columns = {"pos",    "occurred_us", "recorded_us", "person", "related_person", "course", "context_instance",
                  "object", "grade_item",  "score_milli", "stream", "name",           "traits", "site"};
  rows.widths = {8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 4, 4, 4, 4};
  rows.values.resize(rows.columns.size());
  for (std::vector<int64_t>& column : rows.values) column.reserve(count);
  std::mt19937_64 random(seed);
  std::vector<int64_t> people(20'000);
  for (int64_t& person : people) person = static_cast<int64_t>(random() >> 1);
  int64_t now_us = 1'700'000'000'000'000;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t r = random();
    now_us += static_cast<int64_t>(r % 4'000'000);
    const bool graded = r % 53 == 0;
    const int64_t row[] = {static_cast<int64_t>(i) + 1,
                           now_us,
                           now_us + 1'000'000,
                           people[(r >> 8) % people.size()],
                           r % 11 == 0 ? people[(r >> 16) % people.size()] : IntRows::kNull,
                           static_cast<int64_t>((r >> 24) % 22) + 1,
                           r % 3 == 0 ? IntRows::kNull : static_cast<int64_t>((r >> 32) % 6000),
                           r % 5 == 0 ? IntRows::kNull : static_cast<int64_t>((r >> 40) % 6000),
                           graded ? static_cast<int64_t>((r >> 32) % 200) : IntRows::kNull,
                           graded ? static_cast<int64_t>((r >> 44) % 100'000) : IntRows::kNull,
                           1,
                           static_cast<int64_t>((r >> 48) % 60),
                           static_cast<int64_t>((r >> 56) % 16),
                           1};
    for (size_t c = 0; c < rows.values.size(); ++c) rows.values[c].push_back(row[c]);
  }
  return rows;
}

std::string CreateTable(std::string_view table, const IntRows& rows) {
  std::string sql = fmt::format("CREATE TABLE {} (", table);
  for (size_t c = 0; c < rows.columns.size(); ++c) {
    const char* type = rows.widths[c] == 8 ? "bigint" : rows.widths[c] == 4 ? "integer" : "smallint";
    sql += fmt::format("{}{} {}", c > 0 ? ", " : "", rows.columns[c], type);
  }
  return sql + ")";
}

}  // namespace compagnon::bench
