#ifndef COMPAGNON_COMPAGNON_MODULES_H_
#define COMPAGNON_COMPAGNON_MODULES_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "platform/bus/bus.h"
#include "platform/rpc/module.h"

namespace compagnon {

// One module of this release.
struct ModuleEntry {
  std::string_view name;
  std::unique_ptr<Module> (*make)(const Parts& parts);
  // What it hears; declared by everybody before the first publish.
  std::vector<bus::Topology::Queue> queues;
};

// Every module of this release, in the order they start; they drain in the opposite one.
absl::Span<const ModuleEntry> AllModules();
std::vector<std::string> AllModuleNames();
const ModuleEntry* FindModule(std::string_view name);

// The queues of the modules listed in a configuration, wherever they run.
bus::Topology TopologyOf(const std::vector<std::string>& modules);

// Checks the names of a configuration's list, and those asked for on the command line against that list.
absl::Status CheckModules(const Config& config, const std::vector<std::string>& here, std::string_view locale);

}  // namespace compagnon

#endif  // COMPAGNON_COMPAGNON_MODULES_H_
