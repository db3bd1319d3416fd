#include "moodle/intake/flat_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "moodle/intake/flat_element.h"

namespace compagnon::moodle {
namespace {

// PostgreSQL's text holds no NUL.
std::string WithoutNul(std::string_view text) {
  std::string kept(text);
  kept.erase(std::remove(kept.begin(), kept.end(), '\0'), kept.end());
  return kept;
}

}  // namespace

std::optional<std::string> ScalarText(simdjson::dom::element value) {
  switch (value.type()) {
    case simdjson::dom::element_type::STRING:
      return WithoutNul(value.get_string().value_unsafe());
    case simdjson::dom::element_type::INT64:
      return fmt::format("{}", value.get_int64().value_unsafe());
    case simdjson::dom::element_type::UINT64:
      return fmt::format("{}", value.get_uint64().value_unsafe());
    case simdjson::dom::element_type::DOUBLE:
      return fmt::format("{}", value.get_double().value_unsafe());
    case simdjson::dom::element_type::BOOL:
      return std::string(value.get_bool().value_unsafe() ? "1" : "0");
    default:
      return std::nullopt;
  }
}

void FlattenInto(simdjson::dom::object object, const std::string& prefix, int depth, FlatMap* flat) {
  for (auto [key, value] : object) {
    std::string name = prefix + std::string(key);
    if (value.is_object()) {
      if (depth < 3) FlattenInto(value.get_object().value_unsafe(), name + ".", depth + 1, flat);
    } else if (std::optional<std::string> text = ScalarText(value)) {
      flat->insert_or_assign(std::move(name), *std::move(text));
    }
  }
}

bool ReadFlatJson(std::string_view json, FlatMap* flat) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  flat->clear();
  if (parser.parse(simdjson::padded_string(json)).get_object().get(object)) return false;
  FlattenInto(object, "", 1, flat);
  return true;
}

std::string TextAt(const FlatMap& flat, std::string_view key) {
  auto found = flat.find(key);
  return found == flat.end() ? "" : found->second;
}

int64_t IntAt(const FlatMap& flat, std::string_view key) {
  auto found = flat.find(key);
  if (found == flat.end()) return 0;
  int64_t value = 0;
  const std::string& text = found->second;
  auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() ? value : 0;
}

bool Has(const FlatMap& flat, std::string_view key) { return flat.find(key) != flat.end(); }

int64_t MilliAt(const FlatMap& flat, std::string_view key) {
  auto found = flat.find(key);
  if (found == flat.end()) return 0;
  double value = 0;
  const std::string& text = found->second;
  auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc() && std::abs(value) < 1e12 ? std::llround(value * 1000) : 0;
}

}  // namespace compagnon::moodle
