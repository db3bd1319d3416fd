#ifndef COMPAGNON_TESTS_MOODLE_DOUBLE_SERVER_CORE_ANSWERS_H_
#define COMPAGNON_TESTS_MOODLE_DOUBLE_SERVER_CORE_ANSWERS_H_

#include <optional>
#include <string>
#include <string_view>

#include "moodle_double/server/form.h"
#include "moodle_double/server/recordings.h"
#include "moodle_double/simulation/world.h"

namespace compagnon::moodle_double {

// What a core function answers: a JSON body, or the name of the recorded error that Moodle would give.
struct CoreAnswer {
  std::string body;
  std::string error;  // recording; "" = none
};

struct CoreCall {
  const World& world;
  const Form& form;
  const Recordings& recordings;
  const std::string& url;  // of the site
};

// False when the call carries a parameter that the function does not declare, which Moodle refuses; true for functions
// not listed.
bool DeclaresAll(std::string_view function, const Form& form);

// Nothing when the function is none of those answered from the simulated site; shapes as recorded on a Moodle 4.5.6,
// seen by a service account without moodle/course:update.
std::optional<CoreAnswer> AnswerCore(std::string_view function, const CoreCall& call);

// Parts of it, one file each.
std::optional<CoreAnswer> AnswerCourses(std::string_view function, const CoreCall& call);
std::optional<CoreAnswer> AnswerPeople(std::string_view function, const CoreCall& call);
std::optional<CoreAnswer> AnswerProgress(std::string_view function, const CoreCall& call);
std::optional<CoreAnswer> AnswerFeedback(std::string_view function, const CoreCall& call);

}  // namespace compagnon::moodle_double

#endif  // COMPAGNON_TESTS_MOODLE_DOUBLE_SERVER_CORE_ANSWERS_H_
