#ifndef COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_JSON_TEXT_H_
#define COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_JSON_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace compagnon::moodle_double {

// Appends the text between a JSON string's quotes; bytes >= 0x80 pass as they are.
void AppendEscaped(std::string_view text, std::string* out);
// The inverse, for text AppendEscaped wrote.
std::string Unescaped(std::string_view text);

// Appends decimal digits.
void AppendInt(int64_t value, std::string* out);
// Appends thousandths as a JSON number without trailing zeros (12500 -> 12.5).
void AppendThousandths(int64_t value, std::string* out);

// Writes one flat JSON object field by field, in the order of the calls.
class JsonObject {
 public:
  explicit JsonObject(std::string* out) : out_(out) { out_->push_back('{'); }
  JsonObject& Int(std::string_view key, int64_t value);
  // null when the value is 0.
  JsonObject& Id(std::string_view key, int64_t value);
  JsonObject& Thousandths(std::string_view key, int64_t value);
  JsonObject& Text(std::string_view key, std::string_view value);
  // `json` is a JSON value already; "" = null.
  JsonObject& Raw(std::string_view key, std::string_view json);
  void Close() { out_->push_back('}'); }

 private:
  void Key(std::string_view key);

  std::string* out_;
  bool first_ = true;
};

}  // namespace compagnon::moodle_double

#endif  // COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_JSON_TEXT_H_
