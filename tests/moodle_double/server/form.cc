#include "moodle_double/server/form.h"

#include <charconv>

#include "moodle_double/simulation/concat.h"

namespace compagnon::moodle_double {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string Decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out.push_back(' ');
    } else if (text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 && HexDigit(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

}  // namespace

Form Form::Parse(std::string_view encoded) {
  Form form;
  while (!encoded.empty()) {
    const size_t end = std::min(encoded.find('&'), encoded.size());
    const std::string_view pair = encoded.substr(0, end);
    const size_t equals = std::min(pair.find('='), pair.size());
    if (equals > 0)
      form.fields_[Decoded(pair.substr(0, equals))] = equals < pair.size() ? Decoded(pair.substr(equals + 1)) : "";
    encoded.remove_prefix(std::min(end + 1, encoded.size()));
  }
  return form;
}

bool Form::Has(std::string_view name) const { return fields_.find(name) != fields_.end(); }

std::string Form::Text(std::string_view name, std::string_view otherwise) const {
  const auto found = fields_.find(name);
  return found == fields_.end() ? std::string(otherwise) : found->second;
}

int64_t Form::Int(std::string_view name, int64_t otherwise) const {
  const auto found = fields_.find(name);
  if (found == fields_.end()) return otherwise;
  int64_t value = 0;
  const char* begin = found->second.data();
  const char* end = begin + found->second.size();
  const auto [stop, error] = std::from_chars(begin, end, value);
  return error == std::errc() && stop == end ? value : INT64_MIN;
}

std::vector<std::string> Form::List(std::string_view name) const {
  std::vector<std::string> out;
  for (int i = 0;; ++i) {
    const auto found = fields_.find(Concat(name, "[", i, "]"));
    if (found == fields_.end()) return out;
    out.push_back(found->second);
  }
}

std::map<std::string, std::string> Form::Options(std::string_view name, std::string_view key,
                                                 std::string_view value) const {
  std::map<std::string, std::string> out;
  for (int i = 0;; ++i) {
    const auto found = fields_.find(Concat(name, "[", i, "][", key, "]"));
    if (found == fields_.end()) return out;
    out[found->second] = Text(Concat(name, "[", i, "][", value, "]"));
  }
}

}  // namespace compagnon::moodle_double
