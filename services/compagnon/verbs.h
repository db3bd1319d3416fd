#ifndef COMPAGNON_COMPAGNON_VERBS_H_
#define COMPAGNON_COMPAGNON_VERBS_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "compagnon/config/config_file.h"
#include "compagnon/text.h"

namespace CLI {
class App;
}

namespace compagnon {

// Exit codes; the man page lists them.
enum ExitCode { kDone = 0, kFailed = 1, kMisused = 2, kUnavailable = 3, kInterrupted = 130 };
int ExitCodeOf(const absl::Status& status);

// What every verb knows. The verb chosen on the command line leaves its work in `run`; it is done after parsing.
struct Invocation {
  std::string locale;       // "fr" or "en"
  std::string config_path;  // --config, COMPAGNON_CONFIG, ./compagnon.toml, /etc/compagnon/compagnon.toml or ""
  std::function<absl::Status()> run;

  std::string Say(std::string_view fr, std::string_view en) const { return compagnon::Say(locale, fr, en); }
  absl::StatusOr<Config> Load() const { return LoadConfig(config_path, locale); }
};

// Each adds its verb with its options. `invocation` outlives the parsing and the run.
void AddServe(CLI::App& app, Invocation& invocation);
void AddConfig(CLI::App& app, Invocation& invocation);
void AddProbe(CLI::App& app, Invocation& invocation);
void AddSignIn(CLI::App& app, Invocation& invocation);
void AddMoodleVerbs(CLI::App& app, Invocation& invocation);
void AddAnalyticsVerbs(CLI::App& app, Invocation& invocation);
void AddSimulate(CLI::App& app, Invocation& invocation);
void AddVersion(CLI::App& app, Invocation& invocation);
// These two describe the whole program and so come last.
void AddCompletion(CLI::App& app, Invocation& invocation);
void AddMan(CLI::App& app, Invocation& invocation);

// Parses the command line and runs the verb; answers the exit code. Errors go to standard error, in red on a terminal.
int RunProgram(CLI::App& app, Invocation& invocation, int argc, char** argv);

}  // namespace compagnon

#endif  // COMPAGNON_COMPAGNON_VERBS_H_
