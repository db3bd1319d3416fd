#include <zlib.h>

#include <catch2/catch.hpp>

#include "moodle/domain/php_serialize.h"
#include "moodle/domain/slim.h"
#include "moodle/domain/taken_ids.h"
#include "moodle/import/line_file.h"
#include "moodle/import/log_batches.h"
#include "moodle/intake/log_row.h"
#include "unit/moodle/moodle_store_fixture.h"

namespace compagnon::moodle {
namespace {

constexpr const char* kRow =
    R"({"id":7,"eventname":"\\core\\event\\course_viewed","component":"core","action":"viewed","target":"course","objecttable":null,"objectid":null,"crud":"r","edulevel":2,"contextid":2,"contextlevel":50,"contextinstanceid":4,"userid":12,"courseid":4,"relateduserid":null,"anonymous":0,"other":"null","timecreated":1795281392,"origin":"web","ip":"127.0.0.1","realuserid":null})";

std::string Row(int64_t id) {
  std::string row = kRow;
  return row.replace(row.find("\"id\":7"), 6, "\"id\":" + std::to_string(id));
}

std::string Gzip(const std::string& text) {
  const std::string path = ".run/tests/" + std::to_string(::getpid()) + ".gz";
  std::filesystem::create_directories(".run/tests");
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  std::ifstream in(path, std::ios::binary);
  std::stringstream packed;
  packed << in.rdbuf();
  std::filesystem::remove(path);
  return packed.str();
}

struct Read {
  std::vector<MoodleEvent> events;
  std::vector<RefusedLine> refused;
  int64_t cut_off = 0;
  absl::Status end;
};

absl::StatusOr<Read> ReadAll(const std::string& path, size_t batch_size = 3) {
  ASSIGN_OR_RETURN(std::unique_ptr<LogBatches> batches, LogBatches::Open(path, batch_size));
  Read read;
  LogBatch batch;
  do {
    batches->Next(&batch);
    for (size_t i = 0; i < batch.size; ++i) read.events.push_back(batch.events[i]);
    for (const RefusedLine& line : batch.refused) read.refused.push_back(line);
    if (batch.cut_off_line > 0) read.cut_off = batch.cut_off_line;
  } while (batch.end.ok());
  read.end = batch.end;
  return read;
}

absl::Status FromJson(std::string text, MoodleEvent* event) {
  LogRowReader reader;
  const size_t length = text.size();
  text.resize(length + kJsonPadding, '#');
  return reader.FromJson(std::string_view(text).substr(0, length), event);
}

TEST_CASE("a log row becomes an event in proper types", "[import]") {
  MoodleEvent event;
  Fine(FromJson(kRow, &event));
  CHECK(event.seq == 7);
  CHECK(event.name == "\\core\\event\\course_viewed");
  CHECK(event.user == 12);
  CHECK(event.course == 4);
  CHECK(event.object_id == 0);
  CHECK(event.occurred_us == 1795281392000000);
  CHECK(event.recorded_us == event.occurred_us);
  CHECK(event.edulevel == 2);
  CHECK_FALSE(event.anonymous);
  CHECK(event.other.empty());
}

TEST_CASE("numeric strings are numbers and Moodle's ways of saying nothing are null", "[import]") {
  MoodleEvent event;
  Fine(FromJson(
      R"({"id":"9","eventname":"\\core\\event\\user_graded","userid":"-1","courseid":"5","relateduserid":"NULL","objectid":"\\N","timecreated":"1795281392","anonymous":"0","realuserid":""})",
      &event));
  CHECK(event.seq == 9);
  CHECK(event.user == 0);
  CHECK(event.related_user == 0);
  CHECK(event.object_id == 0);
  CHECK(event.real_user == 0);
}

TEST_CASE("a real user of 0 is somebody else, not nobody in particular", "[import]") {
  MoodleEvent event;
  Fine(FromJson(R"({"id":9,"eventname":"\\x","userid":3,"courseid":5,"timecreated":1,"realuserid":0})", &event));
  CHECK(event.real_user == -1);
  event.anonymous = false;
  event.component = "core", event.target = "course", event.action = "viewed";
  const auto slim = ToSlim(event);
  REQUIRE(slim);
  CHECK(slim->acted_by_other);
}

TEST_CASE("a row that does not say whether it is anonymous counts as anonymous", "[import]") {
  MoodleEvent event;
  Fine(FromJson(R"({"id":9,"eventname":"\\x","userid":3,"courseid":5,"timecreated":1,"anonymous":null})", &event));
  CHECK(event.anonymous);
}

TEST_CASE("other is read as JSON text, as an object and as PHP wrote it", "[import]") {
  const std::string head = R"({"id":9,"eventname":"\\x","userid":3,"courseid":5,"timecreated":1,"other":)";
  MoodleEvent event;
  Fine(FromJson(head + R"("{\"itemid\":\"117\",\"overridden\":false,\"finalgrade\":71.5,\"u\":{\"id\":\"4\"}}"})",
                &event));
  CHECK(event.other.at("itemid") == "117");
  CHECK(event.other.at("overridden") == "0");
  CHECK(event.other.at("finalgrade") == "71.5");
  CHECK(event.other.at("u.id") == "4");
  Fine(FromJson(head + R"({"finalgrade":38}})", &event));
  CHECK(event.other.at("finalgrade") == "38");
  Fine(FromJson(
      head +
          R"("a:3:{s:6:\"itemid\";i:117;s:10:\"finalgrade\";d:71.5;s:13:\"userenrolment\";O:8:\"stdClass\":1:{s:2:\"id\";s:4:\"1349\";}}"})",
      &event));
  CHECK(event.other.at("itemid") == "117");
  CHECK(event.other.at("finalgrade") == "71.5");
  CHECK(event.other.at("userenrolment.id") == "1349");
  Fine(FromJson(head + R"("neither of them"})", &event));
  CHECK(event.other.empty());
}

TEST_CASE("PHP text counts bytes, and what is not whole is refused", "[import]") {
  FlatMap flat;
  CHECK(ReadPhpSerialized("s:6:\"é\"x\"\";", &flat) == false);
  flat.clear();
  CHECK(ReadPhpSerialized("a:1:{s:1:\"k\";s:8:\"é\";b:1;\";}", &flat));
  CHECK(flat.at("k") == "é\";b:1;");
  for (const char* bad : {"", "a:1:{", "a:2:{i:0;i:1;}", "s:99:\"x\";", "i:5", "O:1:\"x\":1:{i:0;i:1;", "a:-1:{}",
                          "x:1;", "a:1:{d:1;i:1;}", "i:1;i:2;", "s:18446744073709551615:\"x\";"}) {
    INFO(bad);
    flat.clear();
    CHECK_FALSE(ReadPhpSerialized(bad, &flat));
  }
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += "a:1:{i:0;";
  flat.clear();
  CHECK_FALSE(ReadPhpSerialized(deep, &flat));
}

TEST_CASE("a bad row is refused by its line and the others are taken", "[import]") {
  Folder folder;
  const std::string bad_utf8 = R"({"id":3,"eventname":"\\x)"
                               "\xff"
                               R"(","userid":3,"courseid":5,"timecreated":1})";
  const std::string path =
      folder.Write("log.jsonl", "\xEF\xBB\xBF" + Row(1) + "\r\n" + "\n" + "garbage\n" + Row(2) + "\r\n" +
                                    std::string("{\"id\":\0}", 8) + "\n" + bad_utf8 + "\n" +
                                    R"({"id":"x","eventname":"\\x","userid":3,"courseid":5,"timecreated":1})" + "\n" +
                                    R"({"eventname":"\\x","userid":3,"courseid":5,"timecreated":1})" + "\n" +
                                    R"({"id":8,"eventname":"\\x","userid":3,"courseid":5,"timecreated":null})" + "\n" +
                                    R"([1,2])" + "\n" + Row(9) + "{}\n" + Row(10));
  const auto read = ReadAll(path);
  Fine(read.status());
  REQUIRE(read->events.size() == 4);
  CHECK(read->events[0].seq == 1);
  CHECK(read->events[1].seq == 2);
  CHECK(read->events[2].seq == 3);
  CHECK(read->events[2].name == "\\x\xEF\xBF\xBD");
  CHECK(read->events[3].seq == 10);
  std::vector<int64_t> lines;
  for (const RefusedLine& line : read->refused) lines.push_back(line.number);
  CHECK(lines == std::vector<int64_t>{3, 5, 7, 8, 9, 10, 11});
  CHECK(read->cut_off == 0);
}

TEST_CASE("a cut-off last line is said and left out", "[import]") {
  Folder folder;
  const auto read = ReadAll(folder.Write("log.jsonl", Row(1) + "\n" + Row(2).substr(0, 200)));
  Fine(read.status());
  CHECK(read->events.size() == 1);
  CHECK(read->refused.empty());
  CHECK(read->cut_off == 2);
}

TEST_CASE("a gzip file cut short gives the lines it still holds and says so", "[import]") {
  Folder folder;
  std::string text;
  for (int i = 1; i <= 5000; ++i) text += Row(i) + "\n";
  const std::string packed = Gzip(text);
  const auto whole = ReadAll(folder.Write("whole.gz", packed), 1000);
  Fine(whole.status());
  CHECK(whole->events.size() == 5000);
  CHECK(absl::IsOutOfRange(whole->end));
  const auto cut = ReadAll(folder.Write("cut.gz", packed.substr(0, packed.size() / 2)), 1000);
  Fine(cut.status());
  CHECK(cut->events.size() > 1000);
  CHECK(cut->events.size() < 5000);
  CHECK(absl::IsDataLoss(cut->end));
}

TEST_CASE("a line too long is skipped in bounded memory", "[import]") {
  Folder folder;
  const std::string path =
      folder.Write("log.jsonl", Row(1) + "\n{\"id\":2,\"x\":\"" + std::string(5 << 20, 'x') + "\"}\n" + Row(3) + "\n");
  auto file = LineFile::Open(path, 1 << 20);
  Fine(file.status());
  Line line;
  std::vector<std::pair<int64_t, bool>> lines;
  for (;;) {
    const auto more = (*file)->Next(&line);
    Fine(more.status());
    if (!*more) break;
    lines.emplace_back(line.number, line.too_long);
  }
  CHECK(lines == std::vector<std::pair<int64_t, bool>>{{1, false}, {2, true}, {3, false}});
}

TEST_CASE("CSV columns may stand in any order, and quoted fields hold separators, quotes and line ends", "[import]") {
  Folder folder;
  const std::string path = folder.Write(
      "log.csv",
      "timecreated;id;eventname;userid;courseid;anonymous;other\r\n"
      "1795281392;5;\\core\\event\\user_graded;2;4;0;\"{\"\"finalgrade\"\":\"\"7;1\"\",\n\"\"itemid\"\":3}\"\r\n"
      "1795281393;6;\\core\\event\\course_viewed;3;4;0;\\N\r\n"
      "1795281394;7;\\core\\event\\course_viewed;3;4\r\n"
      "1795281395;8;\\core\\event\\course_viewed;3;4;0;NULL\r\n"
      "1795281396;9;\\core\\event\\course_vie");
  const auto read = ReadAll(path);
  Fine(read.status());
  REQUIRE(read->events.size() == 3);
  CHECK(read->events[0].other.at("finalgrade") == "7;1");
  CHECK(read->events[0].other.at("itemid") == "3");
  CHECK(read->events[1].seq == 6);
  CHECK(read->events[2].seq == 8);
  REQUIRE(read->refused.size() == 1);
  CHECK(read->refused[0].number == 5);
  CHECK(read->cut_off == 7);
}

TEST_CASE("a quote that never ends costs its own line only", "[import]") {
  Folder folder;
  std::string text = "id,eventname,userid,courseid,timecreated,other\n1,\\x,2,3,4,\"never\n";
  for (int i = 2; i <= 3000; ++i) text += std::to_string(i) + ",\\x,2,3,4,null\n";
  const auto read = ReadAll(folder.Write("log.csv", text), 1000);
  Fine(read.status());
  CHECK(read->events.size() == 2999);
  REQUIRE(read->refused.size() == 1);
  CHECK(read->refused[0].number == 2);
}

TEST_CASE("a file that is no log is refused before anything else", "[import]") {
  Folder folder;
  const auto csv = LogBatches::Open(folder.Write("people.csv", "id,sex\n1,F\n"), 10);
  REQUIRE_FALSE(csv.ok());
  CHECK(std::string(csv.status().message()).find("eventname timecreated userid courseid") != std::string::npos);
  CHECK(absl::IsInvalidArgument(LogBatches::Open(folder.Write("empty", ""), 10).status()));
  CHECK(absl::IsInvalidArgument(LogBatches::Open(folder.Write("bin", std::string("\0\1\2\xff\xfe", 5)), 10).status()));
  CHECK(absl::IsNotFound(LogBatches::Open(folder.path() + "/none", 10).status()));
  CHECK(absl::IsInvalidArgument(LogBatches::Open(folder.path(), 10).status()));
}

TEST_CASE("a reader that is not waited for stops", "[import]") {
  Folder folder;
  std::string text;
  for (int i = 1; i <= 20000; ++i) text += Row(i) + "\n";
  auto batches = LogBatches::Open(folder.Write("log.jsonl", text), 10);
  Fine(batches.status());
  LogBatch batch;
  (*batches)->Next(&batch);
  CHECK(batch.size == 10);
}

TEST_CASE("taken ids are met once, whatever their gaps", "[import]") {
  TakenIds taken;
  for (int64_t id : {1, 3, 8191, 8192, 24000, 1000000007}) CHECK(taken.Take(id));
  CHECK_FALSE(taken.Take(3));
  CHECK(taken.Contains(8192));
  CHECK_FALSE(taken.Contains(2));
  TakenIds again;
  for (int64_t block : taken.TakeDirty()) REQUIRE(again.Decode(block, taken.Encode(block)));
  CHECK(taken.TakeDirty().empty());
  CHECK(again.count() == 6);
  CHECK_FALSE(again.Take(1000000007));
  CHECK(again.Take(2));
  CHECK(again.Encode(0) == "1-3,8191");
  for (const char* bad : {"5-3", "9000", "x", "1,,2"}) {
    INFO(bad);
    CHECK_FALSE(TakenIds().Decode(0, bad));
  }
}

}  // namespace
}  // namespace compagnon::moodle
