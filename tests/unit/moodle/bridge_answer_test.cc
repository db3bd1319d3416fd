#include <catch2/catch.hpp>

#include "moodle/intake/bridge_parser.h"
#include "unit/moodle/bridge_row_text.h"

namespace compagnon::moodle {
namespace {

using test::Lines;
using test::PullAnswer;
using test::Row;

PullPage Parse(const std::string& lines, int64_t after, int64_t latest, bool keep_raw = false) {
  BridgeParser parser;
  auto page = parser.Pull(PullAnswer(lines, after + 1, latest), after, keep_raw);
  REQUIRE(page.ok());
  return *std::move(page);
}

TEST_CASE("a page of the bridge is read with ids as integers whether they came as numbers or as text") {
  auto row = Row(1);
  row["other"] = {
      {"itemid", "117"}, {"overridden", false}, {"finalgrade", 71.5}, {"deep", {{"x", 1}}}, {"none", nullptr}};
  row["realuserid"] = "2";
  row["state"] = {{"id", 4}};
  const PullPage page = Parse(Lines({row, Row(2)}), 0, 2, true);
  REQUIRE(page.events.size() == 2);
  const MoodleEvent& e = page.events[0];
  CHECK(e.seq == 1);
  CHECK(e.user == 1251);
  CHECK(e.context_instance == 4);
  CHECK(e.related_user == 0);
  CHECK(e.real_user == 2);
  CHECK(e.occurred_us == 1795282519000001);
  CHECK(e.other.at("itemid") == "117");
  CHECK(e.other.at("overridden") == "0");
  CHECK(e.other.at("finalgrade") == "71.5");
  CHECK(e.other.count("deep") == 0);
  CHECK(e.state_json == "{\"id\":4}");
  CHECK(e.raw == row.dump());
  CHECK(e.content_hash.size() == 32);
  CHECK(page.next == 2);
  CHECK(page.counted == std::vector<DayCount>{{20778, 2}});
}

TEST_CASE("fields the protocol does not know are passed over") {
  auto row = Row(1);
  row["novelty"] = {{"a", {1, 2, 3}}};
  CHECK(Parse(Lines({row}), 0, 1).events.size() == 1);
}

TEST_CASE("a malformed row is set aside and the rows after it are kept") {
  const std::string lines = Lines({Row(1)}) + "{\"seq\":2,\"broken\":\n" + Lines({Row(3)});
  const PullPage page = Parse(lines, 0, 3);
  CHECK(page.events.size() == 2);
  REQUIRE(page.rejected.size() == 1);
  CHECK(page.rejected[0].seq == 2);
  CHECK(page.rejected[0].reason == "broken_json");
  CHECK(page.missing.empty());
  CHECK(page.next == 3);
}

TEST_CASE("a line without a readable seq explains the hole it left") {
  const PullPage page = Parse(Lines({Row(1)}) + "garbage\n" + Lines({Row(3)}), 0, 3);
  CHECK(page.rejected.size() == 1);
  CHECK(page.missing.empty());
  CHECK(page.next == 3);
}

TEST_CASE("a page that ends in garbage moves past it instead of asking for it for ever") {
  const PullPage page = Parse(Lines({Row(1)}) + "garbage\n", 0, 2);
  CHECK(page.next == 2);
  CHECK(Parse("garbage\n", 0, 2).next == 1);
}

TEST_CASE("a missing seq is told as a span and does not stop the page") {
  const PullPage page = Parse(Lines({Row(1), Row(5), Row(6)}), 0, 6);
  CHECK(page.events.size() == 3);
  REQUIRE(page.missing.size() == 1);
  CHECK(page.missing[0] == std::make_pair<int64_t, int64_t>(2, 4));
  CHECK(page.next == 6);
}

TEST_CASE("rows already taken and rows served twice are taken once") {
  const PullPage page = Parse(Lines({Row(3), Row(4), Row(4), Row(5)}), 3, 5);
  REQUIRE(page.events.size() == 2);
  CHECK(page.events[0].seq == 4);
  CHECK(page.duplicates == 2);
}

TEST_CASE("rows out of order come out in order") {
  const PullPage page = Parse(Lines({Row(3), Row(1), Row(2)}), 0, 3);
  REQUIRE(page.events.size() == 3);
  CHECK(page.events[0].seq == 1);
  CHECK(page.missing.empty());
  CHECK(page.duplicates == 0);
}

TEST_CASE("bytes that are no UTF-8 cost their character and nothing else") {
  auto row = Row(1);
  row["uuid"] = "HERE";
  std::string body = PullAnswer(Lines({row, Row(2)}), 1, 2);
  body.replace(body.find("HERE"), 4, "a\xff\xc0z");
  BridgeParser parser;
  const auto page = parser.Pull(body, 0, false);
  REQUIRE(page.ok());
  REQUIRE(page->events.size() == 2);
  CHECK(page->repaired == 2);
  CHECK(page->events[0].uuid == "a\xEF\xBF\xBD\xEF\xBF\xBDz");
}

TEST_CASE("a row of five megabytes is set aside and its neighbours are kept") {
  auto row = Row(2);
  row["state"] = {{"text", std::string(5 << 20, 'x')}};
  const PullPage page = Parse(Lines({Row(1), row, Row(3)}), 0, 3);
  CHECK(page.events.size() == 2);
  REQUIRE(page.rejected.size() == 1);
  CHECK(page.rejected[0].seq == 2);
  CHECK(page.rejected[0].reason == "row_too_large");
  CHECK(page.rejected[0].bytes > 5 << 20);
  CHECK(page.missing.empty());
}

TEST_CASE("of a row that is set aside nothing is kept that could tell a person") {
  auto row = Row(1);
  row["userid"] = {{"name", "Awa Diop"}};
  row["other"] = {{"email", "awa.diop@example.org"}};
  auto nameless = Row(2);
  nameless["eventname"] = "awa.diop@example.org";
  const PullPage page = Parse(Lines({row, nameless}) + "{\"seq\":3,\"firstname\":\"Awa\n", 0, 3);
  REQUIRE(page.rejected.size() == 3);
  for (const RejectedRow& rejected : page.rejected) {
    CHECK((rejected.event_name + rejected.reason + rejected.digest).find("wa") == std::string::npos);
    CHECK(rejected.digest.size() == 64);
    CHECK(rejected.bytes > 0);
  }
  CHECK(page.rejected[1].event_name.empty());
  CHECK(page.rejected[2].seq == 3);
  // printf '{"seq":3,"firstname":"Awa' | sha256sum
  CHECK(page.rejected[2].digest == "8a4cd69c5622a8b0fb9030aa06c5c945ae2ca9cb63ea33dbde4bedaf87e3f162");
}

TEST_CASE("a row of the bridge that does not say whether it is anonymous counts as anonymous") {
  auto missing = Row(1), null = Row(2), empty = Row(3), zero_text = Row(4), one_text = Row(5);
  missing.erase("anonymous");
  null["anonymous"] = nullptr;
  empty["anonymous"] = "";
  zero_text["anonymous"] = "0";
  one_text["anonymous"] = "1";
  const PullPage page = Parse(Lines({missing, null, empty, zero_text, one_text, Row(6)}), 0, 6);
  REQUIRE(page.events.size() == 6);
  for (const MoodleEvent& event : page.events) {
    CAPTURE(event.seq);
    CHECK(event.anonymous == (event.seq != 4 && event.seq != 6));
  }
}

TEST_CASE("fields of the wrong kind set their row aside") {
  for (const auto& [field, value] :
       std::vector<std::pair<std::string, nlohmann::json>>{{"eventname", "no leading backslash"},
                                                           {"eventname", "\\core\\event\\x y@example.org"},
                                                           {"userid", "12x"},
                                                           {"crud", "z"},
                                                           {"userid", {1}},
                                                           {"occurred", -5},
                                                           {"timecreated", "soon"},
                                                           {"contextlevel", -1}}) {
    auto row = Row(1);
    row[field] = value;
    CAPTURE(field, value.dump());
    const PullPage page = Parse(Lines({row, Row(2)}), 0, 2);
    CHECK(page.events.size() == 1);
    CHECK(page.rejected.size() == 1);
    CHECK(page.next == 2);
  }
}

TEST_CASE("a page without lines while rows are said to exist is a span that is missing") {
  const PullPage page = Parse("", 10, 15);
  REQUIRE(page.missing.size() == 1);
  CHECK(page.missing[0] == std::make_pair<int64_t, int64_t>(11, 15));
  CHECK(page.next == 15);
}

TEST_CASE("an answer of another protocol is refused as a whole") {
  BridgeParser parser;
  CHECK_FALSE(parser.Pull("{\"protocol\":2,\"epoch\":\"e\",\"events\":\"\"}", 0, false).ok());
  CHECK_FALSE(parser.Pull("[]", 0, false).ok());
  CHECK_FALSE(parser.Pull("{\"protocol\":1,\"epoch\":\"e\"}", 0, false).ok());
  CHECK_FALSE(parser.Pull("{\"protocol\":1,\"epoch\":\"e\",\"events\":\"", 0, false).ok());
  CHECK_FALSE(parser.Pull("", 0, false).ok());
}

TEST_CASE("one parser reads page after page") {
  BridgeParser parser;
  for (int64_t n = 0; n < 50; ++n) {
    const auto page = parser.Pull(PullAnswer(Lines({Row(n + 1)}), n + 1, n + 1), n, false);
    REQUIRE(page.ok());
    REQUIRE(page->events.size() == 1);
    CHECK(page->events[0].seq == n + 1);
  }
}

TEST_CASE("an export page gives the states and counts lines that are none") {
  BridgeParser parser;
  const auto page = parser.Export(
      R"({"protocol":1,"epoch":"e1","fingerprint":"f","kind":"users","as_of":12,"next":7,"done":0,"total":9,
      "rows":"{\"id\":6,\"state\":{\"id\":6,\"username\":\"l6\"}}\n{\"id\":7,\"state\":null}\nbad\n"})");
  REQUIRE(page.ok());
  CHECK(page->rows == std::vector<std::string>{R"({"id":6,"username":"l6"})"});
  CHECK(page->rejected == 2);
  CHECK(page->as_of == 12);
  CHECK(page->next == 7);
  CHECK_FALSE(page->done);
}

TEST_CASE("the plugin's status is read with what it warns of") {
  BridgeParser parser;
  const auto status = parser.Status(
      R"({"protocol":1,"site":"s","epoch":"e1","fingerprint":"f","pluginversion":2026112100,"release":"1.0","dbfamily":"postgres",
      "latest":5,"oldest":1,"unnumbered":2,"depth":3,"oldest_unsent":7,"faults":1,"counts":[{"day":"1970-01-02","rows":4},{"day":"no","rows":1}],
      "subscribers":[{"name":"compagnon","upto":2,"lastpull":1}],"warnings":[{"code":"one_ip"}],"novelty":[1]})");
  REQUIRE(status.ok());
  CHECK(status->plugin_version == "2026112100");
  CHECK(status->counts == std::vector<DayCount>{{1, 4}});
  CHECK(status->subscribers == std::vector<std::string>{"compagnon"});
  CHECK(status->warnings == std::vector<std::string>{"one_ip"});
}

}  // namespace
}  // namespace compagnon::moodle
