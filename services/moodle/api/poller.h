#ifndef COMPAGNON_MOODLE_API_POLLER_H_
#define COMPAGNON_MOODLE_API_POLLER_H_

#include <functional>
#include <memory>
#include <string>

#include "moodle/api/site_link.h"
#include "moodle/store/token_seal.h"
#include "platform/metrics/metrics.h"

namespace compagnon::moodle {

struct PollerOptions {
  LinkOptions link;
  WsOptions ws;                               // its url and token are each site's own
  int max_threads = 16;                       // sites read at the same moment
  absl::Duration refresh = absl::Seconds(2);  // the table of sites is read again
  // Above this many messages waiting for the bus nothing is pulled: the plugin keeps rows better than our outbox.
  int64_t max_outbox_rows = 300000;
};

// Reads every site that has an address, each at its own pace: a bounded pool of threads takes the link that is due
// next, so a site that hangs costs one thread for the length of its time-outs and holds back no other while fewer than
// max_threads hang; beyond that the rest wait for the first time-out, and breakers then keep the hanging ones away.
// Sites added or changed in the table are taken up within `refresh`.
class Poller {
 public:
  virtual ~Poller() = default;
  // The client of a site that is read, for whoever else calls it: one pace and one breaker for a site. Null when the
  // site is not read (not in the table, without an address, a token that does not open, stopped). Any thread.
  virtual std::shared_ptr<WsClient> ClientOf(const std::string& site) = 0;
  // Ends calls in hand, gives leases back. Idempotent.
  virtual void Stop() = 0;
};

// Everything handed in outlives the poller. `wake` is called after each commit; `outbox_rows` tells how many
// messages wait for the bus.
std::unique_ptr<Poller> StartPoller(PollerOptions options, store::Database& database, DirectoryWriter& directory,
                                    const TokenSeal& seal, Metrics& metrics, const Clock& clock,
                                    std::function<void()> wake, std::function<int64_t()> outbox_rows);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_API_POLLER_H_
