#include "compagnon/modules.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "analytics/wire.h"
#include "compagnon/text.h"
#include "edge/wire.h"
#include "moodle/wire.h"

namespace compagnon {

absl::Span<const ModuleEntry> AllModules() {
  // The list of modules. The edge comes last: it starts when those it asks are there, and drains before them.
  static const auto& modules = *new std::vector<ModuleEntry>{
      {"moodle", &moodle::MakeModule, {}},
      {"analytics", &analytics::MakeModule, {{"analytics.events", "events", {"moodle.#"}}}},
      {"edge", &edge::MakeModule, {}},
  };
  return modules;
}

std::vector<std::string> AllModuleNames() {
  std::vector<std::string> names;
  for (const ModuleEntry& module : AllModules()) names.emplace_back(module.name);
  return names;
}

const ModuleEntry* FindModule(std::string_view name) {
  const auto modules = AllModules();
  const auto found = std::find_if(modules.begin(), modules.end(), [&](const ModuleEntry& m) { return m.name == name; });
  return found == modules.end() ? nullptr : &*found;
}

bus::Topology TopologyOf(const std::vector<std::string>& modules) {
  bus::Topology topology;
  for (const ModuleEntry& module : AllModules()) {
    if (std::find(modules.begin(), modules.end(), module.name) == modules.end()) continue;
    topology.queues.insert(topology.queues.end(), module.queues.begin(), module.queues.end());
  }
  return topology;
}

absl::Status CheckModules(const Config& config, const std::vector<std::string>& here, std::string_view locale) {
  const std::string known = absl::StrJoin(AllModuleNames(), ", ");
  for (const std::string& name : config.modules) {
    if (FindModule(name) != nullptr) continue;
    return absl::InvalidArgumentError(
        Say(locale, absl::StrCat("modules : « ", name, " » n’existe pas dans cette version ; elle a ", known),
            absl::StrCat("modules: \"", name, "\" does not exist in this release; it has ", known)));
  }
  for (const std::string& name : here) {
    if (std::find(config.modules.begin(), config.modules.end(), name) != config.modules.end()) continue;
    const std::string listed = absl::StrJoin(config.modules, ", ");
    return absl::InvalidArgumentError(
        Say(locale, absl::StrCat("le module « ", name, " » n’est pas dans la configuration (modules = ", listed, ")"),
            absl::StrCat("the module \"", name, "\" is not in the configuration (modules = ", listed, ")")));
  }
  const bool apart = !here.empty() && here.size() < config.modules.size();
  if (apart && config.bus.backend == "embedded") {
    return absl::InvalidArgumentError(
        Say(locale,
            "le bus embarqué ne relie que les modules d’un même processus : bus.backend = \"rabbitmq\", ou servez-les "
            "ensemble",
            "the embedded bus links modules of one process only: bus.backend = \"rabbitmq\", or serve them together"));
  }
  if (apart && config.rpc.signing_key_file.empty()) {
    return absl::InvalidArgumentError(
        Say(locale, "rpc.signing_key_file manque : les autres processus doivent connaître cette clé",
            "rpc.signing_key_file is missing: the other processes must know this key"));
  }
  return absl::OkStatus();
}

}  // namespace compagnon
