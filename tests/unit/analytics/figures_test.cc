#include <catch2/catch.hpp>

#include "feed.h"

namespace compagnon::analytics {

bool operator==(const Cell& a, std::pair<int64_t, int64_t> b) {
  return a.numerator == b.first && a.denominator == b.second;
}
std::ostream& operator<<(std::ostream& out, const Cell& c) { return out << c.numerator << '/' << c.denominator; }

namespace {

using test::At;
using test::Feed;
using test::Store;
using Pair = std::pair<int64_t, int64_t>;

STORE_CONTRACT("events become figures of the course", "[figures]") {
  Store s(backend.database());
  Feed feed;
  feed.Course(4, "UTC", "2026-03-02", "2026-03-29");
  feed.Enrol(11, 4, {{"2026-02-20", ""}}, "F")
      .Enrol(12, 4, {{"2026-02-20", "2026-03-12 10:00"}}, "M")
      .Enrol(13, 4, {{"2026-03-10", ""}}, "F");
  feed.Enrol(90, 4, {{"2026-02-20", ""}}, "F", "", "", "", false);
  feed.Act(11, 4, "2026-03-03 08:00")
      .Act(12, 4, "2026-03-09 08:00")
      .Act(13, 4, "2026-03-11 08:00")
      .Act(90, 4, "2026-03-11 08:00");
  feed.Complete(11, 4, "2026-03-15 12:00");
  feed.Cover({{"bridge/a", "2026-02-16", "2026-03-18 00:00"}});
  CHECK(s.Take(feed).taken == 11);
  CHECK(s.Count().believed == 1);

  auto f = s.Figures("sites/sn1/courses/4");
  CHECK(f["2 * * * *"] == Pair{3, 0});
  CHECK(f["2open * * * *"] == Pair{2, 0});
  CHECK(f["7 * * * *"] == Pair{2, 3});  // 12 began on the eighth day
  CHECK(f["17 * * * *"] == Pair{1, 3});
  CHECK(f["21 * * * *"] == Pair{1, 3});
  CHECK(f["9 2026-W10 * * *"] == Pair{1, 2});
  CHECK(f["9 2026-W11 * * *"] == Pair{2, 3});
  CHECK(f["9 2026-W12 * * *"] == Pair{0, 2});
  CHECK(f["2 2026-W08 * * *"] == Pair{2, 0});
  CHECK_FALSE(f.contains("9 2026-W08 * * *"));
  auto by_sex = s.Figures("sites/sn1/courses/4", {.sex = true});
  CHECK(by_sex["21 * M * *"] == Pair{1, 1});
  CHECK(by_sex["9 2026-W11 F * *"] == Pair{1, 2});
}

STORE_CONTRACT("a late event changes the day it happened and not the day it arrived", "[figures]") {
  Store s(backend.database());
  Feed feed;
  feed.Course(4).Enrol(11, 4, {{"2026-03-01", ""}}).Cover({{"bridge/a", "2026-03-01", "2026-03-20"}});
  s.Take(feed);
  s.Count();
  CHECK(s.Figures("sites/sn1/courses/4")["9 2026-W10 * * *"] == Pair{0, 1});
  feed.Act(11, 4, "2026-03-03 08:00");
  s.Take(feed);
  const PassReport pass = s.Count();
  CHECK(pass.courses == 1);
  CHECK(pass.full_courses == 0);
  auto f = s.Figures("sites/sn1/courses/4");
  CHECK(f["9 2026-W10 * * *"] == Pair{1, 1});
  CHECK(f["9 2026-W12 * * *"] == Pair{0, 1});
}

STORE_CONTRACT("a course that cannot be counted keeps the moment its figures were counted for and holds back no other",
               "[figures]") {
  Store s(backend.database());
  Feed feed;
  feed.Course(4).Enrol(11, 4, {{"2026-03-01", ""}}).Course(5).Enrol(12, 5, {{"2026-03-01", ""}});
  feed.Cover({{"bridge/a", "2026-03-01", "2026-03-10"}});
  s.Take(feed);
  s.Count();
  REQUIRE(s.database
              .Write([](store::Session& session) {
                return session.Execute("UPDATE enrolment SET more = 'broken' WHERE course = 4").status();
              })
              .ok());
  feed.Act(11, 4, "2026-03-11 08:00").Act(12, 5, "2026-03-11 08:00");
  feed.Enrol(13, 5, {{"2026-03-11", ""}}).Cover({{"bridge/a", "2026-03-01", "2026-03-20"}});
  s.Take(feed);
  CHECK_FALSE(s.recompute.Pass().ok());
  const auto watermark = [&](int64_t course) {
    const auto set = s.reader.Query({{"sn1", course, std::nullopt}, {}, {}, true});
    REQUIRE(set.ok());
    return (*set)->site.watermark_us;
  };
  CHECK(watermark(4) == At("2026-03-10"));
  CHECK(watermark(5) == At("2026-03-20"));
  CHECK(s.Figures("sites/sn1/courses/5")["2 * * * *"] == Pair{2, 0});
  const auto lines = s.reader.Cohorts({"*"}, std::nullopt, 10);
  REQUIRE(lines.ok());
  REQUIRE(lines->size() == 2);
  CHECK((*lines)[0].watermark_us == At("2026-03-10"));
  CHECK((*lines)[1].watermark_us == At("2026-03-20"));
}

STORE_CONTRACT("a course with nothing new states the site's new T without being counted again", "[figures]") {
  Store s(backend.database());
  Feed feed;
  feed.Course(4).Enrol(11, 4, {{"2026-03-01", ""}}).Cover({{"bridge/a", "2026-03-01", "2026-03-10"}});
  s.Take(feed);
  s.Count();
  const auto watermark = [&] { return (*s.reader.Query({{"sn1", 4, std::nullopt}, {}, {}, true}))->site.watermark_us; };
  CHECK(watermark() == At("2026-03-10"));
  feed.Cover({{"bridge/a", "2026-03-01", "2026-03-10 06:00"}});
  s.Take(feed);
  CHECK(s.Count().courses == 0);
  CHECK(watermark() == At("2026-03-10 06:00"));
}

STORE_CONTRACT("a day on which too much was pulled does not make good for another day's loss", "[figures]") {
  Store s(backend.database());
  Feed feed;
  feed.Course(4).Enrol(11, 4, {{"2026-03-01", ""}});
  feed.Counted("2026-03-08", 50, 100).Counted("2026-03-09", 150, 100);
  feed.Cover({{"bridge/a", "2026-03-01", "2026-03-10"}});
  s.Take(feed);
  s.Count();
  const auto recent = s.reader.RecentCompleteness("sn1");
  REQUIRE((recent.ok() && recent->has_value()));
  CHECK(**recent == Pair{150, 200});
}

}  // namespace
}  // namespace compagnon::analytics
