#include "edge/csv.h"

#include <catch2/catch.hpp>

namespace compagnon::edge {
namespace {

constexpr char kMark[] = "\xef\xbb\xbf";

std::string Neutral(std::string_view text, size_t piece = 1000) {
  CsvNeutraliser neutraliser;
  std::string out;
  for (size_t at = 0; at < text.size(); at += piece) out += neutraliser.Take(text.substr(at, piece));
  return out + neutraliser.End();
}

}  // namespace

TEST_CASE("a cell that a spreadsheet would run gets an apostrophe") {
  CHECK(Neutral("a,=1+1\r\n") == std::string(kMark) + "a,'=1+1\r\n");
  CHECK(Neutral("\"=HYPERLINK(\"\"x\"\")\",b\r\n") == std::string(kMark) + "\"'=HYPERLINK(\"\"x\"\")\",b\r\n");
  for (const char* risky : {"+cmd", "-cmd", "@sum", "\tx", "-", "+1+1", "-2,5,5", "=1"}) {
    INFO(risky);
    CHECK(Neutral("\"" + std::string(risky) + "\"") == std::string(kMark) + "\"'" + risky + "\"");
  }
}

TEST_CASE("numbers keep their sign and texts stay as they are") {
  for (const char* plain :
       {"-5", "+8", "-1.25", "0", "", "Awa", "a=b", "x-1", "\"quoted, with comma\"", "\"a \"\"b\"\"\""}) {
    INFO(plain);
    CHECK(Neutral(std::string(plain) + ",z\r\n") == std::string(kMark) + plain + ",z\r\n");
  }
}

TEST_CASE("pieces may be cut anywhere") {
  const std::string text = "code,nom\r\n9,\"=a \"\"b\"\", c\"\r\n,-x\r\n@y";
  const std::string whole = Neutral(text);
  for (size_t piece = 1; piece < 9; ++piece) CHECK(Neutral(text, piece) == whole);
  CHECK(whole == std::string(kMark) + "code,nom\r\n9,\"'=a \"\"b\"\", c\"\r\n,'-x\r\n'@y");
}

TEST_CASE("a line break inside quotes ends no field") {
  CHECK(Neutral("\"a\n=b\",c") == std::string(kMark) + "\"a\n=b\",c");
}

TEST_CASE("a source that refuses is known before anything is sent") {
  CsvStream stream([](const BodySink&) { return absl::PermissionDeniedError("no"); });
  CHECK(absl::IsPermissionDenied(stream.Begin()));
}

TEST_CASE("a source that breaks off breaks the copy off") {
  CsvStream stream([](const BodySink& sink) -> absl::Status {
    RETURN_IF_ERROR(sink("a,b\r\n"));
    return absl::UnavailableError("gone");
  });
  REQUIRE(stream.Begin().ok());
  std::string got;
  CHECK(absl::IsUnavailable(stream.Copy([&](std::string_view piece) {
    got += piece;
    return absl::OkStatus();
  })));
  CHECK(got == std::string(kMark) + "a,b\r\n");
}

TEST_CASE("a copy nobody finishes lets its source end") {
  bool told = false;
  {
    CsvStream stream([&](const BodySink& sink) -> absl::Status {
      while (true) {
        if (const absl::Status status = sink("x\r\n"); !status.ok()) {
          told = true;
          return status;
        }
      }
    });
    REQUIRE(stream.Begin().ok());
    CHECK_FALSE(stream.Copy([](std::string_view) { return absl::CancelledError("left"); }).ok());
  }
  CHECK(told);
}

TEST_CASE("an empty file is only its mark of order") {
  CsvStream stream([](const BodySink&) { return absl::OkStatus(); });
  REQUIRE(stream.Begin().ok());
  CHECK(stream.Copy([](std::string_view) { return absl::OkStatus(); }).ok());
}

TEST_CASE("a file's name is harmless whatever the cohort is called") {
  const absl::Time day = absl::FromUnixSeconds(1773945000);
  CHECK(CsvFileName("sites/sn1/courses/4/cohorts/A", day) == "sn1-4-A-2026-03-19.csv");
  CHECK(CsvFileName("sites/sn1/courses/4/cohorts/a\"\r\nb/é", day).find_first_of("\"\r\n/") == std::string::npos);
}

}  // namespace compagnon::edge
