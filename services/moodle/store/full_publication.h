#ifndef COMPAGNON_MOODLE_STORE_FULL_PUBLICATION_H_
#define COMPAGNON_MOODLE_STORE_FULL_PUBLICATION_H_

#include <string_view>

#include "absl/types/span.h"
#include "moodle/domain/moodle_event.h"
#include "platform/base/status.h"
#include "platform/store/sql.h"

namespace compagnon::moodle {

// Adds the rows as they came (MoodleEvent::raw, after redaction at intake) to the outbox for the exchange `audit`,
// bound by audit alone. Their id on the bus is (site, epoch, seq). Rows without raw bytes are left out.
absl::Status PublishFull(store::Session& session, std::string_view site, std::string_view epoch,
                         absl::Span<const MoodleEvent> events);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_STORE_FULL_PUBLICATION_H_
