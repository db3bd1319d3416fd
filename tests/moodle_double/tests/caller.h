#ifndef COMPAGNON_TESTS_MOODLE_DOUBLE_TESTS_CALLER_H_
#define COMPAGNON_TESTS_MOODLE_DOUBLE_TESTS_CALLER_H_

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "moodle_double/server/moodle_double.h"

namespace compagnon::moodle_double {

using Fields = std::vector<std::pair<std::string, std::string>>;

// What came back over the network. `failure` is the transport's error, "" when there was none.
struct Answered {
  long status = 0;
  std::string type, body, failure;
  std::map<std::string, std::string> headers;  // names in lower case
  nlohmann::json Json() const { return nlohmann::json::parse(body, nullptr, false); }
  std::string ErrorCode() const;
};

// One POST, as an HTTP client of a service does it; gives up after `seconds` or `largest` bytes.
Answered Post(const std::string& url, const Fields& fields, long seconds = 20, size_t largest = 64u << 20);

// A double of one small site, or as the options say, and short ways to call it.
class Caller {
 public:
  explicit Caller(DoubleOptions options = Small());
  static DoubleOptions Small();

  MoodleDouble& moodle() { return *double_; }
  Answered Call(const std::string& function, Fields fields = {}, std::string_view site = "sn1");
  // local_compagnon_pull_events by subscriber "suite"; the rows as JSON.
  nlohmann::json Pull(int64_t after, int64_t limit = 5'000, int64_t max_bytes = 4 << 20,
                      std::string_view subscriber = "suite");
  static std::vector<nlohmann::json> Rows(const nlohmann::json& page);
  nlohmann::json Control(std::string_view action, std::string_view query = "");

 private:
  std::unique_ptr<MoodleDouble> double_;
};

}  // namespace compagnon::moodle_double

#endif  // COMPAGNON_TESTS_MOODLE_DOUBLE_TESTS_CALLER_H_
