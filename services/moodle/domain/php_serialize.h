#ifndef COMPAGNON_MOODLE_DOMAIN_PHP_SERIALIZE_H_
#define COMPAGNON_MOODLE_DOMAIN_PHP_SERIALIZE_H_

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace compagnon::moodle {

using FlatMap = std::map<std::string, std::string, std::less<>>;

// Scalars of a value written by PHP's serialize(), as the log store wrote `other` before it wrote JSON. Keys of nested
// arrays and objects are joined with a dot ("userenrolment.id"), three levels deep; deeper ones and null are left out;
// true is "1", false "0". A lone scalar has the key "". False when the text is not well-formed to its end, or nests
// more than 32 deep; `flat` is then unspecified. Nothing is ever instantiated: an object is read as the array of its
// fields.
bool ReadPhpSerialized(std::string_view text, FlatMap* flat);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_DOMAIN_PHP_SERIALIZE_H_
