#include "moodle/store/full_publication.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "compagnon/event/v1/full.pb.h"
#include "moodle/domain/slim.h"
#include "platform/base/trace.h"
#include "platform/bus/outbox.h"

namespace compagnon::moodle {

absl::Status PublishFull(store::Session& session, std::string_view site, std::string_view epoch,
                         absl::Span<const MoodleEvent> events) {
  std::vector<bus::Message> messages;
  messages.reserve(events.size());
  const std::string traceparent = NewTraceparent();
  for (const MoodleEvent& event : events) {
    if (event.raw.empty()) continue;
    event::v1::FullEvent full;
    full.set_site(site.data(), site.size());
    full.set_epoch(epoch.data(), epoch.size());
    full.set_seq(event.seq);
    full.set_uuid(event.uuid);
    full.set_row(event.raw);
    full.set_content_hash(event.content_hash);
    full.set_recorded_us(event.recorded_us);
    bus::Message message;
    message.exchange = "audit";
    message.routing_key = RoutingKey(site, event.component, event.target, event.action);
    message.id = absl::StrCat(std::string(epoch), "/", event.seq);
    message.source = absl::StrCat("/sites/", std::string(site));
    message.type = event.name;
    message.time_us = event.occurred_us;
    message.traceparent = traceparent;
    message.data = full.SerializeAsString();
    messages.push_back(std::move(message));
  }
  return bus::AppendToOutbox(session, messages);
}

}  // namespace compagnon::moodle
