#ifndef COMPAGNON_MOODLE_CLI_H_
#define COMPAGNON_MOODLE_CLI_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "platform/base/clock.h"
#include "platform/base/config.h"
#include "platform/base/status.h"
#include "platform/store/sql.h"

// The verbs of `compagnon` that touch moodle's data. They open moodle's database beside a running `serve` (work that
// must be done by one process at a time is protected by leases in the database) and never call its gRPC.
// services/compagnon parses the command line and fills the structs; these functions know neither CLI11 nor exit codes.
// Errors: InvalidArgument (what was asked makes no sense), NotFound, AlreadyExists, Unavailable (database, Moodle),
// Cancelled (interrupted; run it again and it goes on where it stopped). Messages of errors are for the person at the
// terminal, in `locale`.
namespace compagnon::moodle {

struct Cli {
  const Config* config = nullptr;
  const Clock* clock = nullptr;
  store::Database* database = nullptr;             // moodle's own, opened and not migrated: a verb migrates first
  std::ostream* out = nullptr;                     // the verb's answer
  std::ostream* progress = nullptr;                // a terminal to draw a progress bar on; null = none
  std::string locale = "fr";                       // "fr" or "en"
  const std::atomic<bool>* interrupted = nullptr;  // set by Ctrl-C; long verbs look at it between transactions
};

// Of a site that is there already, what is left empty stays as it is: a new token needs `code` and `token_file`.
struct SiteAdd {
  std::string code = {};        // [a-z0-9-]{1,32}
  std::string title = {};       // "" = the code
  std::string url = {};         // base URL; "" for a site filled from files
  std::string token_file = {};  // first line = token of the web service; required with a new url
  std::string time_zone = {};   // IANA; "" = UTC for a site filled from files; required with url
};
absl::Status AddSite(const Cli& cli, const SiteAdd& site);

// One line per site: code, title, zone, state of the link, last event.
absl::Status ListSites(const Cli& cli);

// Calls the site and says, one line each, what works and what does not: address, token, functions, plugin, protocol,
// fingerprint, clock. First what was noted in the last 30 days: incidents, rows set aside, what passes left out.
absl::Status CheckSite(const Cli& cli, const std::string& code);

// The operator's answer to a stopped link. kMoved: same Moodle, same epoch, new fingerprint. kCopy: this Moodle is a
// copy; the link of `code` is cut and the copy is added as a site of its own. kNewEpoch: a backup was restored or the
// plugin began anew; follow the epoch it has now and run a full export pass.
enum class SiteDecision { kMoved, kCopy, kNewEpoch };
absl::Status ConfirmSite(const Cli& cli, const std::string& code, SiteDecision decision);

struct ImportLog {
  std::string file;                          // JSON lines or CSV, plain or gzip
  std::string site;                          // code; the site exists, or is made as a file-only site
  std::string name;                          // stream "log/<name>"; "" = the file's base name without extensions
  std::string people, courses, assessments;  // files beside the log, "" = none
  std::string time_zone;                     // of the site when it is made here
  std::map<std::string, std::string> map;    // --map field=column
  std::string from, to;      // what the log is complete for, "YYYY-MM-DD" or RFC 3339; "" = its first and last event
  std::string learner_role;  // short name of the role that makes a learner; "" = as dimensions.toml says
};
absl::Status ImportLogFile(const Cli& cli, const ImportLog& import);

struct Replay {
  std::string to;    // module to refill
  std::string site;  // code
  std::string from;  // "YYYY-MM-DD" or RFC 3339, UTC; "" = as far back as the site still keeps
};
absl::Status ReplaySite(const Cli& cli, const Replay& replay);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_CLI_H_
