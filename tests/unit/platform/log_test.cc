#include "platform/base/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>
#include <vector>

namespace compagnon {
namespace {

// What `f` writes to standard error, one JSON object a line.
std::vector<nlohmann::json> Lines(const std::function<void()>& f) {
  std::filesystem::create_directories(".run/unit");
  std::string path = ".run/unit/log.XXXXXX";
  const int file = mkstemp(path.data());
  const int before = dup(STDERR_FILENO);
  dup2(file, STDERR_FILENO);
  f();
  dup2(before, STDERR_FILENO);
  close(before);
  close(file);
  std::vector<nlohmann::json> lines;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  std::filesystem::remove(path);
  return lines;
}

TEST_CASE("a log line is one JSON object with its fields and types") {
  const auto lines = Lines([] {
    const ScopedLogModule scope("moodle", "0123456789abcdef0123456789abcdef");
    Log(LogLevel::kWarning, "pull failed", {{"site", "sn1"}, {"rows", int64_t{5000}}, {"ratio", 0.5}, {"again", true}});
  });
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["level"] == "warning");
  CHECK(lines[0]["module"] == "moodle");
  CHECK(lines[0]["msg"] == "pull failed");
  CHECK(lines[0]["site"] == "sn1");
  CHECK(lines[0]["rows"] == 5000);
  CHECK(lines[0]["ratio"] == 0.5);
  CHECK(lines[0]["again"] == true);
  CHECK(lines[0]["trace"] == "0123456789abcdef0123456789abcdef");
  CHECK(lines[0]["ts"].get<std::string>().back() == 'Z');
}

TEST_CASE("a hostile value cannot end its line or move the cursor") {
  const std::string hostile = "a\"b\\c\nd\re\033[2Jf\x7f";
  const auto lines = Lines([&] { Log(LogLevel::kError, hostile, {{"value", hostile}}); });
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["msg"] == hostile);
  CHECK(lines[0]["value"] == hostile);
}

TEST_CASE("lines under the level are dropped") {
  const auto lines = Lines([] {
    Log(LogLevel::kDebug, "unseen");
    SetLogLevel(LogLevel::kDebug);
    Log(LogLevel::kDebug, "seen");
    SetLogLevel(LogLevel::kError);
    Log(LogLevel::kWarning, "unseen");
    SetLogLevel(LogLevel::kInfo);
  });
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["msg"] == "seen");
}

TEST_CASE("a module's name ends with its scope") {
  const auto lines = Lines([] {
    {
      const ScopedLogModule outer("moodle", "trace-1");
      const ScopedLogModule inner("edge");
      Log(LogLevel::kInfo, "inside");
    }
    Log(LogLevel::kInfo, "outside");
  });
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["module"] == "edge");
  CHECK(lines[0].count("trace") == 0);
  CHECK(lines[1].count("module") == 0);
}

TEST_CASE("lines of many threads never mix") {
  const auto lines = Lines([] {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([t] {
        const ScopedLogModule scope("thread" + std::to_string(t));
        for (int i = 0; i < 500; ++i)
          Log(LogLevel::kInfo, std::string(200, static_cast<char>('a' + t)), {{"i", int64_t{i}}});
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  REQUIRE(lines.size() == 2000);
  for (const auto& line : lines) {
    const std::string module = line["module"];
    CHECK(line["msg"] == std::string(200, static_cast<char>('a' + (module.back() - '0'))));
  }
}

}  // namespace
}  // namespace compagnon
