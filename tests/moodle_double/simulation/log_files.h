#ifndef COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_LOG_FILES_H_
#define COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_LOG_FILES_H_

#include <string>
#include <string_view>

#include "moodle_double/simulation/world.h"

namespace compagnon::moodle_double {

// people.csv, courses.csv or assessments.csv as an import of a log takes them; "" for another name. Stops the process
// when the world's zone is unknown to this machine.
std::string FileBesideLog(const World& world, std::string_view name);

}  // namespace compagnon::moodle_double

#endif  // COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_LOG_FILES_H_
