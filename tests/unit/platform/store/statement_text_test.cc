#include "platform/store/statement_text.h"

#include <catch2/catch.hpp>

#include "platform/store/binary_format.h"

namespace compagnon::store {

TEST_CASE("parameters get the back end's own markers", "[store]") {
  const StatementText text = NumberParameters("SELECT :p2, :p1 WHERE a=:p1 AND b IN (:p10,:p3)", '$');
  CHECK(text.sql == "SELECT $2, $1 WHERE a=$1 AND b IN ($10,$3)");
  CHECK(text.parameters == 10);
  CHECK(NumberParameters("INSERT INTO t VALUES (:p1)", '?').sql == "INSERT INTO t VALUES (?1)");
}

TEST_CASE("what only looks like a parameter is left alone", "[store]") {
  for (const char* sql : {
           "SELECT ':p1', '''quoted'' :p1' FROM \"a:p1\"",
           "SELECT x::p1, y::bigint -- :p1",
           "SELECT 1 /* :p1 /* :p1 */ :p1 */",
           "DO $body$ BEGIN PERFORM ':p1', :p1; END $body$",
           "DO $$ :p1 $$",
           "SELECT E'it\\'s :p1', :px, :p1x, :pq1, a[1:2], :p0",
           "SELECT 'unfinished :p1",
           "SELECT /* unfinished :p1",
           ":",
           "::",
           ":p",
           "$",
           "E'\\",
       }) {
    const StatementText text = NumberParameters(sql, '$');
    CHECK(text.sql == sql);
    CHECK(text.parameters == 0);
  }
  CHECK(NumberParameters("SELECT 'a\\', :p1::bigint, price$1, '$$', :p2", '$').sql ==
        "SELECT 'a\\', $1::bigint, price$1, '$$', $2");
  CHECK(NumberParameters("-- :p1\n:p1", '$').sql == "-- :p1\n$1");
}

TEST_CASE("a migration is cut at lines that hold the separator only", "[store]") {
  CHECK(SplitStatements(
            "CREATE TABLE a (x text DEFAULT '--;')\n  --;  \n\n--;\nCREATE INDEX b ON a (x) --; not here\n") ==
        std::vector<std::string>{"CREATE TABLE a (x text DEFAULT '--;')", "CREATE INDEX b ON a (x) --; not here"});
  CHECK(SplitStatements("").empty());
  CHECK(SplitStatements("\n \n").empty());
  CHECK(SplitStatements("SELECT 1\n--;") == std::vector<std::string>{"SELECT 1"});
  CHECK(SplitStatements("SELECT 1\r\n--;\r\nSELECT 2") == std::vector<std::string>{"SELECT 1", "SELECT 2"});
}

TEST_CASE("only UTF-8 without NUL is text", "[store]") {
  for (const char* good : {"", "a", "12345678", "123456789", "é", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf", "\xee\x80\x80",
                           "1234567é", "العربية"}) {
    CHECK(IsStorableText(good));
  }
  for (const std::string& bad :
       {std::string("\0", 1), std::string("12345678\0", 9), std::string("1234\0abc", 8), std::string("\x80"),
        std::string("\xc3"), std::string("1234567\xc3"), std::string("\xc1\xbf"), std::string("\xe0\x9f\xbf"),
        std::string("\xed\xa0\x80"), std::string("\xf0\x8f\xbf\xbf"), std::string("\xf4\x90\x80\x80"),
        std::string("\xf8\x88\x80\x80\x80"), std::string("\xff")}) {
    CHECK_FALSE(IsStorableText(bad));
  }
}

TEST_CASE("rows of integers take each column's own width in a COPY stream", "[store]") {
  const std::vector<std::vector<int64_t>> values = {{1, -2}, {-9, 0x01020304}, {99, INT16_MIN}};
  std::string out;
  REQUIRE(AppendIntRows(&out, values, {8, 4, 2}, 0, 2, -9));
  const std::string expected(
      "\0\3"
      "\0\0\0\x08\0\0\0\0\0\0\0\1"
      "\xff\xff\xff\xff"
      "\0\0\0\2\0\x63"
      "\0\3"
      "\0\0\0\x08\xff\xff\xff\xff\xff\xff\xff\xfe"
      "\0\0\0\4\1\2\3\4"
      "\0\0\0\2\x80\0",
      24 + 28);
  CHECK(out == expected);
  CHECK_FALSE(AppendIntRows(&out, {{int64_t{1} << 31}}, {4}, 0, 1, -9));
  CHECK_FALSE(AppendIntRows(&out, {{-32769}}, {2}, 0, 1, -9));
}

TEST_CASE("an array of integers is PostgreSQL's binary array", "[store]") {
  CHECK(BinaryInt8Array({}, -1) == std::string("\0\0\0\0\0\0\0\0\0\0\0\x14", 12));
  CHECK(BinaryInt8Array({5, -1}, -1) == std::string("\0\0\0\1\0\0\0\1\0\0\0\x14\0\0\0\2\0\0\0\1"
                                                    "\0\0\0\x08\0\0\0\0\0\0\0\5"
                                                    "\xff\xff\xff\xff",
                                                    36));
}

}  // namespace compagnon::store
