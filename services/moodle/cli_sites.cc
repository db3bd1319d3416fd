#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "moodle/api/ws_client.h"
#include "moodle/cli.h"
#include "moodle/cli_connection.h"
#include "moodle/intake/bridge_parser.h"
#include "moodle/intake/core_answer.h"
#include "moodle/store/directory.h"
#include "moodle/store/migrations.h"
#include "moodle/store/site_store.h"
#include "moodle/store/token_seal.h"

namespace compagnon::moodle {
namespace {

absl::Status Wrong(const Cli& cli, std::string_view french, std::string_view english) {
  return absl::InvalidArgumentError(Say(cli, french, english));
}

// Functions the suite calls on a site; the first group is the bridge, the second fills the directory at night.
constexpr std::string_view kBridgeFunctions[] = {"local_compagnon_status", "local_compagnon_pull_events",
                                                 "local_compagnon_ack", "local_compagnon_export"};
constexpr std::string_view kCoreFunctions[] = {"core_webservice_get_site_info", "core_course_get_courses",
                                               "core_course_get_categories", "core_enrol_get_enrolled_users",
                                               "core_group_get_course_groups"};

std::string LinkName(const Cli& cli, Link link) {
  switch (link) {
    case Link::kOk:
      return Say(cli, "à jour", "up to date");
    case Link::kCatchingUp:
      return Say(cli, "rattrape", "catching up");
    case Link::kUnreachable:
      return Say(cli, "injoignable", "unreachable");
    case Link::kNeedsOperator:
      return Say(cli, "attend une décision", "needs an operator");
    case Link::kFileOnly:
      return Say(cli, "fichiers seuls", "files only");
    case Link::kUnspecified:
      break;
  }
  return Say(cli, "pas encore lu", "not read yet");
}

std::string Instant(const Cli& cli, int64_t us, const std::string& zone) {
  if (us == 0) return Say(cli, "jamais", "never");
  absl::TimeZone tz;
  if (!absl::LoadTimeZone(zone, &tz)) tz = absl::UTCTimeZone();
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixMicros(us), tz);
}

void Good(const Cli& cli, std::string_view french, std::string_view english) {
  *cli.out << "  ok   " << Say(cli, french, english) << "\n";
}
void Note(const Cli& cli, std::string_view french, std::string_view english) {
  *cli.out << "  !    " << Say(cli, french, english) << "\n";
}
void Bad(const Cli& cli, std::string_view french, std::string_view english, std::string_view next) {
  *cli.out << "  NON  " << Say(cli, french, english) << "\n";
  if (!next.empty()) *cli.out << "       -> " << next << "\n";
}

// "token" or a token in words is never printed; codes and next steps are.
void BadFault(const Cli& cli, std::string_view french, std::string_view english, const absl::Status& status) {
  const std::string code = FaultOf(status).code;
  Bad(cli, absl::StrCat(std::string(french), " (", code, ")"), absl::StrCat(std::string(english), " (", code, ")"),
      NextStep(code, cli.locale));
}

std::string IncidentName(const Cli& cli, const std::string& kind) {
  if (kind == "missing_seq")
    return Say(cli, "des événements n'ont jamais été servis par le greffon", "events were never served by the plugin");
  if (kind == "gap") return Say(cli, "le greffon a laissé des événements de côté", "the plugin left events out");
  if (kind == "faults") return Say(cli, "l'observateur du greffon a échoué", "the plugin's observer failed");
  if (kind == "mass_delete_guard") {
    return Say(cli, "une passe aurait fermé trop d'objets : rien n'a été fermé",
               "a pass would have closed too many objects: nothing was closed");
  }
  if (kind == "unreadable_export") {
    return Say(cli, "des lignes de l'annuaire étaient illisibles : rien n'a été fermé",
               "lines of the directory were unreadable: nothing was closed");
  }
  return Say(cli, "la lecture s'est arrêtée", "reading stopped");
}

// What the running suite wrote down in the last 30 days.
absl::Status ShowNotes(const Cli& cli, const SiteConfig& site) {
  SiteNotes notes;
  const int64_t since_us = absl::ToUnixMicros(cli.clock->Now() - absl::Hours(24 * 30));
  RETURN_IF_ERROR(cli.database->Read([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(notes, NotesSince(session, site.code, since_us));
    return absl::OkStatus();
  }));
  const auto note = [&](const std::string& french, const std::string& english, const Noted& noted) {
    const std::string last = Instant(cli, noted.last_us, site.time_zone);
    Note(cli, absl::StrCat(french, " (", noted.what, ") : ", noted.count, ", dernière fois ", last),
         absl::StrCat(english, " (", noted.what, "): ", noted.count, ", last ", last));
  };
  for (const Noted& noted : notes.incidents) {
    const std::string name = IncidentName(cli, noted.what);
    note(name, name, noted);
  }
  for (const Noted& noted : notes.rejected)
    note("lignes mises de côté, illisibles", "rows set aside as unreadable", noted);
  for (const Noted& noted : notes.passes) {
    note("passe de l'annuaire incomplète", "pass of the directory incomplete", noted);
  }
  return absl::OkStatus();
}

absl::Status SomethingToMend(const Cli& cli) {
  return WithReason(
      absl::FailedPreconditionError(Say(cli, "Il reste quelque chose à corriger.", "Something remains to be mended.")),
      "site_check_failed");
}

}  // namespace

absl::Status AddSite(const Cli& cli, const SiteAdd& add) {
  if (!IsSiteCode(add.code)) {
    return Wrong(cli, "Le code d'un site est fait de 1 à 32 caractères parmi a-z, 0-9 et -.",
                 "A site's code is 1 to 32 characters of a-z, 0-9 and -.");
  }
  RETURN_IF_ERROR(MigrateMoodle(*cli.database));
  SiteConfig known;  // what stays as it is when it is not said again; empty for a new site
  if (auto record = LoadSite(cli, add.code); record.ok()) {
    known = record->config;
  } else if (!absl::IsNotFound(record.status())) {
    return record.status();
  }
  SiteConfig site;
  site.code = add.code;
  site.title = !add.title.empty() ? add.title : !known.title.empty() ? known.title : add.code;
  site.url = add.url.empty() ? known.url : add.url;
  while (absl::EndsWith(site.url, "/")) site.url.pop_back();
  const bool https = absl::StartsWith(site.url, "https://");
  if (!site.url.empty() && !https &&
      !(absl::StartsWith(site.url, "http://") && cli.config->moodle.allow_private_addresses)) {
    return Wrong(cli,
                 "L'adresse commence par https:// (le jeton ne circule pas en clair ; http:// seulement avec "
                 "moodle.allow_private_addresses).",
                 "The address begins with https:// (the token does not travel in clear; http:// only with "
                 "moodle.allow_private_addresses).");
  }
  site.time_zone = add.time_zone.empty() ? known.time_zone : add.time_zone;
  if (site.time_zone.empty() && site.url.empty()) site.time_zone = "UTC";
  absl::TimeZone zone;
  if (site.time_zone.empty() || !absl::LoadTimeZone(site.time_zone, &zone)) {
    return Wrong(cli,
                 "Donnez le fuseau horaire du site avec --time-zone, par exemple Africa/Dakar ou Europe/Paris (les "
                 "services web de Moodle ne le disent pas).",
                 "Give the site's time zone with --time-zone, for instance Africa/Dakar or Europe/Paris (Moodle's web "
                 "services do not tell it).");
  }
  std::string token;
  if (!site.url.empty() && add.token_file.empty() && site.url == known.url) {
    site.sealed_token = known.sealed_token;
  } else if (!site.url.empty()) {
    // A token goes to the address it was given for and to no other.
    if (add.token_file.empty()) {
      return Wrong(
          cli, "Mettez le jeton du service web dans un fichier lisible de vous seul, et donnez-le avec --token-file.",
          "Put the web-service token in a file that only you can read, and give it with --token-file.");
    }
    ASSIGN_OR_RETURN(token, ReadSecretFile(add.token_file));
    token = std::string(absl::StripAsciiWhitespace(token));
    if (token.empty()) return Wrong(cli, "Le fichier du jeton est vide.", "The token's file is empty.");
    ASSIGN_OR_RETURN(const TokenSeal seal, TokenSeal::Open(*cli.config));
    site.sealed_token = seal.Seal(site.code, token);
  }
  RETURN_IF_ERROR(cli.database->Write(
      [&](store::Session& session) { return PutSite(session, site, absl::ToUnixMicros(cli.clock->Now())); }));
  *cli.out << Say(cli, "Site ", "Site ") << site.code << " : "
           << (site.url.empty() ? Say(cli, "rempli par des fichiers", "filled from files") : site.url) << ", "
           << site.time_zone << ".\n";
  if (!site.url.empty())
    *cli.out << Say(cli, "Vérifiez-le : compagnon site check ", "Check it: compagnon site check ") << site.code << "\n";
  return absl::OkStatus();
}

absl::Status ListSites(const Cli& cli) {
  RETURN_IF_ERROR(MigrateMoodle(*cli.database));
  std::vector<SiteRecord> sites;
  RETURN_IF_ERROR(cli.database->Read([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(sites, ListSites(session));
    return absl::OkStatus();
  }));
  if (sites.empty())
    *cli.out << Say(cli, "Aucun site. Ajoutez-en un : compagnon site add", "No site. Add one: compagnon site add")
             << "\n";
  for (const SiteRecord& s : sites) {
    *cli.out << s.config.code << "\t" << s.config.title << "\t" << s.config.time_zone << "\t"
             << LinkName(cli, s.health.link);
    if (!s.health.problem.empty()) *cli.out << " (" << s.health.problem << ")";
    *cli.out << "\t" << Instant(cli, s.health.last_event_us, s.config.time_zone) << "\n";
  }
  return absl::OkStatus();
}

absl::Status CheckSite(const Cli& cli, const std::string& code) {
  RETURN_IF_ERROR(MigrateMoodle(*cli.database));
  ASSIGN_OR_RETURN(const SiteConnection c, ConnectSite(cli, code));
  *cli.out << code << " : " << c.record.config.url << "\n";
  RETURN_IF_ERROR(ShowNotes(cli, c.record.config));
  bool fine = true;

  auto info = c.client->Read("core_webservice_get_site_info", nlohmann::json::object());
  if (!info.ok()) {
    const FaultCategory category = FaultOf(info.status()).category;
    if (category == FaultCategory::kRetry) {
      BadFault(cli, "le site ne répond pas", "the site does not answer", info.status());
    } else {
      Good(cli, "le site répond", "the site answers");
      BadFault(cli, "le jeton n'ouvre pas le service web", "the token does not open the web service", info.status());
    }
    return SomethingToMend(cli);
  }
  const auto json = nlohmann::json::parse(*info, nullptr, false);
  if (json.is_discarded() || !json.is_object()) {
    Bad(cli, "la réponse du site n'est pas celle d'un Moodle", "the site's answer is not a Moodle's",
        NextStep("http_404", cli.locale));
    return SomethingToMend(cli);
  }
  const auto text = [&](const char* key) {
    const std::string said = TextOf(json, key);
    return said.empty() ? std::string("?") : said;
  };
  Good(cli, absl::StrCat("le site répond : ", text("sitename"), ", Moodle ", text("release")),
       absl::StrCat("the site answers: ", text("sitename"), ", Moodle ", text("release")));
  Good(cli, "le jeton est accepté", "the token is accepted");
  if (IdOf(json, "userissiteadmin") != 0) {
    Note(cli,
         "le compte du jeton est administrateur du site : préférez un compte de service avec les seuls droits "
         "nécessaires",
         "the token's account is a site administrator: prefer a service account with just the rights it needs");
  }
  std::set<std::string> functions;
  for (const auto& f : ListOf(json, "functions")) functions.insert(TextOf(f, "name"));
  std::string missing_bridge, missing_core;
  for (std::string_view f : kBridgeFunctions) {
    if (!functions.contains(std::string(f))) absl::StrAppend(&missing_bridge, " ", std::string(f));
  }
  for (std::string_view f : kCoreFunctions) {
    if (!functions.contains(std::string(f))) absl::StrAppend(&missing_core, " ", std::string(f));
  }
  if (!missing_core.empty()) {
    Note(cli, absl::StrCat("fonctions absentes du service (contrôle de nuit incomplet) :", missing_core),
         absl::StrCat("functions missing from the service (nightly check incomplete):", missing_core));
  } else {
    Good(cli, "les fonctions du noyau sont dans le service", "the core functions are in the service");
  }
  if (!missing_bridge.empty()) {
    Bad(cli, absl::StrCat("fonctions du greffon absentes du service :", missing_bridge),
        absl::StrCat("the plugin's functions are missing from the service:", missing_bridge),
        Say(cli,
            "Installez local_compagnon, puis ajoutez ses fonctions au service web (Administration > Serveur > Services "
            "web > Services externes).",
            "Install local_compagnon, then add its functions to the web service (Site administration > Server > Web "
            "services > External services)."));
    fine = false;
  }

  auto body = c.client->Read("local_compagnon_status", nlohmann::json::object());
  if (!body.ok()) {
    BadFault(cli, "le greffon local_compagnon ne répond pas", "the plugin local_compagnon does not answer",
             body.status());
    return SomethingToMend(cli);
  }
  BridgeParser parser;
  const auto status = parser.Status(*std::move(body));
  if (!status.ok()) {
    Bad(cli, "le greffon parle un autre protocole", "the plugin speaks another protocol",
        NextStep("protocol", cli.locale));
    return SomethingToMend(cli);
  }
  Good(cli, absl::StrCat("greffon ", status->plugin_version, ", protocole 1, base ", status->db_family),
       absl::StrCat("plugin ", status->plugin_version, ", protocol 1, database ", status->db_family));

  const SiteCursor& cursor = c.record.cursor;
  if (!cursor.fingerprint.empty() && cursor.fingerprint != status->fingerprint) {
    Bad(cli, "ce n'est plus la même installation (empreinte changée)",
        "this is no longer the same installation (fingerprint changed)", NextStep("fingerprint_changed", cli.locale));
    fine = false;
  } else if (!cursor.epoch.empty() && cursor.epoch != status->epoch) {
    Bad(cli, "le greffon a commencé une nouvelle époque", "the plugin has begun a new epoch",
        NextStep("epoch_changed", cli.locale));
    fine = false;
  } else if (cursor.seq > status->latest) {
    Bad(cli, "le greffon est en retard sur Compagnon : une sauvegarde a été restaurée",
        "the plugin is behind Compagnon: a backup was restored", NextStep("cursorreset", cli.locale));
    fine = false;
  } else {
    Good(cli, "l'empreinte et l'époque sont celles attendues", "fingerprint and epoch are as expected");
  }
  if (!status->subscribers.empty() &&
      std::find(status->subscribers.begin(), status->subscribers.end(), "compagnon") == status->subscribers.end()) {
    Bad(cli, "l'abonné « compagnon » n'est pas déclaré dans le greffon",
        "the subscriber \"compagnon\" is not declared in the plugin", NextStep("unknownsubscriber", cli.locale));
    fine = false;
  }
  if (status->faults > 0) {
    Note(cli, absl::StrCat(status->faults, " erreurs de l'observateur : voyez le journal d'erreurs de PHP"),
         absl::StrCat(status->faults, " faults of the observer: see PHP's error log"));
  }
  if (status->ceiling_bytes > 0 && status->bytes > status->ceiling_bytes / 10 * 8) {
    Note(
        cli,
        "la file du greffon approche de son plafond : des événements seront laissés de côté si Compagnon ne la lit pas",
        "the plugin's outbox nears its ceiling: events will be left out if Compagnon does not read it");
  }
  for (const std::string& warning : status->warnings) {
    if (warning == "one_ip") {
      Note(cli,
           "toutes les adresses IP sont égales : réglez getremoteaddrconf dans Moodle (un mandataire est devant lui)",
           "all IP addresses are equal: set getremoteaddrconf in Moodle (a proxy stands before it)");
    } else if (warning == "cron") {
      Bad(cli, "le cron de Moodle ne tourne pas", "Moodle's cron does not run",
          Say(cli, "Planifiez admin/cli/cron.php chaque minute sur le serveur de Moodle.",
              "Schedule admin/cli/cron.php every minute on Moodle's server."));
      fine = false;
    } else {
      Note(cli, absl::StrCat("avertissement du greffon : ", warning), absl::StrCat("the plugin warns: ", warning));
    }
  }
  *cli.out << Say(cli, "  lignes en attente : ", "  rows waiting: ")
           << std::max<int64_t>(status->latest - cursor.seq, 0) + status->unnumbered
           << Say(cli, ", la plus ancienne : ", ", the oldest: ")
           << Instant(cli, status->oldest_unsent_us, c.record.config.time_zone) << "\n";
  if (!fine) return SomethingToMend(cli);
  *cli.out << Say(cli, "Tout est en ordre.", "All is well.") << "\n";
  return absl::OkStatus();
}

absl::Status ConfirmSite(const Cli& cli, const std::string& code, SiteDecision decision) {
  RETURN_IF_ERROR(MigrateMoodle(*cli.database));
  ASSIGN_OR_RETURN(const SiteRecord record, LoadSite(cli, code));
  const std::string& problem = record.health.problem;
  const int64_t now_us = absl::ToUnixMicros(cli.clock->Now());
  const auto nothing = [&] {
    return absl::FailedPreconditionError(Say(
        cli,
        absl::StrCat("Rien à confirmer ainsi pour ce site (état : ", problem.empty() ? "aucun problème" : problem,
                     ")."),
        absl::StrCat("Nothing to confirm in this way for this site (state: ", problem.empty() ? "no problem" : problem,
                     ").")));
  };
  switch (decision) {
    case SiteDecision::kMoved:
      if (problem != "fingerprint_changed" || record.cursor.seen_fingerprint.empty()) return nothing();
      RETURN_IF_ERROR(cli.database->Write([&](store::Session& session) { return AcceptFingerprint(session, code); }));
      *cli.out << Say(cli, "Site déplacé : la lecture reprend où elle en était.",
                      "Site moved: reading goes on where it was.")
               << "\n";
      return absl::OkStatus();
    case SiteDecision::kCopy:
      if (problem != "fingerprint_changed") return nothing();
      RETURN_IF_ERROR(cli.database->Write([&](store::Session& session) { return CutLink(session, code, now_us); }));
      *cli.out << Say(cli,
                      "Lien coupé. Ajoutez la copie sous un autre code : compagnon site add. Quand l'original revient "
                      ": compagnon site add ",
                      "Link cut. Add the copy under another code: compagnon site add. When the original comes back: "
                      "compagnon site add ")
               << code << "\n";
      return absl::OkStatus();
    case SiteDecision::kNewEpoch: {
      if (problem != "cursorreset" && problem != "epoch_changed" && problem != "epoch_reused" &&
          problem != "fingerprint_changed")
        return nothing();
      Directory directory({.clock = cli.clock, .dimensions = nullptr});
      RETURN_IF_ERROR(cli.database->Write([&](store::Session& session) -> absl::Status {
        RETURN_IF_ERROR(StartNewEpoch(session, code, now_us));
        return directory.StartEpoch(session, code);
      }));
      *cli.out << Say(cli, "Nouvelle époque : Compagnon la lit depuis son début et relit tout l'annuaire.",
                      "New epoch: Compagnon reads it from its start and reads the whole directory again.")
               << "\n";
      return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

}  // namespace compagnon::moodle
