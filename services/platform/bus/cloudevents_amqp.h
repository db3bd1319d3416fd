#ifndef COMPAGNON_PLATFORM_BUS_CLOUDEVENTS_AMQP_H_
#define COMPAGNON_PLATFORM_BUS_CLOUDEVENTS_AMQP_H_

#include <array>
#include <memory>
#include <string>

#include "platform/bus/bus.h"

struct amqp_basic_properties_t_;

namespace compagnon::bus {

// A message's AMQP properties in the CloudEvents 1.0 AMQP binding, binary mode
// (cloudevents/bindings/amqp-protocol-binding.md): content-type of the data, and each attribute as
// "cloudEvents:<name>", here in the headers table of AMQP 0-9-1. The binding's time is RFC 3339 text. Holds pointers
// into `message` and into itself: keep both until the message is sent.
class AmqpProperties {
 public:
  // `sequence` travels as correlation-id, so that a returned message is told from its neighbours.
  AmqpProperties(const Message& message, uint64_t sequence);
  ~AmqpProperties();
  AmqpProperties(const AmqpProperties&) = delete;
  AmqpProperties& operator=(const AmqpProperties&) = delete;
  const amqp_basic_properties_t_& get() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Fills id, source, type, time and traceparent from a received message's properties. A header that is missing, of
// another type or unreadable leaves its field empty: a foreign message is for the consumer to refuse.
void ReadAmqpProperties(const amqp_basic_properties_t_& properties, Message* message);
// The sequence given to AmqpProperties, 0 when there is none.
uint64_t ReadSequence(const amqp_basic_properties_t_& properties);

}  // namespace compagnon::bus

#endif  // COMPAGNON_PLATFORM_BUS_CLOUDEVENTS_AMQP_H_
