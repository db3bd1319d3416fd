#ifndef COMPAGNON_TESTS_MOODLE_DOUBLE_SERVER_SITE_DOUBLE_H_
#define COMPAGNON_TESTS_MOODLE_DOUBLE_SERVER_SITE_DOUBLE_H_

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "moodle_double/bridge/outbox.h"
#include "moodle_double/server/faults.h"
#include "moodle_double/server/form.h"
#include "moodle_double/server/http_server.h"
#include "moodle_double/server/recordings.h"
#include "moodle_double/simulation/site_simulation.h"

namespace compagnon::moodle_double {

struct SiteDoubleOptions {
  SiteParameters site;
  std::string token;
  std::string url;           // base URL, without a slash at the end
  int64_t backlog = 0;       // rows made at once just before the start, beside the history
  std::string journal_path;  // "" = nothing is kept; else what happened, so that a restart goes on with the same rows
                             // and numbers
};

// One simulated Moodle behind its web service. Every method may be called from any thread. Times are the simulation's.
class SiteDouble {
 public:
  // Makes the site and its history up to `now_us`; replays the journal if there is one.
  SiteDouble(SiteDoubleOptions options, const Recordings* recordings, int64_t now_us);
  ~SiteDouble();

  const std::string& code() const { return options_.site.code; }
  const std::string& token() const { return options_.token; }
  const std::string& zone() const { return simulation_->parameters().zone; }

  // One call of the web service, faults included.
  HttpReply Call(const Form& form, int64_t now_us);

  // Lets planned events up to now happen, and about `rows` more of people acting now. Nothing while paused.
  void Tick(int64_t now_us, int64_t rows);
  // Exactly this many rows more, or fewer when nobody may act now. Returns how many.
  int64_t AddRows(int64_t rows, int64_t now_us);

  // What tests ask for; names and parameters in README.md. NOT_FOUND for an unknown action.
  absl::StatusOr<std::string> Control(std::string_view action, const Form& form, int64_t now_us);
  // JSON: rows, epoch, marks, calls per function, sizes of the tables.
  std::string Describe(int64_t now_us);

  // log.jsonl (logstore_standard_log rows of everything up to now, but for what the bridge never keeps: who answered
  // anonymously), people.csv, courses.csv, assessments.csv; "" for another name.
  std::string File(std::string_view name);

  // Instant of the last thing the journal holds, 0 when there was none.
  int64_t resumed_us() const { return resumed_us_; }

 private:
  HttpReply Answer(const std::string& function, const Form& form, int64_t now_us);
  HttpReply AnswerBridge(std::string_view function, const Form& form, int64_t now_us);
  HttpReply PullEvents(const Form& form, int64_t now_us);
  HttpReply AckEvents(const Form& form);
  HttpReply ExportRows(const Form& form);
  HttpReply Status(int64_t now_us);
  HttpReply Recorded(std::string_view name) const;
  std::string Header() const;  // the fields every bridge answer begins with
  absl::Status AddRow(std::string_view kind, int64_t now_us);
  void Note(const std::string& line);
  bool Replay();

  const SiteDoubleOptions options_;
  const Recordings* const recordings_;
  std::mutex mutex_;
  Outbox outbox_;
  std::unique_ptr<SiteSimulation> simulation_;
  FaultQueue faults_;
  std::map<std::string, int64_t> calls_;
  std::string site_id_, fingerprint_;
  int64_t copies_ = 0;
  std::vector<std::pair<int64_t, int64_t>> offline_;  // [from, to) in microseconds
  bool paused_ = false;
  bool token_revoked_ = false;
  std::string token_state_ = "error-bad-token";
  std::FILE* journal_ = nullptr;
  bool replaying_ = false;
  int64_t resumed_us_ = 0;
};

}  // namespace compagnon::moodle_double

#endif  // COMPAGNON_TESTS_MOODLE_DOUBLE_SERVER_SITE_DOUBLE_H_
