#include "moodle_double/simulate_verb.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "compagnon/verbs.h"

namespace compagnon {

void AddSimulate(CLI::App& app, Invocation& invocation) {
  const auto options = std::make_shared<moodle_double::SimulateOptions>();
  moodle_double::SiteParameters& site = options->site;
  CLI::App* verb = app.add_subcommand(
      "simulate",
      invocation.Say("écrit le journal d’un Moodle simulé, pour essais et charges ; mêmes options, mêmes octets",
                     "writes the log of a simulated Moodle, for trials and loads; same options, same bytes"));
  verb->add_option("--learners", site.learners, invocation.Say("apprenants", "learners"))
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  verb->add_option("--weeks", site.weeks, invocation.Say("semaines d’activité", "weeks of activity"))
      ->check(CLI::Range(1, 520))
      ->capture_default_str();
  verb->add_option("--seed", site.seed,
                   invocation.Say("graine : une autre, un autre site", "seed: another one, another site"))
      ->capture_default_str();
  verb->add_option("--site", site.code, invocation.Say("code du site", "code of the site"))->capture_default_str();
  verb->add_option("--out", options->out,
                   invocation.Say("fichier à écrire (.gz : comprimé)", "file to write (.gz: compressed)"))
      ->required()
      ->type_name("FILE");
  verb->add_option("--files-dir", options->files_dir,
                   invocation.Say("dossier où écrire aussi people.csv, courses.csv, assessments.csv",
                                  "folder for people.csv, courses.csv, assessments.csv besides"))
      ->type_name("FILE");
  verb->add_flag("--bridge-rows", options->bridge_rows,
                 invocation.Say("lignes du pont au lieu du journal", "rows of the bridge instead of the log"));
  verb->callback([&invocation, options] {
    invocation.run = [&invocation, options]() -> absl::Status {
      options->progress = IsTerminal(STDERR_FILENO);
      ASSIGN_OR_RETURN(const auto result, moodle_double::Simulate(*options));
      std::cout << result.events << invocation.Say(" événements, sha256 ", " events, sha256 ") << result.sha256 << "\n";
      return absl::OkStatus();
    };
  });
}

}  // namespace compagnon
