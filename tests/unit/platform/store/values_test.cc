#include <catch2/catch.hpp>
#include <limits>

#include "backends/store_backend.h"

namespace compagnon::store {
namespace {

absl::Status Do(Database& database, std::string_view sql, absl::Span<const Value> params = {}) {
  return database.Write([&](Session& session) { return session.Execute(sql, params).status(); });
}

// The values of one row, each as the type it was stored with.
struct Everything {
  int64_t n = -1;
  double d = -1;
  std::string t, b;
  bool n_null = false, d_null = false, t_null = false, b_null = false;
};

std::vector<Everything> AllOf(Database& database) {
  std::vector<Everything> rows;
  const absl::Status status = database.Read([&](Session& session) {
    rows.clear();
    return session.Query("SELECT n, d, t, b FROM everything ORDER BY id", {}, [&](const Row& row) {
      rows.push_back({row.Int(0), row.Double(1), row.Text(2), row.BytesAt(3), row.IsNull(0), row.IsNull(1),
                      row.IsNull(2), row.IsNull(3)});
      return absl::OkStatus();
    });
  });
  REQUIRE(status.ToString() == "OK");
  return rows;
}

void MakeTable(test::StoreBackend& backend) {
  const std::string real = backend.sqlite() ? "REAL" : "double precision";
  const std::string bytes = backend.sqlite() ? "BLOB" : "bytea";
  REQUIRE(Do(backend.database(),
             "CREATE TABLE everything (id bigint PRIMARY KEY, n bigint, d " + real + ", t text, b " + bytes + ")")
              .ok());
}

const std::string kAllBytes = [] {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  return bytes + std::string("\0\xff\0\\'\"\n", 7);
}();
const std::string kText = "L’été, « naïf » — العربية 🎓 \\x41 'quoted' \t\n";

const std::vector<std::vector<Value>> kRows = {
    {int64_t{1}, std::numeric_limits<int64_t>::max(), 0.1, kText, Bytes{kAllBytes}},
    {int64_t{2}, std::numeric_limits<int64_t>::min(), -1.7976931348623157e308, std::string(), Bytes{}},
    {int64_t{3}, Value(), Value(), Value(), Value()},
    {int64_t{4}, int64_t{0}, 5e-324, std::string("x"), Bytes{std::string("\0", 1)}},
    {int64_t{5}, int64_t{-1}, 0.0, std::string(3 << 20, 'y'), Bytes{std::string(3 << 20, '\xff')}},
};

void CheckRows(const std::vector<Everything>& rows) {
  REQUIRE(rows.size() == 5);
  CHECK(rows[0].n == std::numeric_limits<int64_t>::max());
  CHECK(rows[0].d == 0.1);
  CHECK(rows[0].t == kText);
  CHECK(rows[0].b == kAllBytes);
  CHECK(rows[1].n == std::numeric_limits<int64_t>::min());
  CHECK(rows[1].d == -1.7976931348623157e308);
  CHECK((rows[1].t.empty() && !rows[1].t_null));
  CHECK((rows[1].b.empty() && !rows[1].b_null));
  CHECK((rows[2].n_null && rows[2].d_null && rows[2].t_null && rows[2].b_null));
  CHECK((rows[2].n == 0 && rows[2].d == 0 && rows[2].t.empty() && rows[2].b.empty()));
  CHECK((rows[3].n == 0 && !rows[3].n_null));
  CHECK(rows[3].d == 5e-324);
  CHECK(rows[3].b == std::string("\0", 1));
  CHECK((rows[4].t == std::string(3 << 20, 'y')));
  CHECK((rows[4].b == std::string(3 << 20, '\xff')));
}

}  // namespace

STORE_CONTRACT("every value comes back as it was stored by a statement", "[store]") {
  MakeTable(backend);
  const absl::Status status = backend.database().Write([](Session& session) -> absl::Status {
    for (const std::vector<Value>& row : kRows) {
      RETURN_IF_ERROR(
          session.Execute("INSERT INTO everything (id, n, d, t, b) VALUES (:p1, :p2, :p3, :p4, :p5)", row).status());
    }
    return absl::OkStatus();
  });
  REQUIRE(status.ToString() == "OK");
  CheckRows(AllOf(backend.database()));
}

STORE_CONTRACT("every value comes back as it was stored in bulk", "[store]") {
  MakeTable(backend);
  constexpr std::string_view kColumns[] = {"id", "n", "d", "t", "b"};
  const absl::Status status =
      backend.database().Write([&](Session& session) { return session.BulkInsert("everything", kColumns, kRows); });
  REQUIRE(status.ToString() == "OK");
  CheckRows(AllOf(backend.database()));
}

STORE_CONTRACT("bulk rows of integers come back and a missing one is NULL", "[store]") {
  REQUIRE(Do(backend.database(), "CREATE TABLE ints (a bigint, b integer, c smallint)").ok());
  constexpr std::string_view kColumns[] = {"a", "b", "c"};
  constexpr int kCount = 100'003;  // more than a COPY buffer
  std::vector<std::vector<int64_t>> values(3);
  for (int64_t i = 0; i < kCount; ++i) {
    values[0].push_back(i * 1'000'000'007 - 50'000'000'000);
    values[1].push_back(i % 7 == 0 ? Session::kNullInt : i * 20'000 - 1'000'000'000);
    values[2].push_back(i % 65'536 - 32'768);
  }
  REQUIRE(backend.database()
              .Write([&](Session& session) { return session.BulkInsertInts("ints", kColumns, values); })
              .ToString() == "OK");
  int64_t at = 0;
  bool same = true;
  const absl::Status read = backend.database().Read([&](Session& session) {
    return session.Query("SELECT a, b, c FROM ints ORDER BY a", {}, [&](const Row& row) {
      same = same && row.Int(0) == values[0][at] && row.Int(2) == values[2][at] && row.IsNull(1) == (at % 7 == 0) &&
             (row.IsNull(1) || row.Int(1) == values[1][at]);
      ++at;
      return absl::OkStatus();
    });
  });
  REQUIRE(read.ToString() == "OK");
  CHECK(at == kCount);
  CHECK(same);
}

STORE_CONTRACT("upserted integers add to what is there or leave it alone", "[store]") {
  REQUIRE(
      Do(backend.database(), "CREATE TABLE facts (k bigint, j bigint, n bigint, m bigint, PRIMARY KEY (k, j))").ok());
  constexpr std::string_view kColumns[] = {"k", "j", "n", "m"};
  const std::vector<std::vector<int64_t>> first = {{1, 1, 2}, {1, 2, 1}, {10, 20, 30}, {Session::kNullInt, 5, 5}};
  const std::vector<std::vector<int64_t>> second = {{1, 2, 3}, {1, 1, 1}, {1, 2, 3}, {7, 8, 9}};
  REQUIRE(backend.database()
              .Write([&](Session& session) -> absl::Status {
                for (int i = 0; i < 4; ++i) {  // often enough to be prepared
                  RETURN_IF_ERROR(
                      session.UpsertInts("facts", kColumns, "k, j", "n = facts.n + excluded.n, m = excluded.m", first));
                }
                RETURN_IF_ERROR(
                    session.UpsertInts("facts", kColumns, "k, j", "n = facts.n + excluded.n, m = excluded.m", second));
                RETURN_IF_ERROR(session.UpsertInts("facts", kColumns, "k, j", "", second));
                return session.UpsertInts("facts", kColumns, "k, j", "", {{}, {}, {}, {}});
              })
              .ToString() == "OK");
  std::string all;
  REQUIRE(backend.database()
              .Read([&](Session& session) {
                return session.Query("SELECT k, j, n, m FROM facts ORDER BY k, j", {}, [&](const Row& row) {
                  for (size_t c = 0; c < row.size(); ++c)
                    all += (row.IsNull(c) ? "null" : std::to_string(row.Int(c))) + " ";
                  all += "; ";
                  return absl::OkStatus();
                });
              })
              .ok());
  CHECK(all == "1 1 41 7 ; 1 2 80 5 ; 2 1 122 8 ; 3 1 3 9 ; ");
}

STORE_CONTRACT("a text with NUL or broken UTF-8 is refused whole", "[store]") {
  MakeTable(backend);
  for (const std::string& bad :
       {std::string("a\0b", 3), std::string("caf\xe9"), std::string("\xed\xa0\x80"), std::string("\xc0\xaf"),
        std::string("0123456\xf5\x80\x80\x80"), std::string("0123456789abcde\0", 16)}) {
    CHECK(Do(backend.database(), "INSERT INTO everything (id, t) VALUES (1, :p1)", {bad}).code() ==
          absl::StatusCode::kInvalidArgument);
    constexpr std::string_view kColumns[] = {"id", "t"};
    const std::vector<std::vector<Value>> rows = {{int64_t{1}, std::string("good")}, {int64_t{2}, bad}};
    CHECK(backend.database()
              .Write([&](Session& session) { return session.BulkInsert("everything", kColumns, rows); })
              .code() == absl::StatusCode::kInvalidArgument);
  }
  CHECK(AllOf(backend.database()).empty());
}

STORE_CONTRACT("a query may read while an inner one writes", "[store]") {
  MakeTable(backend);
  constexpr std::string_view kInsert = "INSERT INTO everything (id, n) VALUES (:p1, :p2)";
  const absl::Status status = backend.database().Write([&](Session& session) -> absl::Status {
    for (int64_t i = 0; i < 10; ++i) RETURN_IF_ERROR(session.Execute(kInsert, {i, i}).status());
    return session.Query(
        "SELECT id FROM everything WHERE id < :p1 ORDER BY id", {int64_t{10}}, [&](const Row& row) -> absl::Status {
          int64_t inner = 0;
          RETURN_IF_ERROR(
              session.Query("SELECT id FROM everything WHERE id < :p1 ORDER BY id", {int64_t{3}}, [&](const Row& own) {
                inner += own.Int(0);
                return absl::OkStatus();
              }));
          return session.Execute("UPDATE everything SET n = :p1 WHERE id = :p2", {inner + row.Int(0), row.Int(0)})
              .status();
        });
  });
  REQUIRE(status.ToString() == "OK");
  const std::vector<Everything> rows = AllOf(backend.database());
  REQUIRE(rows.size() == 10);
  for (int64_t i = 0; i < 10; ++i) CHECK(rows[i].n == 3 + i);
}

STORE_CONTRACT("changed rows are counted and reading counts none", "[store]") {
  MakeTable(backend);
  const absl::Status status = backend.database().Write([&](Session& session) -> absl::Status {
    for (int64_t i = 0; i < 5; ++i)
      CHECK(session.Execute("INSERT INTO everything (id, n) VALUES (:p1, 0)", {i}).value() == 1);
    CHECK(session.Execute("UPDATE everything SET n = 1 WHERE id < :p1", {int64_t{3}}).value() == 3);
    CHECK(session.Execute("UPDATE everything SET n = 1 WHERE id > :p1", {int64_t{30}}).value() == 0);
    CHECK(session.Execute("SELECT id FROM everything").value() == 0);
    CHECK(session.Execute("DELETE FROM everything WHERE n = 1 RETURNING id").value() == 3);
    CHECK(session.Execute("CREATE TABLE another (id bigint)").value() == 0);
    CHECK(session.Execute("INSERT INTO everything (id, n) VALUES (4, 0) ON CONFLICT (id) DO NOTHING").value() == 0);
    return absl::OkStatus();
  });
  CHECK(status.ToString() == "OK");
}

STORE_CONTRACT("one sum or average of many integers can be read", "[store]") {
  MakeTable(backend);
  const absl::Status status = backend.database().Write([&](Session& session) -> absl::Status {
    for (int64_t i = 0; i < 4; ++i) {
      RETURN_IF_ERROR(
          session.Execute("INSERT INTO everything (id, n) VALUES (:p1, :p2)", {i, int64_t{1} << 60}).status());
    }
    return session.Query("SELECT sum(n), avg(id), count(*), max(t), min(n) FROM everything WHERE id < :p1",
                         {int64_t{4}}, [](const Row& row) {
                           CHECK(row.Int(0) == int64_t{1} << 62);
                           CHECK(row.Double(1) == 1.5);
                           CHECK(row.Int(2) == 4);
                           CHECK(row.IsNull(3));
                           CHECK(row.Int(4) == int64_t{1} << 60);
                           return absl::OkStatus();
                         });
  });
  CHECK(status.ToString() == "OK");
}

STORE_CONTRACT("the caller's own error ends a query and is what comes back", "[store]") {
  MakeTable(backend);
  int seen = 0;
  const absl::Status status = backend.database().Write([&](Session& session) -> absl::Status {
    for (int64_t i = 0; i < 5; ++i)
      RETURN_IF_ERROR(session.Execute("INSERT INTO everything (id) VALUES (:p1)", {i}).status());
    const absl::Status stopped = session.Query("SELECT id FROM everything", {}, [&](const Row&) {
      return ++seen == 2 ? absl::CancelledError("enough") : absl::OkStatus();
    });
    CHECK(stopped == absl::CancelledError("enough"));
    return absl::OkStatus();  // which spoils nothing
  });
  CHECK(status.ToString() == "OK");
  CHECK(seen == 2);
  CHECK(AllOf(backend.database()).size() == 5);
}

STORE_CONTRACT("a statement with too few or too many parameters is refused", "[store]") {
  MakeTable(backend);
  CHECK(Do(backend.database(), "INSERT INTO everything (id, n) VALUES (:p1, :p2)", {int64_t{1}}).code() ==
        absl::StatusCode::kInternal);
  CHECK(Do(backend.database(), "INSERT INTO everything (id) VALUES (:p1)", {int64_t{1}, int64_t{2}}).code() ==
        absl::StatusCode::kInternal);
  CHECK(Do(backend.database(), "DELETE FROM everything; DELETE FROM everything").code() == absl::StatusCode::kInternal);
}

}  // namespace compagnon::store
