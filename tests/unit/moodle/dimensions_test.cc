#include "moodle/domain/dimensions.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "moodle/api/dimensions_file.h"
#include "moodle/domain/age.h"
#include "moodle/domain/local_day.h"

namespace compagnon::moodle {
namespace {

absl::TimeZone Zone(const std::string& name) {
  absl::TimeZone zone;
  REQUIRE(absl::LoadTimeZone(name, &zone));
  return zone;
}
int32_t Day(int year, int month, int day) {
  return static_cast<int32_t>(absl::CivilDay(year, month, day) - absl::CivilDay(1970, 1, 1));
}
int64_t Utc(int year, int month, int day, int hour, int minute = 0) {
  return absl::ToUnixMicros(absl::FromCivil(absl::CivilSecond(year, month, day, hour, minute), absl::UTCTimeZone()));
}

TEST_CASE("the local day changes at local midnight, summer and winter", "[dimensions]") {
  const absl::TimeZone paris = Zone("Europe/Paris");
  CHECK(LocalDayOf(Utc(2026, 1, 10, 22, 59), paris) == Day(2026, 1, 10));
  CHECK(LocalDayOf(Utc(2026, 1, 10, 23), paris) == Day(2026, 1, 11));
  CHECK(LocalDayOf(Utc(2026, 7, 10, 22), paris) == Day(2026, 7, 11));
}

TEST_CASE("midnight is the earliest instant of its day, also where clocks jump", "[dimensions]") {
  CHECK(MidnightOf(Day(2026, 3, 29), Zone("Europe/Paris")) == Utc(2026, 3, 28, 23));
  CHECK(MidnightOf(Day(2026, 3, 30), Zone("Europe/Paris")) == Utc(2026, 3, 29, 22));
  // Beirut's clocks jumped from 00:00 to 01:00 on 27 March 2022: that day began at the jump.
  CHECK(MidnightOf(Day(2022, 3, 27), Zone("Asia/Beirut")) == Utc(2022, 3, 26, 22));
  // Havana's clocks went back from 01:00 to 00:00 on 6 November 2022: midnight came twice, and the first counts.
  CHECK(MidnightOf(Day(2022, 11, 6), Zone("America/Havana")) == Utc(2022, 11, 6, 4));
  CHECK(MidnightOf(Day(2026, 2, 1), Zone("Asia/Kathmandu")) == Utc(2026, 1, 31, 18, 15));
}

TEST_CASE("every instant of a day lies between its midnights", "[dimensions]") {
  for (const char* name :
       {"Europe/Paris", "America/Havana", "Asia/Beirut", "Africa/Dakar", "Pacific/Apia", "Antarctica/Troll"}) {
    const absl::TimeZone zone = Zone(name);
    for (int64_t at = Utc(2011, 12, 20, 0); at < Utc(2012, 1, 10, 0); at += 3600 * int64_t{1000000}) {
      const int32_t day = LocalDayOf(at, zone);
      INFO(name << " " << at);
      CHECK(MidnightOf(day, zone) <= at);
      CHECK(at < MidnightOf(day + 1, zone));
    }
  }
}

TEST_CASE("dates are read as dates or as seconds of their local day", "[dimensions]") {
  const absl::TimeZone dakar = Zone("Africa/Dakar");
  CHECK(DayFromText("2013-10-05", dakar) == Day(2013, 10, 5));
  CHECK(DayFromText(" 2013-10-05 ", dakar) == Day(2013, 10, 5));
  CHECK(DayFromText("1380924000", Zone("Europe/Paris")) == Day(2013, 10, 5));
  CHECK(DayFromText("1380924000", dakar) == Day(2013, 10, 4));
  for (const char* none : {"", "0", "2013-13-05", "05/10/2013", "2013-10", "soon", "99999999999999999999"}) {
    INFO(none);
    CHECK_FALSE(DayFromText(none, dakar).has_value());
  }
}

TEST_CASE("age is whole years, and who is born on 29 February ages on 1 March of common years", "[dimensions]") {
  CHECK(AgeInYears(Day(2000, 2, 29), Day(2025, 2, 28)) == 24);
  CHECK(AgeInYears(Day(2000, 2, 29), Day(2025, 3, 1)) == 25);
  CHECK(AgeInYears(Day(2000, 2, 29), Day(2024, 2, 29)) == 24);
  CHECK(AgeInYears(Day(1990, 6, 15), Day(2026, 6, 14)) == 35);
  CHECK(AgeInYears(Day(1990, 6, 15), Day(2026, 6, 15)) == 36);
}

TEST_CASE("bands hold their bounds, and an impossible age is unknown", "[dimensions]") {
  const std::vector<int> bounds = StandardAgeBounds();
  const auto of = [&](int years) { return AgeBand(Day(2026 - years, 1, 1), Day(2026, 1, 1), bounds); };
  CHECK(of(17) == "<18");
  CHECK(of(18) == "18-24");
  CHECK(of(24) == "18-24");
  CHECK(of(25) == "25-35");
  CHECK(of(35) == "25-35");
  CHECK(of(36) == ">35");
  CHECK(of(-1) == "");
  CHECK(of(140) == "");
}

TEST_CASE("patterns match whole texts", "[dimensions]") {
  CHECK(Fits("PROMO-*", "PROMO-2026-A"));
  CHECK(Fits("*", ""));
  CHECK(Fits("a*b*c", "aXXbYYbZc"));
  CHECK(Fits("A?C", "ABC"));
  CHECK_FALSE(Fits("A?C", "AC"));
  CHECK_FALSE(Fits("PROMO-*", "X-PROMO-1"));
  CHECK_FALSE(Fits("abc", "abcd"));
}

DimensionFacts Facts(std::map<std::string, std::string> fields) {
  DimensionFacts facts;
  facts.person_field = [fields](std::string_view field) {
    auto found = fields.find(std::string(field));
    return found == fields.end() ? std::string() : found->second;
  };
  facts.course_field = [](std::string_view) { return std::string(); };
  facts.start_day = Day(2026, 1, 1);
  return facts;
}

TEST_CASE("the example mapping parses and means what it says", "[dimensions]") {
  std::ifstream file("deploy/dimensions.example.toml");
  REQUIRE(file);
  std::stringstream text;
  text << file.rdbuf();
  const auto map = ParseDimensions(text.str(), "dimensions.example.toml");
  INFO(map.status());
  REQUIRE(map.ok());

  DimensionFacts facts = Facts({{"profile:genre", "Femme"},
                                {"user:country", "ML"},
                                {"profile:milieu", "Rural"},
                                {"profile:datenaissance", "946684800"}});
  const DimensionValues values = ValuesOf(map->Of("elsewhere"), facts, absl::UTCTimeZone());
  CHECK(values.sex == "F");
  CHECK(values.country == "ML");
  CHECK(values.area == "rural");
  CHECK(values.age_band == "25-35");

  DimensionFacts sn1 = Facts({{"profile:sexe", "X"}, {"profile:naissance", "31/12/2008"}, {"user:country", "FR"}});
  sn1.categories = {{3, "Sénégal 2026", ""}};
  sn1.cohorts = {{9, "RURAL-2", ""}};
  const DimensionValues there = ValuesOf(map->Of("sn1"), sn1, absl::UTCTimeZone());
  CHECK(there.sex == "");
  CHECK(there.country == "SN");
  CHECK(there.area == "rural");
  CHECK(there.age_band == "<18");
}

TEST_CASE("a band found in a source is kept and comes before the birth date", "[dimensions]") {
  const SiteMapping standard = SiteMapping::Standard();
  CHECK(ValuesOf(standard, Facts({{"given:age_band", "55<="}, {"given:birth_date", "2000-01-01"}}), absl::UTCTimeZone())
            .age_band == "55<=");
  CHECK(ValuesOf(standard, Facts({{"given:birth_date", "2000-01-02"}}), absl::UTCTimeZone()).age_band == "25-35");
  CHECK(ValuesOf(standard, Facts({{"given:birth_date", "2001-01-02"}}), absl::UTCTimeZone()).age_band == "18-24");
}

TEST_CASE("a birth date before 1970 is read from Moodle's negative seconds", "[dimensions]") {
  SiteMapping mapping = SiteMapping::Standard();
  mapping.birth_date.push_back({ValueSource::kProfileField, "born", {}});
  CHECK(ValuesOf(mapping, Facts({{"profile:born", "-315619200"}}), absl::UTCTimeZone()).age_band == ">35");
}

TEST_CASE("the first cohort rule that fits decides", "[dimensions]") {
  SiteMapping mapping = SiteMapping::Standard();
  mapping.cohorts = {{true, "PROMO-*", "", ""}, {false, "Dakar*", "dakar", "Dakar et région"}};
  const NamedSet groups[] = {{1, "Dakar 2", ""}, {2, "Thiès", ""}};
  const NamedSet cohorts[] = {{7, "Promotion 2026-A", "PROMO-2026-A"}};
  CHECK(CohortOf(mapping, groups, cohorts).code == "PROMO-2026-A");
  CHECK(CohortOf(mapping, groups, cohorts).title == "Promotion 2026-A");
  CHECK(CohortOf(mapping, groups, {}).code == "dakar");
  CHECK(CohortOf(mapping, {}, {}).code == "");
}

TEST_CASE("a cohort code is fit for a resource path", "[dimensions]") {
  CHECK(CohortCode(" Promo 2026/A ") == "Promo-2026-A");
  CHECK(CohortCode("مجموعة") == "مجموعة");
}

TEST_CASE("role short names say more than stock ids, and --map more than both", "[dimensions]") {
  const SiteMapping standard = SiteMapping::Standard();
  CHECK(RoleOf(standard, {}, 5, "") == CourseRole::kLearner);
  CHECK(RoleOf(standard, {}, 5, "teacher") == CourseRole::kTutor);
  CHECK(RoleOf(standard, {}, 11, "student") == CourseRole::kLearner);
  CHECK(RoleOf(standard, {}, 11, "") == CourseRole::kNone);
  CHECK(RoleOf(standard, {{"5", CourseRole::kNone}}, 5, "student") == CourseRole::kNone);
}

TEST_CASE("every mistake in the mapping is told at once, with its line", "[dimensions]") {
  const auto map = ParseDimensions(R"([default]
age_bands = [18, 12]
colour = 1
[[default.sex]]
profile_field = "genre"
group = "x"
values = { "Femme" = "W" }
[sites.Bad_Code]
learner_roles = []
)",
                                   "d.toml");
  REQUIRE_FALSE(map.ok());
  const std::string message(map.status().message());
  INFO(message);
  for (const char* part : {"d.toml:2:", "d.toml:3:", "d.toml:4:", "Bad_Code", "learner_roles"})
    CHECK(message.find(part) != std::string::npos);
  CHECK(std::count(message.begin(), message.end(), '\n') >= 4);
}

TEST_CASE("a mapping that is not TOML names the line", "[dimensions]") {
  const auto map = ParseDimensions("[default]\nage_bands = [\n", "d.toml");
  REQUIRE_FALSE(map.ok());
  CHECK(std::string(map.status().message()).find("d.toml:") == 0);
}

}  // namespace
}  // namespace compagnon::moodle
