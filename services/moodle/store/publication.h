#ifndef COMPAGNON_MOODLE_STORE_PUBLICATION_H_
#define COMPAGNON_MOODLE_STORE_PUBLICATION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "moodle/domain/moodle_event.h"
#include "platform/base/status.h"
#include "platform/store/sql.h"

namespace compagnon::event::v1 {
class SlimEvent;
}

namespace compagnon::moodle {

// Pseudonyms of a site's users (table person_key). Positive random int64, made at first sight, unique per suite.
// Works inside the caller's transaction; answers in the order asked; user 0 gives 0. Bulk: one round trip per call.
absl::StatusOr<std::vector<int64_t>> PseudonymsOf(store::Session& session, std::string_view site,
                                                  absl::Span<const int64_t> users);

// Adds events to the outbox as slim messages. Events whose stream is "site" get their pos here (dense from 1 per site,
// counter row locked until the transaction ends, so that pos order is commit order); a log stream's events bring their
// pos. Fills site, stream ids, routing key, CloudEvents attributes. Body, occurred, recorded are the caller's.
absl::Status PublishSlim(store::Session& session, std::string_view site, absl::Span<event::v1::SlimEvent> events);

// Filters, pseudonymises and publishes Moodle events (domain/slim.h) in `stream`: "site", or "log/<name>" with pos =
// event.seq. Answers how many were published. Bulk: a handful of statements for any number of events. Redaction at
// intake is the caller's, before.
absl::StatusOr<int64_t> PublishEvents(store::Session& session, std::string_view site, std::string_view stream,
                                      absl::Span<const MoodleEvent> events);

// Adds to the outbox again what PublishEvents made of `events` at first: the positions from `first_pos` on, none taken
// anew. Answers how many it would publish; nothing is added unless that is `expected`.
absl::StatusOr<int64_t> RepublishEvents(store::Session& session, std::string_view site, int64_t first_pos,
                                        int64_t expected, absl::Span<const MoodleEvent> events);
// Says that the positions [first_pos, last_pos] will never be said again (VoidState). `lost`: the span [from, to) of
// `recorded` whose events are lost with them; none when they held states, which are published anew.
absl::Status PublishVoid(store::Session& session, std::string_view site, int64_t first_pos, int64_t last_pos,
                         std::optional<std::pair<int64_t, int64_t>> lost, int64_t now_us);

// Highest pos given out in the site's stream "site", 0 when none; the counter row stays locked until the transaction
// ends.
absl::StatusOr<int64_t> LastSitePos(store::Session& session, std::string_view site);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_STORE_PUBLICATION_H_
