#include <grpc/support/log.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "compagnon/parts.h"
#include "compagnon/verbs.h"

namespace compagnon {

void AddProbe(CLI::App& app, Invocation& invocation) {
  struct Options {
    std::string address, name;
    int timeout_ms = 2000;
    bool plain = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* verb =
      app.add_subcommand("probe", invocation.Say("demande l’état de santé d’un processus (code 0 : il sert)",
                                                 "asks how a process is (exit 0: it serves)"));
  verb->add_option("address", options->address, invocation.Say("hôte:port", "host:port"))
      ->required()
      ->type_name("HOST:PORT");
  verb->add_option("name", options->name,
                   invocation.Say("ready, live, serving ou un module", "ready, live, serving or a module"))
      ->type_name("NAME");
  verb->add_option("--timeout-ms", options->timeout_ms,
                   invocation.Say("attente, en millisecondes", "patience, in milliseconds"))
      ->check(CLI::Range(1, 60000))
      ->capture_default_str();
  verb->add_flag("--plain", options->plain,
                 invocation.Say("sans TLS (rpc.health_listen)", "without TLS (rpc.health_listen)"));
  verb->callback([&invocation, options] {
    invocation.run = [&invocation, options]() -> absl::Status {
      gpr_set_log_function([](gpr_log_func_args*) {});  // the answer is one line, not a library's log
      rpc::TlsFiles tls;
      if (!options->plain) {
        ASSIGN_OR_RETURN(const Config config, invocation.Load());
        tls = TlsOf(config);
      }
      RETURN_IF_ERROR(rpc::Probe(options->address, options->name, tls, absl::Milliseconds(options->timeout_ms)));
      std::cout << "serving\n";
      return absl::OkStatus();
    };
  });
}

}  // namespace compagnon
