#ifndef COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_NAMES_H_
#define COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_NAMES_H_

#include <string>
#include <string_view>

#include "moodle_double/simulation/random.h"

namespace compagnon::moodle_double {

struct Name {
  std::string first, last;
  std::string slug;  // ASCII, for a user name; "" when the name is in a script other than Latin
};

// A plausible name: a common first name and a common family name of the country, drawn apart, so of nobody in
// particular. Some names of Arabic-speaking countries are in Arabic script, some of Morocco in Tifinagh, a few anywhere
// in N'Ko, Armenian or Vietnamese letters.
Name DrawName(std::string_view country, bool female, Random* random);

// A country the platform's learners live in.
struct Country {
  std::string_view code;  // ISO 3166-1 alpha-2
  std::string_view name;  // in French
  std::string_view zone;  // IANA
  std::string_view city;
  int weight;
};

// A country by code; the first one when unknown.
const Country& CountryOf(std::string_view code);
// A country drawn by weight.
const Country& DrawCountry(Random* random);

}  // namespace compagnon::moodle_double

#endif  // COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_NAMES_H_
