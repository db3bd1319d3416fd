#ifndef COMPAGNON_MOODLE_STORE_SITE_STORE_H_
#define COMPAGNON_MOODLE_STORE_SITE_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "moodle/domain/bridge.h"
#include "platform/base/status.h"
#include "platform/store/sql.h"

namespace compagnon::moodle {

// Same numbers as compagnon.moodle.v1.LinkState.
enum class Link { kUnspecified = 0, kOk = 1, kCatchingUp = 2, kUnreachable = 3, kNeedsOperator = 4, kFileOnly = 5 };

// A site as configured. `sealed_token` is what TokenSeal made; "" for a site filled from files.
struct SiteConfig {
  std::string code, title, url, time_zone, sealed_token;
  int64_t changed_us = 0;  // when any of it changed last: a poller builds its client anew
};

// Where the reading of a site stands.
struct SiteCursor {
  std::string epoch;
  int64_t seq = 0, acked = 0;
  std::string fingerprint;                   // confirmed one; "" before first contact
  std::string seen_epoch, seen_fingerprint;  // what the last answer said, for the operator's confirmation
  int64_t began_us = 0;                      // from when on the epoch's rows are complete; 0 = not known yet
  int64_t term = 0;
};

struct SiteHealth {
  Link link = Link::kUnspecified;
  std::string problem;
  int64_t last_answer_us = 0, last_event_us = 0, backlog = 0, faults = 0;
  bool operator==(const SiteHealth&) const = default;
};

struct SiteRecord {
  SiteConfig config;
  SiteCursor cursor;
  SiteHealth health;
};

// [a-z0-9-]{1,32}
bool IsSiteCode(std::string_view code);

// All of it works inside the caller's transaction.
absl::Status PutSite(store::Session& session, const SiteConfig& site, int64_t now_us);
// By code, those after `after`, at most `limit` (0 = all).
absl::StatusOr<std::vector<SiteRecord>> ListSites(store::Session& session, std::string_view after = "", int limit = 0);
// NotFound "site_not_found".
absl::StatusOr<SiteRecord> GetSite(store::Session& session, std::string_view code);

// Takes the site's lease for `holder` until `until_us`, with a new term, when it is free or has run out; renews it when
// `holder` has it. Answers the cursor under that lease; nothing when another holds it.
absl::StatusOr<std::optional<SiteCursor>> TakeLease(store::Session& session, std::string_view site,
                                                    std::string_view holder, int64_t now_us, int64_t until_us);
// Keeps the lease of `term` until `until_us`, even if it had run out, unless another took it meanwhile: then nothing
// happens.
absl::Status KeepLease(store::Session& session, std::string_view site, std::string_view holder, int64_t term,
                       int64_t until_us);
absl::Status DropLease(store::Session& session, std::string_view site, std::string_view holder, int64_t term);

// Moves the cursor. FailedPrecondition "fenced" when the term is no longer the holder's or the cursor is not where it
// was: the whole transaction must be given up.
absl::Status MoveCursor(store::Session& session, std::string_view site, const SiteCursor& from, const SiteCursor& to);
absl::Status NoteAck(store::Session& session, std::string_view site, int64_t term, int64_t acked);

// The operator's decisions. They take the lease away (a new term), so that no holder goes on with what it believed.
absl::Status AcceptFingerprint(store::Session& session, std::string_view site);  // the one seen last
absl::Status StartNewEpoch(store::Session& session, std::string_view site,
                           int64_t now_us);  // reads from the start of the plugin's epoch, queues a full pass
absl::Status CutLink(store::Session& session, std::string_view site,
                     int64_t now_us);  // address and token go; the site is filled from files from now on

absl::Status PutHealth(store::Session& session, std::string_view site, const SiteHealth& health);

// Adds what a page held and sets what the plugin counted, per UTC day.
absl::Status AddPulled(store::Session& session, std::string_view site, absl::Span<const DayCount> pulled);
absl::Status SetCounted(store::Session& session, std::string_view site, absl::Span<const DayCount> counted);
// Publishes CompletenessState of the days that changed since they were published last. True when there were any.
absl::StatusOr<bool> PublishCompleteness(store::Session& session, std::string_view site, int64_t now_us);

// One committed page: which positions its events got, for replay.
struct SlimPage {
  std::string epoch;
  int64_t first_seq = 0, last_seq = 0, first_pos = 0, events = 0, last_recorded_us = 0;
};
absl::Status AddSlimPage(store::Session& session, std::string_view site, const SlimPage& page);
// By position. `epoch` "" = every epoch.
absl::StatusOr<std::vector<SlimPage>> SlimPages(store::Session& session, std::string_view site, std::string_view epoch,
                                                int64_t recorded_from_us);

// Forgets pages whose last row was recorded before `recorded_before_us`, but the last of each epoch: that it was read
// is never forgotten.
absl::Status PruneSlimPages(store::Session& session, std::string_view site, int64_t recorded_before_us);

absl::Status AddRejected(store::Session& session, std::string_view site, std::string_view epoch,
                         absl::Span<const RejectedRow> rows, int64_t now_us);
absl::Status PruneRejected(store::Session& session, std::string_view site, int64_t before_us);
// kind: "missing_seq", "gap", "cursorreset", "fingerprint_changed", "epoch_changed", "mass_delete_guard", "faults",
// "unreadable_export" (first and last id of the page).
absl::Status AddIncident(store::Session& session, std::string_view site, std::string_view kind, std::string_view epoch,
                         int64_t first_seq, int64_t last_seq, int64_t now_us);
// What was written down about a site for a person to read, newest first.
struct Noted {
  std::string what;   // incident's kind, reason of rejected rows, "kind:fault kind:fault" of a pass
  int64_t count = 0;  // of incidents or rows; 1 for a pass
  int64_t last_us = 0;
};
struct SiteNotes {
  std::vector<Noted> incidents, rejected, passes;
};
absl::StatusOr<SiteNotes> NotesSince(store::Session& session, std::string_view site, int64_t since_us);

// A full export pass, or one of a course (course > 0). `kind` indexes ExportKinds().
struct ExportPass {
  int64_t id = 0, course = 0;
  std::string reason;  // "first", "epoch", "rolling", "restored"
  int64_t kind = 0, after_id = 0, started_us = 0, ended_us = 0;
  int64_t rejected = 0;  // lines of the kind in hand that could not be read
};
// Kinds of a directory pass, in the order in which the directory needs them.
absl::Span<const std::string_view> ExportKinds();
// Queues a pass unless one of the same course waits that has not begun.
absl::Status QueuePass(store::Session& session, std::string_view site, int64_t course, std::string_view reason,
                       int64_t now_us);
// The pass in hand or next; nothing when none waits.
absl::StatusOr<std::optional<ExportPass>> CurrentPass(store::Session& session, std::string_view site);
// `problem` ("kind:fault") is added to those that the pass has had.
absl::Status PutPass(store::Session& session, std::string_view site, const ExportPass& pass,
                     std::string_view problem = "");
// When the last full pass ended; 0 = never.
absl::StatusOr<int64_t> LastFullPassEnd(store::Session& session, std::string_view site);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_STORE_SITE_STORE_H_
