#include "moodle/intake/core_answer.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"

namespace compagnon::moodle {
namespace {

using nlohmann::json;

const json* FieldOf(const json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

}  // namespace

int64_t IdOf(const json& object, const char* key) {
  const json* value = FieldOf(object, key);
  if (value == nullptr) return 0;
  if (value->is_number_integer()) return value->get<int64_t>();
  if (value->is_boolean()) return value->get<bool>() ? 1 : 0;
  if (value->is_number_float()) {
    const double number = value->get<double>();
    return std::isfinite(number) && std::abs(number) < 9e15 ? static_cast<int64_t>(number) : 0;
  }
  int64_t number = 0;
  if (value->is_string() && absl::SimpleAtoi(value->get_ref<const std::string&>(), &number)) return number;
  return 0;
}

std::string TextOf(const json& object, const char* key) {
  const json* value = FieldOf(object, key);
  if (value == nullptr) return "";
  if (value->is_string()) return value->get<std::string>();
  return value->is_number() ? value->dump() : "";
}

const json& ListOf(const json& object, const char* key) {
  static const json empty = json::array();
  const json* value = FieldOf(object, key);
  return value != nullptr && value->is_array() ? *value : empty;
}

}  // namespace compagnon::moodle
