#ifndef COMPAGNON_EDGE_WIRE_H_
#define COMPAGNON_EDGE_WIRE_H_

#include <memory>

#include "platform/rpc/module.h"

namespace compagnon::edge {

// Builds the module out of the parts a process has; the only place where its classes meet.
std::unique_ptr<Module> MakeModule(const Parts& parts);

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_WIRE_H_
