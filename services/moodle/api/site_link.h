#ifndef COMPAGNON_MOODLE_API_SITE_LINK_H_
#define COMPAGNON_MOODLE_API_SITE_LINK_H_

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "moodle/api/ws_client.h"
#include "moodle/intake/bridge_parser.h"
#include "moodle/store/directory_writer.h"
#include "moodle/store/site_store.h"
#include "platform/base/clock.h"
#include "platform/base/status.h"
#include "platform/store/sql.h"

namespace compagnon::moodle {

// What the links of all sites share and how they behave.
struct LinkOptions {
  std::string holder;  // names this process in leases
  std::string subscriber = "compagnon";
  bool publish_full = false;  // a module audit is listed
  int page_rows = 5000;
  int page_bytes = 4 << 20;
  int export_rows = 2000;
  absl::Duration poll_active = absl::Seconds(2);
  absl::Duration poll_idle = absl::Seconds(60);
  absl::Duration stays_active = absl::Seconds(30);
  absl::Duration lease = absl::Seconds(30);           // kept up by Renew() however long a call takes
  absl::Duration coverage_every = absl::Seconds(1);   // CoverageState is published at most this often
  absl::Duration pass_every = absl::Hours(24);        // a rolling full pass begins this long after the last one ended
  absl::Duration pass_page_every = absl::Seconds(5);  // pace of a rolling pass; the first pass runs at full speed
  int64_t ack_every = 25000;                          // rows, while catching up
};

// What happened, for metrics. Called on the link's thread.
struct LinkEvents {
  std::function<void(const PullPage&)> on_page = [](const PullPage&) {};   // answered, before the commit
  std::function<void(const PullPage&)> on_taken = [](const PullPage&) {};  // committed
  std::function<void(const SiteHealth&, absl::Duration lag)> on_health = [](const SiteHealth&, absl::Duration) {};
  std::function<void()> on_commit = [] {};  // wakes the outbox relay
};

// The reading of one site: lease, pull, one transaction, acknowledgement; export passes in between; stops where an
// operator must decide. One thread at a time, but for Renew(). Any number of processes may run a link of the same site:
// the lease holder reads, the others stand by, and a holder that was fenced out cannot commit.
class SiteLink {
 public:
  // Everything handed in outlives the link.
  SiteLink(SiteConfig site, LinkOptions options, LinkEvents events, WsClient& client, store::Database& database,
           DirectoryWriter& directory, const Clock& clock);
  ~SiteLink();

  // One step: at most one page pulled and committed, or one export page. Answers when to come again.
  absl::Duration Step();

  // Keeps the lease while a step is under way: one call may last longer than the lease. From any one thread, every
  // third of a lease or more often; writes only when there is something to keep.
  void Renew();

  // Gives the lease back, so that another process need not wait for it to run out.
  void Release();

  const SiteHealth& health() const { return health_; }

 private:
  // Under the lease, with `cursor_` as the database has it. False: another process reads this site, or the database is
  // down.
  bool HoldLease();
  absl::Duration PullStep();
  absl::Duration ExportStep(const ExportPass& pass);
  absl::StatusOr<PullPage> FetchPage(const SiteCursor& from);
  // Why the answer must not be taken ("fingerprint_changed", "epoch_changed", "cursorreset"), "" when it may.
  std::string_view WhyStop(const PullPage& page) const;
  absl::Status Commit(PullPage& page, absl::Time asked_at, bool caught_up);
  void Acknowledge(bool caught_up);
  absl::Duration Stop(std::string_view problem, std::string_view seen_epoch, std::string_view seen_fingerprint);
  absl::Duration Failed(const absl::Status& status);
  absl::Duration NotCommitted(const absl::Status& status, size_t events);
  void SmallerPages();
  absl::Duration Pause() const;
  absl::Duration UntilNext() const;
  // The pass in hand, one that was queued, or a new one when the last full pass is old.
  std::optional<ExportPass> DuePass(absl::Time now);

  const SiteConfig site_;
  const LinkOptions options_;
  const LinkEvents events_;
  WsClient& client_;
  store::Database& database_;
  DirectoryWriter& directory_;
  const Clock& clock_;
  BridgeParser parser_;

  SiteCursor cursor_;
  SiteHealth health_;
  bool holding_ = false;
  std::atomic<int64_t> held_term_ = 0;         // for Renew(); 0 = no lease
  absl::Time renewed_ = absl::InfinitePast();  // Renew()'s own
  absl::Time lease_until_ = absl::InfinitePast();
  absl::Time last_rows_ = absl::InfinitePast();
  absl::Time last_coverage_ = absl::InfinitePast();
  absl::Time next_pass_page_ = absl::InfinitePast();
  int faults_in_a_row_ = 0;
  int page_rows_;  // asked for; less than options_.page_rows while the site is slow or a row that cannot be stored is
                   // looked for
  int rows_put_aside_ = 0;  // one after the other
  bool pulled_last_ = false;
  bool export_refused_ = false;  // the kind in hand, since the last call that was answered or that failed otherwise
  absl::Time next_pull_ = absl::InfinitePast();
  bool pass_may_wait_ = true;  // false once the database said that no pass is due, until `pass_checked_` is old
  absl::Time pass_checked_ = absl::InfinitePast();
};

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_API_SITE_LINK_H_
