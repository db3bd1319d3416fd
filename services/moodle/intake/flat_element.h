#ifndef COMPAGNON_MOODLE_INTAKE_FLAT_ELEMENT_H_
#define COMPAGNON_MOODLE_INTAKE_FLAT_ELEMENT_H_

#include <simdjson.h>

#include <optional>
#include <string>

#include "moodle/domain/php_serialize.h"

namespace compagnon::moodle {

// Parts of flat_json.h for readers that hold a parsed element already; include it from .cc files only.

// A scalar as text; nothing for null, arrays and objects.
std::optional<std::string> ScalarText(simdjson::dom::element value);

void FlattenInto(simdjson::dom::object object, const std::string& prefix, int depth, FlatMap* flat);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_INTAKE_FLAT_ELEMENT_H_
