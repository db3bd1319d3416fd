#ifndef COMPAGNON_ANALYTICS_WIRE_H_
#define COMPAGNON_ANALYTICS_WIRE_H_

#include <memory>

#include "platform/rpc/module.h"

namespace compagnon::analytics {

// Builds the module out of the parts a process has; the only place where its classes meet.
std::unique_ptr<Module> MakeModule(const Parts& parts);

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_WIRE_H_
