#include "unit/design/rules.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace compagnon::design {
namespace {

std::vector<Source> ReadAll(const std::vector<std::string>& folders) {
  std::vector<Source> sources;
  for (const std::string& folder : folders) {
    if (!std::filesystem::exists(folder)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      const std::string path = entry.path().generic_string();
      if (!entry.is_regular_file() || path.find("node_modules") != std::string::npos ||
          path.find("__pycache__") != std::string::npos)
        continue;
      std::stringstream text;
      text << std::ifstream(entry.path(), std::ios::binary).rdbuf();
      sources.push_back({path, text.str()});
    }
  }
  return sources;
}

TEST_CASE("the sources follow the design's rules") {
  const std::vector<Source> sources = ReadAll({"services", "tests", "tools"});
  REQUIRE(sources.size() > 100);
  std::vector<std::string> found;
  for (const Source& source : sources) {
    for (std::string& one : Offences(source)) found.push_back(std::move(one));
  }
  INFO(absl::StrJoin(found, "\n"));
  CHECK(found.empty());
}

TEST_CASE("platform stays under 4500 lines of code") {
  int lines = 0;
  for (const Source& source : ReadAll({"services/platform"})) {
    if (source.path.find("CMakeLists") == std::string::npos && source.path.find(".md") == std::string::npos)
      lines += CodeLines(source.text);
  }
  CHECK(lines > 1000);
  CHECK(lines < 4500);
}

TEST_CASE("every module has a page about itself and a store has tests") {
  for (const char* module : {"moodle", "analytics", "edge", "platform"}) {
    INFO(module);
    CHECK(std::filesystem::exists(absl::StrCat("services/", module, "/README.md")));
    CHECK(std::filesystem::exists(absl::StrCat("tests/unit/", module)));
  }
}

TEST_CASE("the page of the data model names every table there is and no other") {
  std::set<std::string> made, named;
  // Names made up at run time (partitions, a queue's messages) end at a brace.
  const std::regex create(R"re(CREATE TABLE (?:IF NOT EXISTS )?([a-z_]+)(?=[ (\n]))re");
  for (const Source& source : ReadAll({"services"})) {
    for (std::sregex_iterator it(source.text.begin(), source.text.end(), create), end; it != end; ++it)
      made.insert((*it)[1]);
  }
  REQUIRE(made.size() > 40);
  const std::vector<Source> docs = ReadAll({"docs"});
  const auto page =
      std::find_if(docs.begin(), docs.end(), [](const Source& s) { return s.path == "docs/data-model.md"; });
  REQUIRE(page != docs.end());
  const std::regex quoted("`([a-z_]+)`");
  std::istringstream lines(page->text);
  for (std::string line; std::getline(lines, line);) {
    // Tables stand in the first column, after the file's name where a row begins with one.
    if (!line.starts_with("| `")) continue;
    const size_t from = line.starts_with("| `bus.db`") || line.starts_with("| `keys.db`") ? line.find('|', 2) : 0;
    const std::string cell = line.substr(from, line.find('|', from + 1) - from);
    for (std::sregex_iterator it(cell.begin(), cell.end(), quoted), end; it != end; ++it) named.insert((*it)[1]);
  }
  CHECK(named == made);
}

bool Refused(const std::string& path, const std::string& text) { return Offences({path, text}).size() == 1; }
bool Accepted(const std::string& path, const std::string& text) { return Offences({path, text}).empty(); }

TEST_CASE("a domain that reaches outside is found") {
  const std::string path = "services/moodle/domain/coverage.cc";
  CHECK(Accepted(path,
                 "#include \"moodle/domain/coverage.h\"\n#include <vector>\n#include \"absl/time/time.h\"\n#include "
                 "\"platform/base/status.h\"\n"));
  CHECK(Refused(path, "#include \"platform/store/sql.h\"\n"));
  CHECK(Refused(path, "#include \"platform/base/clock.h\"\n"));
  CHECK(Refused(path, "#include \"compagnon/event/v1/slim.pb.h\"\n"));
  CHECK(Refused(path, "#include <curl/curl.h>\n"));
  CHECK(Refused(path, "#include \"moodle/store/site_store.h\"\n"));
  CHECK(Refused(path, "  const absl::Time now = absl::Now();\n"));
}

TEST_CASE("a module that includes another is found") {
  CHECK(Refused("services/edge/pages/home.cc", "#include \"analytics/domain/week.h\"\n"));
  CHECK(Accepted("services/edge/pages/home.cc", "#include \"compagnon/analytics/v1/figures.grpc.pb.h\"\n"));
  CHECK(Refused("services/moodle/api/sites_rpc.cc", "#include \"compagnon/serve.h\"\n"));
  CHECK(Refused("services/platform/rpc/guard.cc", "#include \"moodle/wire.h\"\n"));
  CHECK(Accepted("services/compagnon/modules.cc", "#include \"moodle/wire.h\"\n#include \"edge/sign_in.h\"\n"));
  CHECK(Refused("services/compagnon/modules.cc", "#include \"moodle/store/site_store.h\"\n"));
}

TEST_CASE("heavy headers, long files, empty names and unescaped values are found") {
  CHECK(Refused("services/platform/store/sql.h", "#include <soci/soci.h>\n"));
  CHECK(Accepted("services/platform/store/sql.cc", "#include <soci/soci.h>\n"));
  CHECK(Refused("services/moodle/api/poller.cc", std::string(700, '\n')));
  CHECK(Refused("services/moodle/api/string_utils.cc", ""));
  CHECK(Refused("services/moodle/common/site.cc", ""));
  CHECK(Accepted("services/moodle/api/commonplace.cc", ""));
  CHECK(Refused("services/edge/pages/templates/home.html", "<p>{{{name}}}</p>\n"));
  CHECK(Refused("services/edge/pages/templates/home.html", "<p>{{&name}}</p>\n"));
  CHECK(Accepted("services/edge/pages/templates/home.html", "<p>{{name}}</p>\n"));
  CHECK(Refused("services/edge/wire.cc",
                "// TO"
                "DO: later\n"));
  CHECK(Refused("services/moodle/api/sites_rpc.cc", "  std::exit(1);\n"));
}

TEST_CASE("lines of code are counted without what is none") {
  CHECK(CodeLines("#include <x>\n\n// why\nnamespace a {\nint F() {\n  return 1;  // one\n}\n}  // namespace a\n") ==
        2);
}

}  // namespace
}  // namespace compagnon::design
