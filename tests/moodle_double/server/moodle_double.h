#ifndef COMPAGNON_TESTS_MOODLE_DOUBLE_SERVER_MOODLE_DOUBLE_H_
#define COMPAGNON_TESTS_MOODLE_DOUBLE_SERVER_MOODLE_DOUBLE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "moodle_double/server/http_server.h"
#include "moodle_double/server/recordings.h"
#include "moodle_double/server/site_double.h"
#include "platform/base/clock.h"

namespace compagnon::moodle_double {

struct DoubleOptions {
  struct Site {
    std::string code, title;
    std::string country, zone;  // "" = from the code
  };
  struct Offline {
    std::string code;
    int64_t after_s = 0, for_s = 0;  // from the start, in simulated seconds
  };
  std::string address = "127.0.0.1";
  int port = 0;  // 0 = any
  std::vector<Site> sites = {{"sn1", "Sénégal", "", ""}};
  int learners = 400;  // of each site
  int weeks = 16;
  uint64_t seed = 1;
  int64_t now = 0;              // UTC seconds where the history ends; 0 = the clock's now
  int speed = 1;                // simulated seconds a second
  int64_t live_per_1000_s = 0;  // rows in 1,000 seconds, over all sites, beside what is planned
  int64_t backlog = 0;          // rows made at once at the start, of each site
  std::vector<Offline> offline;
  std::string recordings_dir;  // "" = those of the source tree
  std::string state_dir;       // "" = nothing is kept
  bool suspensions = true;     // as SiteParameters'
  bool control = true;         // false: /control answers 404
};

// One server for several simulated sites: site CODE answers at /CODE/webservice/rest/server.php, the first one also at
// /webservice/... . /control/... provokes; see README.md. Usable inside a test program. Safe from any thread.
class MoodleDouble {
 public:
  // `clock` must outlive the double.
  static absl::StatusOr<std::unique_ptr<MoodleDouble>> Start(const DoubleOptions& options, const Clock& clock);
  ~MoodleDouble();

  int port() const { return server_->port(); }
  // Base URL of a site, as an operator would register it; and its token.
  std::string Url(std::string_view code) const;
  std::string Token(std::string_view code) const;
  SiteDouble* site(std::string_view code) const;  // nullptr when there is none

  // What a plain script needs to compute a site's figures itself: the history as a log, and the files beside it.
  // `name` is log.jsonl, people.csv, courses.csv or assessments.csv; "" for another.
  std::string File(std::string_view code, std::string_view name) const;

  // As POST /control/ACTION?... does, without a network. The body is JSON.
  HttpReply Control(std::string_view action, std::string_view query);
  int64_t NowUs() const;

 private:
  MoodleDouble(const DoubleOptions& options, const Clock& clock, Recordings recordings);
  HttpReply Handle(const HttpRequest& request);
  void Live();

  const DoubleOptions options_;
  const Clock& clock_;
  const Recordings recordings_;
  int64_t real_start_us_ = 0, simulated_start_us_ = 0;
  std::vector<std::unique_ptr<SiteDouble>> sites_;
  std::unique_ptr<HttpServer> server_;
  std::atomic<int64_t> live_per_1000_s_{0};
  std::atomic<bool> ready_{false}, stopping_{false};
  std::atomic<bool> refuse_{false};
  std::atomic<int64_t> listen_again_us_{0};
  std::thread live_;
};

}  // namespace compagnon::moodle_double

#endif  // COMPAGNON_TESTS_MOODLE_DOUBLE_SERVER_MOODLE_DOUBLE_H_
