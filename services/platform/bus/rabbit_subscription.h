#ifndef COMPAGNON_PLATFORM_BUS_RABBIT_SUBSCRIPTION_H_
#define COMPAGNON_PLATFORM_BUS_RABBIT_SUBSCRIPTION_H_

#include <memory>
#include <string>

#include "platform/bus/bus.h"
#include "platform/bus/rabbit_connection.h"

namespace compagnon::bus {

// Consumes over a connection of its own. Two threads: one reads and acknowledges, so that heartbeats run and the next
// batch gathers while the other is in the handler.
std::unique_ptr<Subscription> NewRabbitSubscription(const RabbitOptions& options,
                                                    std::shared_ptr<const RabbitTopology> topology, std::string queue,
                                                    SubscribeOptions subscribe, BatchHandler handler);

}  // namespace compagnon::bus

#endif  // COMPAGNON_PLATFORM_BUS_RABBIT_SUBSCRIPTION_H_
