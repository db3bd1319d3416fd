#include <CLI/CLI.hpp>
#include <iostream>

#include "compagnon/serve.h"
#include "compagnon/verbs.h"

namespace compagnon {

void AddServe(CLI::App& app, Invocation& invocation) {
  const auto modules = std::make_shared<std::vector<std::string>>();
  CLI::App* verb = app.add_subcommand(
      "serve", invocation.Say("fait tourner les modules jusqu’à SIGTERM (tous, ou ceux que l’on nomme)",
                              "runs the modules until SIGTERM (all of them, or those named)"));
  verb->add_option("module", *modules,
                   invocation.Say("modules à servir dans ce processus", "modules to serve in this process"))
      ->type_name("MODULE");
  verb->callback([&invocation, modules] {
    invocation.run = [&invocation, modules]() -> absl::Status {
      ASSIGN_OR_RETURN(const Config config, invocation.Load());
      return Serve(config, *modules, invocation.locale, std::cout);
    };
  });
}

}  // namespace compagnon
