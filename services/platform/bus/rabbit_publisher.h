#ifndef COMPAGNON_PLATFORM_BUS_RABBIT_PUBLISHER_H_
#define COMPAGNON_PLATFORM_BUS_RABBIT_PUBLISHER_H_

#include <memory>

#include "platform/bus/bus.h"
#include "platform/bus/rabbit_connection.h"

namespace compagnon::bus {

// Publishes with confirms and `mandatory`, over a connection opened at the first call and again after each failure.
std::unique_ptr<Publisher> NewRabbitPublisher(const RabbitOptions& options,
                                              std::shared_ptr<const RabbitTopology> topology);

}  // namespace compagnon::bus

#endif  // COMPAGNON_PLATFORM_BUS_RABBIT_PUBLISHER_H_
