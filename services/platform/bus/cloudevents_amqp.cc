#include "platform/bus/cloudevents_amqp.h"

#include <amqp.h>
#include <amqp_framing.h>
#include <fmt/format.h>

#include <charconv>

#include "absl/time/time.h"

namespace compagnon::bus {
namespace {

constexpr char kTimeFormat[] = "%Y-%m-%d%ET%H:%M:%E6SZ";

amqp_bytes_t Bytes(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }
std::string_view View(amqp_bytes_t bytes) { return {static_cast<const char*>(bytes.bytes), bytes.len}; }

}  // namespace

struct AmqpProperties::Impl {
  std::string time, sequence;
  std::array<amqp_table_entry_t, 6> headers;
  amqp_basic_properties_t properties = {};
};

AmqpProperties::AmqpProperties(const Message& message, uint64_t sequence) : impl_(std::make_unique<Impl>()) {
  impl_->time = absl::FormatTime(kTimeFormat, absl::FromUnixMicros(message.time_us), absl::UTCTimeZone());
  impl_->sequence = fmt::format("{}", sequence);
  int count = 0;
  const auto add = [&](std::string_view key, std::string_view value) {
    amqp_table_entry_t& entry = impl_->headers[count++];
    entry.key = Bytes(key);
    entry.value.kind = AMQP_FIELD_KIND_UTF8;
    entry.value.value.bytes = Bytes(value);
  };
  add("cloudEvents:specversion", "1.0");
  add("cloudEvents:id", message.id);
  add("cloudEvents:source", message.source);
  add("cloudEvents:type", message.type);
  add("cloudEvents:time", impl_->time);
  if (!message.traceparent.empty()) add("cloudEvents:traceparent", message.traceparent);
  amqp_basic_properties_t& p = impl_->properties;
  p._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_HEADERS_FLAG |
             AMQP_BASIC_CORRELATION_ID_FLAG;
  p.content_type = amqp_cstring_bytes("application/protobuf");
  p.delivery_mode = AMQP_DELIVERY_PERSISTENT;
  p.headers = {count, impl_->headers.data()};
  p.correlation_id = Bytes(impl_->sequence);
}

AmqpProperties::~AmqpProperties() = default;

const amqp_basic_properties_t& AmqpProperties::get() const { return impl_->properties; }

void ReadAmqpProperties(const amqp_basic_properties_t& properties, Message* message) {
  if (!(properties._flags & AMQP_BASIC_HEADERS_FLAG)) return;
  constexpr std::string_view kPrefix = "cloudEvents:";
  for (int i = 0; i < properties.headers.num_entries; ++i) {
    const amqp_table_entry_t& entry = properties.headers.entries[i];
    std::string_view key = View(entry.key);
    if (key.substr(0, kPrefix.size()) != kPrefix) continue;
    key.remove_prefix(kPrefix.size());
    if (entry.value.kind != AMQP_FIELD_KIND_UTF8 && entry.value.kind != AMQP_FIELD_KIND_BYTES) continue;
    const std::string_view value = View(entry.value.value.bytes);
    if (key == "id") {
      message->id = value;
    } else if (key == "source") {
      message->source = value;
    } else if (key == "type") {
      message->type = value;
    } else if (key == "traceparent") {
      message->traceparent = value;
    } else if (key == "time") {
      absl::Time time;
      if (absl::ParseTime(absl::RFC3339_full, absl::string_view(value.data(), value.size()), &time, nullptr))
        message->time_us = absl::ToUnixMicros(time);
    }
  }
}

uint64_t ReadSequence(const amqp_basic_properties_t& properties) {
  uint64_t sequence = 0;
  if (!(properties._flags & AMQP_BASIC_CORRELATION_ID_FLAG)) return 0;
  const std::string_view text = View(properties.correlation_id);
  return std::from_chars(text.data(), text.data() + text.size(), sequence).ec == std::errc() ? sequence : 0;
}

}  // namespace compagnon::bus
