#ifndef COMPAGNON_MOODLE_API_RECONCILE_H_
#define COMPAGNON_MOODLE_API_RECONCILE_H_

#include <functional>
#include <memory>
#include <string>

#include "moodle/api/ws_client.h"
#include "moodle/store/directory.h"
#include "platform/base/clock.h"
#include "platform/base/status.h"
#include "platform/metrics/metrics.h"
#include "platform/store/sql.h"

namespace compagnon::moodle {

// What one reconciliation of a site found.
struct Reconciliation {
  bool with_plugin = false;  // compared only: the bridge's events and passes are the truth there
  int64_t courses = 0;
  int64_t missing = 0, stale = 0;  // e that the site has and we had not, and the other way round
};

// Asks a site's core functions for its categories, courses, groups, cohorts and who is enrolled where with which roles,
// page by page. Without the plugin the directory is filled and mended with it, each page in a transaction; with it,
// differences are only counted. Errors: faults of ws_fault.h; FailedPrecondition "mass_delete_guard" when more than 5 %
// of the open e (and more than 20) would be closed: none is. `alive` is asked between calls: false ends it with
// Cancelled.
absl::StatusOr<Reconciliation> ReconcileSite(WsClient& client, store::Database& database, Directory& directory,
                                             const std::string& site, const std::set<std::string>& person_fields,
                                             const Clock& clock, const std::function<bool()>& alive);

struct ReconcilerOptions {
  std::string at = "02:30";                    // local time of each site
  std::string holder;                          // of leases
  absl::Duration site_limit = absl::Hours(1);  // a site that takes longer holds back those after it no further
  absl::Duration look_every = absl::Seconds(30);
  absl::Duration try_again = absl::Minutes(15);
};

// True when a run is due: the site's local clock has passed `at` (minutes after midnight) on a day later than the last
// one done
// (`done_day`, days since 1970-01-01; INT32_MIN = never, which is due at once).
bool ReconciliationDue(absl::Time now, const absl::TimeZone& zone, int at_minutes, int64_t done_day);
// "02:30" -> 150. InvalidArgument for anything else.
absl::StatusOr<int> MinutesOfDay(const std::string& text);

// Runs ReconcileSite each night for every site with an address, one after the other, in a thread of its own; by a
// lease, so that one of several processes does it. A failed run is tried again, one that took too long no sooner than
// after as long again.
class Reconciler {
 public:
  virtual ~Reconciler() = default;
  virtual void Stop() = 0;
};
// The client through which a site is read, null when it is not read now: calls of the night and of the poller share
// their pace and their breaker.
using ClientOfSite = std::function<std::shared_ptr<WsClient>(const std::string& site)>;
// Everything handed in outlives it.
absl::StatusOr<std::unique_ptr<Reconciler>> StartReconciler(ReconcilerOptions options, store::Database& database,
                                                            Directory& directory, ClientOfSite client_of,
                                                            std::shared_ptr<const DimensionMap> dimensions,
                                                            Metrics& metrics, const Clock& clock,
                                                            std::function<void()> wake);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_API_RECONCILE_H_
