#ifndef COMPAGNON_PLATFORM_BUS_TOPIC_H_
#define COMPAGNON_PLATFORM_BUS_TOPIC_H_

#include <string_view>

namespace compagnon::bus {

// Whether an AMQP 0-9-1 topic binding (section 3.1.3.3) matches a routing key: words separated by dots, * is exactly
// one word, # zero or more. As in RabbitMQ the empty key has no word at all, and "a." has two.
bool TopicMatches(std::string_view pattern, std::string_view routing_key);

}  // namespace compagnon::bus

#endif  // COMPAGNON_PLATFORM_BUS_TOPIC_H_
