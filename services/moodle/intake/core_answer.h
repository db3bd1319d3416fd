#ifndef COMPAGNON_MOODLE_INTAKE_CORE_ANSWER_H_
#define COMPAGNON_MOODLE_INTAKE_CORE_ANSWER_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace compagnon::moodle {

// Fields of what Moodle's core functions answer, where a value may be null, a number in place of a text or the other
// way round, and `object` no object at all. None of them throws.

// A whole number, also when it came as text or as a boolean; else 0.
int64_t IdOf(const nlohmann::json& object, const char* key);
// A text, also when it came as a number; else "".
std::string TextOf(const nlohmann::json& object, const char* key);
// A list; an empty one when it is missing or something else. Valid as long as `object`.
const nlohmann::json& ListOf(const nlohmann::json& object, const char* key);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_INTAKE_CORE_ANSWER_H_
