#include <CLI/CLI.hpp>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "compagnon/modules.h"
#include "compagnon/parts.h"
#include "compagnon/verbs.h"

namespace compagnon {
namespace {

// Certificates and keys are read as the server would read them: a key that does not fit is better met here than at a
// start.
absl::Status CheckKeys(const Config& config) {
  if (const rpc::TlsFiles files = TlsOf(config); files.given()) {
    const auto end = rpc::CheckTlsFiles(files, SystemClock().Now());
    if (!end.ok()) return absl::InvalidArgumentError(end.status().message());
  }
  if (config.rpc.signing_key_file.empty()) return absl::OkStatus();
  return rpc::SigningKey::Load(config.rpc.signing_key_file).status();
}

}  // namespace

void AddConfig(CLI::App& app, Invocation& invocation) {
  CLI::App* verb = app.add_subcommand("config", invocation.Say("vérifie la configuration ou en écrit un modèle",
                                                               "checks the configuration or writes an example"));
  verb->require_subcommand(1);
  CLI::App* check =
      verb->add_subcommand("check", invocation.Say("dit toutes les erreurs, ou ce que la configuration veut dire",
                                                   "tells all mistakes, or what the configuration means"));
  check->callback([&invocation] {
    invocation.run = [&invocation]() -> absl::Status {
      ASSIGN_OR_RETURN(const Config config, invocation.Load());
      RETURN_IF_ERROR(CheckModules(config, {}, invocation.locale));
      RETURN_IF_ERROR(CheckKeys(config));
      std::cout << (invocation.config_path.empty()
                        ? invocation.Say("Aucun fichier : valeurs par défaut et environnement.",
                                         "No file: defaults and environment.")
                        : invocation.config_path)
                << "\n"
                << ExplainConfig(config, invocation.locale);
      return absl::OkStatus();
    };
  });
  CLI::App* example =
      verb->add_subcommand("example", invocation.Say("écrit toutes les clés, expliquées, à leur valeur par défaut",
                                                     "writes every key, explained, at its default"));
  example->callback([&invocation] {
    invocation.run = [&invocation]() -> absl::Status {
      std::cout << ConfigExample(invocation.locale);
      return absl::OkStatus();
    };
  });
}

}  // namespace compagnon
