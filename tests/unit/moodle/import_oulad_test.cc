#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "moodle/cli.h"
#include "moodle/store/migrations.h"
#include "platform/store/sql.h"

namespace compagnon::moodle {
namespace {

std::filesystem::path Shared() {
  const char* given = std::getenv("COMPAGNON_SHARED");
  return given != nullptr ? given : "../shared";
}

TEST_CASE("the Open University log imports whole and a second import adds nothing", "[shared][import]") {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "compagnon-oulad";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  store::DatabaseOptions options;
  options.sqlite_path = (folder / "moodle.db").string();
  auto database = store::OpenDatabase(options);
  REQUIRE(database.ok());
  Config config;
  config.data_dir = folder.string();
  std::ostringstream out;
  Cli cli{&config, &SystemClock(), database->get(), &out, nullptr, "en", nullptr};
  ImportLog import;
  const auto log = Shared() / "oulad" / "moodle-log";
  import.file = (log / "log.jsonl.gz").string();
  import.site = "ou";
  import.people = (log / "people.csv").string();
  import.courses = (log / "courses.csv").string();
  import.assessments = (log / "assessments.csv").string();
  import.time_zone = "Europe/London";
  import.map = {{"region", "country"}};
  for (int run = 0; run < 2; ++run) {
    const absl::Status status = ImportLogFile(cli, import);
    INFO(status.ToString());
    REQUIRE(status.ok());
  }
  WARN(out.str());
}

}  // namespace
}  // namespace compagnon::moodle
