#ifndef COMPAGNON_MOODLE_INTAKE_FLAT_JSON_H_
#define COMPAGNON_MOODLE_INTAKE_FLAT_JSON_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "moodle/domain/php_serialize.h"

namespace compagnon::moodle {

// Scalars of a JSON object by key, as text: keys of inner objects joined with a dot, three levels deep; numbers
// shortest, true "1", false "0"; null and arrays are left out; NUL is taken out of texts. False when the text is not
// one JSON object.
bool ReadFlatJson(std::string_view json, FlatMap* flat);

// Value of a key, "" or 0 when it is missing or no whole number.
std::string TextAt(const FlatMap& flat, std::string_view key);
int64_t IntAt(const FlatMap& flat, std::string_view key);
bool Has(const FlatMap& flat, std::string_view key);
// Decimal number in thousandths, rounded to the nearest, 0 when missing.
int64_t MilliAt(const FlatMap& flat, std::string_view key);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_INTAKE_FLAT_JSON_H_
