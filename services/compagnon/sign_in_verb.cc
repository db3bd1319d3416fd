#include <CLI/CLI.hpp>
#include <iostream>

#include "compagnon/parts.h"
#include "compagnon/verbs.h"
#include "edge/sign_in.h"

namespace compagnon {

void AddSignIn(CLI::App& app, Invocation& invocation) {
  const auto grant = std::make_shared<edge::SignInGrant>();
  CLI::App* verb =
      app.add_subcommand("sign-in", invocation.Say("écrit un lien de connexion qui sert une fois, pendant 15 minutes",
                                                   "writes a sign-in link that works once, for 15 minutes"));
  verb->add_option("--person", grant->person,
                   invocation.Say("identifiant stable, ni nom ni adresse", "stable id, neither a name nor an address"))
      ->required()
      ->type_name("ID");
  verb->add_option("--profile", grant->profile, "coordinator | auditor | operator | reader")
      ->required()
      ->type_name("PROFILE");
  verb->add_option("--scope", grant->scopes,
                   invocation.Say("« * » ou un chemin comme sites/sn1 ; répétable",
                                  "\"*\" or a path like sites/sn1; repeatable"))
      ->required()
      ->type_name("SCOPE");
  verb->callback([&invocation, grant] {
    invocation.run = [&invocation, grant]() -> absl::Status {
      ASSIGN_OR_RETURN(const Config config, invocation.Load());
      RETURN_IF_ERROR(edge::CheckGrant(*grant));
      RETURN_IF_ERROR(MakeDataDir(config));
      ASSIGN_OR_RETURN(const auto keys, OpenKeys(config, SystemClock()));
      ASSIGN_OR_RETURN(const std::string link, edge::CreateSignInLink(*keys, config.edge.public_url, *grant));
      // The link alone on standard output: a script takes it as it is.
      std::cout << link << "\n";
      return absl::OkStatus();
    };
  });
}

}  // namespace compagnon
