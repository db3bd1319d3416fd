#ifndef COMPAGNON_MOODLE_WIRE_H_
#define COMPAGNON_MOODLE_WIRE_H_

#include <memory>

#include "platform/rpc/module.h"

namespace compagnon::moodle {

// Builds the module out of the parts a process has; the only place where its classes meet.
std::unique_ptr<Module> MakeModule(const Parts& parts);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_WIRE_H_
