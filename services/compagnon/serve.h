#ifndef COMPAGNON_COMPAGNON_SERVE_H_
#define COMPAGNON_COMPAGNON_SERVE_H_

#include <ostream>
#include <string>
#include <vector>

#include "platform/base/config.h"

namespace compagnon {

// Runs modules until SIGTERM or SIGINT, then drains them; a second signal ends the process at once. `here` empty: all
// of the configuration. Says "ready in S s: modules" on `out` once every module is ready. A database or bus that is not
// up yet is waited for; what waiting cannot mend is an error. To be called before any other thread exists: signals are
// blocked for all that follow.
absl::Status Serve(const Config& config, std::vector<std::string> here, std::string_view locale, std::ostream& out);

}  // namespace compagnon

#endif  // COMPAGNON_COMPAGNON_SERVE_H_
