#ifndef COMPAGNON_TESTS_MOODLE_DOUBLE_SERVER_RECORDINGS_H_
#define COMPAGNON_TESTS_MOODLE_DOUBLE_SERVER_RECORDINGS_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "moodle_double/server/http_server.h"

namespace compagnon::moodle_double {

// Answers of a real Moodle 4.5.6, as recorded (recordings/).
class Recordings {
 public:
  // Reads every .json of the folder.
  static absl::StatusOr<Recordings> Load(const std::string& folder);

  // The recording of that name ("error-bad-token", "core_course_get_contents"); nullptr when there is none.
  const HttpReply* Find(std::string_view name) const;
  std::vector<std::string> Names(std::string_view prefix) const;

 private:
  std::map<std::string, HttpReply, std::less<>> replies_;
};

}  // namespace compagnon::moodle_double

#endif  // COMPAGNON_TESTS_MOODLE_DOUBLE_SERVER_RECORDINGS_H_
