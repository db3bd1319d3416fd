// Verbs that read analytics' database: figures as CSV, digests of its layers, a rebuild asked for.
#include <CLI/CLI.hpp>
#include <iostream>

#include "analytics/cli.h"
#include "compagnon/parts.h"
#include "compagnon/verbs.h"
#include "platform/base/log.h"

namespace compagnon {
namespace {

absl::StatusOr<std::unique_ptr<store::Database>> Open(const Invocation& invocation) {
  SetLogLevel(LogLevel::kWarning);
  ASSIGN_OR_RETURN(const Config config, invocation.Load());
  return OpenDatabaseOf(config, "analytics");
}

}  // namespace

void AddAnalyticsVerbs(CLI::App& app, Invocation& invocation) {
  const auto name = std::make_shared<std::string>();
  CLI::App* figures = app.add_subcommand(
      "figures", invocation.Say("écrit en CSV les indicateurs d’un site, d’une session de cours ou d’une cohorte",
                                "writes the figures of a site, a course or a cohort as CSV"));
  figures
      ->add_option("name", *name,
                   invocation.Say("sites/CODE, sites/CODE/courses/ID ou …/cohorts/COHORTE",
                                  "sites/CODE, sites/CODE/courses/ID or .../cohorts/COHORT"))
      ->required()
      ->type_name("NAME");
  figures->callback([&invocation, name] {
    invocation.run = [&invocation, name]() -> absl::Status {
      ASSIGN_OR_RETURN(const std::unique_ptr<store::Database> database, Open(invocation));
      return analytics::WriteFigures(*database, *name, [](std::string piece) {
        std::cout << piece;
        return std::cout.good() ? absl::OkStatus() : absl::CancelledError("the output was closed");
      });
    };
  });

  const auto across_runs = std::make_shared<bool>(false);
  CLI::App* digest =
      app.add_subcommand("digest", invocation.Say("dit l’empreinte de chaque couche de données d’analytics",
                                                  "tells the digest of each layer of analytics' data"));
  digest->add_flag("--across-runs", *across_runs,
                   invocation.Say("sans les pseudonymes ni les positions, pour comparer deux installations",
                                  "without pseudonyms and positions, to compare two suites"));
  digest->callback([&invocation, across_runs] {
    invocation.run = [&invocation, across_runs]() -> absl::Status {
      ASSIGN_OR_RETURN(const std::unique_ptr<store::Database> database, Open(invocation));
      ASSIGN_OR_RETURN(const std::string lines, analytics::DigestLines(*database, *across_runs));
      std::cout << lines;
      return absl::OkStatus();
    };
  });

  const auto site = std::make_shared<std::string>();
  CLI::App* rebuild = app.add_subcommand(
      "rebuild", invocation.Say("fait recompter les indicateurs d’un site depuis les événements bruts",
                                "has the figures of a site counted again from its raw events"));
  rebuild->add_option("site", *site, invocation.Say("code du site", "code of the site"))->required()->type_name("SITE");
  rebuild->callback([&invocation, site] {
    invocation.run = [&invocation, site]() -> absl::Status {
      ASSIGN_OR_RETURN(const std::unique_ptr<store::Database> database, Open(invocation));
      return analytics::AskRebuild(*database, *site);
    };
  });
}

}  // namespace compagnon
