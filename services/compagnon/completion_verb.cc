#include <CLI/CLI.hpp>
#include <iostream>

#include "compagnon/tree.h"
#include "compagnon/verbs.h"

namespace compagnon {

void AddCompletion(CLI::App& app, Invocation& invocation) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand(
      "completion", invocation.Say("écrit la complétion d’un shell : source <(compagnon completion bash)",
                                   "writes a shell's completion: source <(compagnon completion bash)"));
  verb->add_option("shell", *shell, "bash | zsh | fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->type_name("SHELL");
  verb->callback([&app, &invocation, shell] {
    invocation.run = [&app, shell] {
      std::cout << CompletionFor(TreeOf(app), *shell);
      return absl::OkStatus();
    };
  });
}

void AddMan(CLI::App& app, Invocation& invocation) {
  CLI::App* verb = app.add_subcommand("man", invocation.Say("écrit la page de manuel : compagnon man | man -l -",
                                                            "writes the man page: compagnon man | man -l -"));
  verb->callback([&app, &invocation] {
    invocation.run = [&app, &invocation] {
      std::cout << ManPage(TreeOf(app), invocation.locale, COMPAGNON_VERSION);
      return absl::OkStatus();
    };
  });
}

}  // namespace compagnon
