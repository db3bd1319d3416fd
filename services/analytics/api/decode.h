#ifndef COMPAGNON_ANALYTICS_API_DECODE_H_
#define COMPAGNON_ANALYTICS_API_DECODE_H_

#include "absl/types/span.h"
#include "analytics/store/event_batch.h"
#include "platform/bus/bus.h"

namespace compagnon::analytics {

// Turns messages of compagnon.event.v1.SlimEvent into plain structs. What does not decode or breaks a rule (no site, no
// stream, a position under 1, a moment outside 1970 to 2199, a state outside the stream "site") goes to the batch's
// poison, whose messages point into `deliveries`: the batch must not outlive them.
EventBatch Decode(absl::Span<const bus::Delivery> deliveries);

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_API_DECODE_H_
