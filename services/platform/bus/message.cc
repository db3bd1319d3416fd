#include <fmt/format.h>

#include "platform/bus/bus.h"
#include "platform/store/statement_text.h"

namespace compagnon::bus {

absl::Status CheckMessage(const Message& message) {
  const auto refuse = [&](std::string_view what) {
    return WithReason(absl::InvalidArgumentError(fmt::format("a message for the bus {}", what)), "bus_message_invalid");
  };
  if (message.data.size() > kMaxMessageBytes) {
    return refuse(fmt::format("holds {} bytes, more than the limit of {}", message.data.size(), kMaxMessageBytes));
  }
  if (message.exchange.empty() || message.exchange.size() > 255) return refuse("needs an exchange of 1 to 255 bytes");
  if (message.routing_key.size() > 255) return refuse("has a routing key of more than 255 bytes");
  for (const std::string* text :
       {&message.exchange, &message.routing_key, &message.id, &message.source, &message.type, &message.traceparent}) {
    if (!store::IsStorableText(*text)) return refuse("has an attribute that is not UTF-8 or holds NUL");
  }
  return absl::OkStatus();
}

}  // namespace compagnon::bus
