// The verbs of services/moodle/cli.h: their options, and the database they work on.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "compagnon/parts.h"
#include "compagnon/verbs.h"
#include "moodle/cli.h"

namespace compagnon {
namespace {

std::atomic<bool> interrupted{false};  // a signal handler can reach nothing else

// Opens moodle's database and hands it to `verb`; Ctrl-C asks the verb to stop at its next safe point, twice kills.
absl::Status WithMoodle(const Invocation& invocation, const std::function<absl::Status(const moodle::Cli&)>& verb) {
  ASSIGN_OR_RETURN(const Config config, invocation.Load());
  RETURN_IF_ERROR(MakeDataDir(config));
  ASSIGN_OR_RETURN(const auto database, OpenDatabaseOf(config, "moodle"));
  struct sigaction once {};
  once.sa_handler = [](int) { interrupted = true; };
  once.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &once, nullptr);
  sigaction(SIGTERM, &once, nullptr);
  moodle::Cli cli;
  cli.config = &config;
  cli.clock = &SystemClock();
  cli.database = database.get();
  cli.out = &std::cout;
  cli.progress = IsTerminal(STDERR_FILENO) ? &std::cerr : nullptr;
  cli.locale = invocation.locale;
  cli.interrupted = &interrupted;
  return verb(cli);
}

void AddSite(CLI::App& app, Invocation& invocation) {
  CLI::App* site = app.add_subcommand(
      "site", invocation.Say("sites (Moodle) que la suite accompagne", "sites (Moodles) the suite stands beside"));
  site->require_subcommand(1);

  const auto added = std::make_shared<moodle::SiteAdd>();
  CLI::App* add = site->add_subcommand("add", invocation.Say("ajoute un site", "adds a site"));
  add->add_option("--code", added->code, invocation.Say("code court : a-z, 0-9, -", "short code: a-z, 0-9, -"))
      ->required();
  add->add_option("--title", added->title, invocation.Say("nom que les personnes lisent", "name people read"));
  add->add_option("--url", added->url,
                  invocation.Say("adresse du Moodle ; rien : le site se remplit par import-log",
                                 "address of the Moodle; none: the site is filled by import-log"))
      ->type_name("URL");
  add->add_option("--token-file", added->token_file,
                  invocation.Say("fichier (0600) du jeton du service web", "file (0600) of the web-service token"))
      ->type_name("FILE");
  add->add_option("--time-zone", added->time_zone,
                  invocation.Say("fuseau IANA, par exemple Africa/Dakar", "IANA zone, for instance Africa/Dakar"));
  add->callback([&invocation, added] {
    invocation.run = [&invocation, added] {
      return WithMoodle(invocation, [&](const moodle::Cli& cli) { return moodle::AddSite(cli, *added); });
    };
  });

  CLI::App* list = site->add_subcommand("list", invocation.Say("dit les sites et l’état de leur liaison",
                                                               "tells the sites and the state of their links"));
  list->callback(
      [&invocation] { invocation.run = [&invocation] { return WithMoodle(invocation, &moodle::ListSites); }; });

  const auto checked = std::make_shared<std::string>();
  CLI::App* check =
      site->add_subcommand("check", invocation.Say("appelle un site et dit ce qui va et ce qui ne va pas",
                                                   "calls a site and tells what works and what does not"));
  check->add_option("code", *checked, invocation.Say("code du site", "code of the site"))
      ->required()
      ->type_name("CODE");
  check->callback([&invocation, checked] {
    invocation.run = [&invocation, checked] {
      return WithMoodle(invocation, [&](const moodle::Cli& cli) { return moodle::CheckSite(cli, *checked); });
    };
  });

  struct Confirmation {
    std::string code;
    bool moved = false, copy = false, new_epoch = false;
  };
  const auto confirmed = std::make_shared<Confirmation>();
  CLI::App* confirm = site->add_subcommand(
      "confirm",
      invocation.Say("répond à une liaison arrêtée : le Moodle a déménagé, est une copie, ou repart d’une sauvegarde",
                     "answers a stopped link: the Moodle moved, is a copy, or began again from a backup"));
  confirm->add_option("code", confirmed->code, invocation.Say("code du site", "code of the site"))
      ->required()
      ->type_name("CODE");
  CLI::Option* moved = confirm->add_flag("--moved", confirmed->moved,
                                         invocation.Say("même Moodle, autre machine : l’histoire continue",
                                                        "same Moodle, another machine: history goes on"));
  CLI::Option* copy =
      confirm->add_flag("--copy", confirmed->copy,
                        invocation.Say("une copie : la liaison est coupée, la copie devient un autre site",
                                       "a copy: the link is cut, the copy becomes a site of its own"));
  CLI::Option* epoch = confirm->add_flag(
      "--new-epoch", confirmed->new_epoch,
      invocation.Say("sauvegarde restaurée ou greffon réinstallé : nouvelle époque, puis une passe complète",
                     "restored backup or plugin installed anew: a new epoch, then a full pass"));
  moved->excludes(copy)->excludes(epoch);
  copy->excludes(epoch);
  confirm->callback([&invocation, confirmed] {
    invocation.run = [&invocation, confirmed]() -> absl::Status {
      if (!confirmed->moved && !confirmed->copy && !confirmed->new_epoch) {
        return absl::InvalidArgumentError(
            invocation.Say("dites --moved, --copy ou --new-epoch", "say --moved, --copy or --new-epoch"));
      }
      const moodle::SiteDecision decision = confirmed->moved  ? moodle::SiteDecision::kMoved
                                            : confirmed->copy ? moodle::SiteDecision::kCopy
                                                              : moodle::SiteDecision::kNewEpoch;
      return WithMoodle(invocation,
                        [&](const moodle::Cli& cli) { return moodle::ConfirmSite(cli, confirmed->code, decision); });
    };
  });
}

void AddImportLog(CLI::App& app, Invocation& invocation) {
  struct Options {
    moodle::ImportLog import;
    std::vector<std::string> map;
  };
  const auto options = std::make_shared<Options>();
  moodle::ImportLog& o = options->import;
  CLI::App* verb = app.add_subcommand(
      "import-log",
      invocation.Say(
          "lit un export de logstore_standard_log (JSON par lignes ou CSV, gzip ou non) ; se reprend où il s’est "
          "arrêté",
          "reads an export of logstore_standard_log (JSON lines or CSV, gzip or not); goes on where it stopped"));
  verb->add_option("file", o.file, invocation.Say("fichier à lire", "file to read"))->required()->type_name("FILE");
  verb->add_option("--site", o.site, invocation.Say("code du site", "code of the site"))->required();
  verb->add_option("--name", o.name,
                   invocation.Say("nom de ce journal (sinon celui du fichier)", "name of this log (else the file's)"));
  verb->add_option("--people", o.people, invocation.Say("fichier des personnes", "file of people"))->type_name("FILE");
  verb->add_option("--courses", o.courses, invocation.Say("fichier des cours", "file of courses"))->type_name("FILE");
  verb->add_option("--assessments", o.assessments, invocation.Say("fichier des notes", "file of assessments"))
      ->type_name("FILE");
  verb->add_option("--time-zone", o.time_zone, invocation.Say("fuseau IANA du site", "IANA zone of the site"));
  verb->add_option("--map", options->map,
                   invocation.Say("correspondance champ=colonne, répétable", "mapping field=column, repeatable"))
      ->type_name("K=V");
  verb->add_option(
      "--from", o.from,
      invocation.Say("le journal est complet depuis (AAAA-MM-JJ)", "the log is complete from (YYYY-MM-DD)"));
  verb->add_option(
      "--to", o.to,
      invocation.Say("le journal est complet jusqu’à (AAAA-MM-JJ)", "the log is complete to (YYYY-MM-DD)"));
  verb->add_option("--learner-role", o.learner_role,
                   invocation.Say("nom court du rôle d’apprenant", "short name of the learners' role"));
  verb->callback([&invocation, options] {
    invocation.run = [&invocation, options]() -> absl::Status {
      for (const std::string& pair : options->map) {
        const size_t equals = pair.find('=');
        if (equals == std::string::npos || equals == 0) {
          return absl::InvalidArgumentError(
              absl::StrCat("--map ", pair, ": ", invocation.Say("attendu champ=colonne", "expected field=column")));
        }
        options->import.map[pair.substr(0, equals)] = pair.substr(equals + 1);
      }
      return WithMoodle(invocation,
                        [&](const moodle::Cli& cli) { return moodle::ImportLogFile(cli, options->import); });
    };
  });
}

void AddReplay(CLI::App& app, Invocation& invocation) {
  const auto replay = std::make_shared<moodle::Replay>();
  CLI::App* verb =
      app.add_subcommand("replay", invocation.Say("remplit de nouveau un module avec ce que Moodle garde encore",
                                                  "refills a module with what Moodle still keeps"));
  verb->add_option("--to", replay->to, invocation.Say("module à remplir", "module to refill"))
      ->required()
      ->type_name("MODULE");
  verb->add_option("--site", replay->site, invocation.Say("code du site", "code of the site"))->required();
  verb->add_option("--from", replay->from,
                   invocation.Say("depuis (AAAA-MM-JJ ou RFC 3339, UTC)", "since (YYYY-MM-DD or RFC 3339, UTC)"));
  verb->callback([&invocation, replay] {
    invocation.run = [&invocation, replay] {
      return WithMoodle(invocation, [&](const moodle::Cli& cli) { return moodle::ReplaySite(cli, *replay); });
    };
  });
}

}  // namespace

void AddMoodleVerbs(CLI::App& app, Invocation& invocation) {
  AddSite(app, invocation);
  AddImportLog(app, invocation);
  AddReplay(app, invocation);
}

}  // namespace compagnon
