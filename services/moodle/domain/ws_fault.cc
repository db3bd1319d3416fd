#include "moodle/domain/ws_fault.h"

#include <array>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace compagnon::moodle {
namespace {

using enum FaultCategory;

struct Known {
  std::string_view code;
  FaultCategory category;
  std::string_view next_step_fr;
  std::string_view next_step_en;
};

// The table of moodle/README.md observed on Moodle 4.5, then the protocol's own codes, then what the client itself
// sees.
constexpr std::array kKnown = {
    Known{"invalidtoken", kOperator,
          "Créez un nouveau jeton pour le compte de service (Administration > Serveur > Services web > Gérer les "
          "jetons), puis relancez « compagnon site add » avec lui.",
          "Make a new token for the service account (Site administration > Server > Web services > Manage tokens), "
          "then run \"compagnon site add\" again with it."},
    Known{"accessexception", kOperator,
          "Dans Moodle, vérifiez que le service web est activé, qu'il contient les fonctions de Compagnon, que le "
          "jeton n'a pas expiré et que l'adresse IP de Compagnon y est admise.",
          "In Moodle, check that the web service is enabled, that it holds Compagnon's functions, that the token has "
          "not expired and that Compagnon's IP address is allowed."},
    Known{"missingfunction", kOperator,
          "Installez ou mettez à jour le greffon local_compagnon dans ce Moodle, puis ajoutez ses fonctions au service "
          "web.",
          "Install or update the plugin local_compagnon in this Moodle, then add its functions to the web service."},
    Known{"invalidrecord", kGone, "", ""},
    Known{
        "invalidparameter", kCaller,
        "Moodle refuse la requête : vérifiez que la version du greffon local_compagnon convient à celle de Compagnon.",
        "Moodle refuses the request: check that the version of local_compagnon suits Compagnon's."},
    Known{"nopermissions", kOperator,
          "Donnez au rôle du compte de service la capacité manquante (Administration > Utilisateurs > Permissions).",
          "Give the service account's role the missing capability (Site administration > Users > Permissions)."},
    Known{"requireloginerror", kOperator,
          "Donnez au rôle du compte de service la capacité manquante (Administration > Utilisateurs > Permissions).",
          "Give the service account's role the missing capability (Site administration > Users > Permissions)."},
    Known{"errorcoursecontextnotvalid", kOperator,
          "Donnez au rôle du compte de service la capacité manquante (Administration > Utilisateurs > Permissions).",
          "Give the service account's role the missing capability (Site administration > Users > Permissions)."},
    Known{"cannotviewreport", kCaller, "", ""},
    Known{"nocriteriaset", kGone, "", ""},
    Known{"usernotenroled", kGone, "", ""},
    Known{"wsusercannotassign", kOperator,
          "Donnez au rôle du compte de service la capacité manquante (Administration > Utilisateurs > Permissions).",
          "Give the service account's role the missing capability (Site administration > Users > Permissions)."},
    Known{"shortnametaken", kCaller, "", ""},
    Known{"courseidnumbertaken", kCaller, "", ""},
    Known{"wsaccessusersuspended", kOperator, "Réactivez le compte de service, suspendu dans Moodle.",
          "Reactivate the service account, which is suspended in Moodle."},
    Known{"sitemaintenance", kRetry, "Le site est en maintenance. Compagnon réessaie de lui-même.",
          "The site is under maintenance. Compagnon tries again by itself."},
    Known{"upgraderunning", kRetry, "Le site est en cours de mise à jour. Compagnon réessaie de lui-même.",
          "The site is being upgraded. Compagnon tries again by itself."},
    Known{"dbconnectionfailed", kRetry, "La base de données de Moodle ne répond pas. Compagnon réessaie de lui-même.",
          "Moodle's database does not answer. Compagnon tries again by itself."},
    Known{"invalidresponse", kCaller, "", ""},
    Known{"criteriaerror", kCaller, "", ""},
    Known{"formatnotsupported", kCaller, "", ""},
    Known{"anonymous", kCaller, "", ""},
    Known{"privacyofficeronly", kOperator,
          "Dans Moodle, donnez au rôle du compte de service la délégation à la protection des données.",
          "In Moodle, map the service account's role to the privacy officer."},
    Known{"contactdpoviaprivacypolicy", kOperator,
          "Donnez au rôle du compte de service la capacité manquante (Administration > Utilisateurs > Permissions).",
          "Give the service account's role the missing capability (Site administration > Users > Permissions)."},
    Known{"usernotallowed", kOperator, "Ajoutez le compte de service aux utilisateurs autorisés du service web.",
          "Add the service account to the authorised users of the web service."},
    Known{"invalidlogin", kOperator,
          "Créez un nouveau jeton pour le compte de service (Administration > Serveur > Services web > Gérer les "
          "jetons), puis relancez « compagnon site add » avec lui.",
          "Make a new token for the service account (Site administration > Server > Web services > Manage tokens), "
          "then run \"compagnon site add\" again with it."},
    Known{"servicenotavailable", kOperator,
          "Dans Moodle, vérifiez que le service web est activé, qu'il contient les fonctions de Compagnon, que le "
          "jeton n'a pas expiré et que l'adresse IP de Compagnon y est admise.",
          "In Moodle, check that the web service is enabled, that it holds Compagnon's functions, that the token has "
          "not expired and that Compagnon's IP address is allowed."},

    Known{"cursorreset", kOperator,
          "Le greffon ne connaît plus la position de Compagnon : une sauvegarde a sans doute été restaurée. Confirmez "
          "une nouvelle époque dans le greffon, puis « compagnon site confirm CODE --new-epoch ».",
          "The plugin no longer knows Compagnon's position: a backup was probably restored. Confirm a new epoch in the "
          "plugin, then \"compagnon site confirm CODE --new-epoch\"."},
    Known{"fingerprint_changed", kOperator,
          "Ce Moodle n'est plus la même installation : déplacé, ou copié ? « compagnon site confirm CODE --moved » ou "
          "« --copy ».",
          "This Moodle is no longer the same installation: moved, or copied? \"compagnon site confirm CODE --moved\" "
          "or \"--copy\"."},
    Known{"epoch_changed", kOperator,
          "Le greffon a commencé une nouvelle époque. Vérifiez, puis « compagnon site confirm CODE --new-epoch ».",
          "The plugin has begun a new epoch. Check, then \"compagnon site confirm CODE --new-epoch\"."},
    Known{"epoch_reused", kOperator,
          "Le greffon sert encore l'époque que Compagnon a déjà lue : confirmez d'abord la nouvelle époque dans les "
          "réglages de local_compagnon, puis « compagnon site confirm CODE --new-epoch ».",
          "The plugin still serves the epoch that Compagnon has read: first confirm the new epoch in the settings of "
          "local_compagnon, then \"compagnon site confirm CODE --new-epoch\"."},
    Known{"protocol", kOperator,
          "Le greffon parle une autre version du protocole : mettez à jour le greffon ou Compagnon.",
          "The plugin speaks another version of the protocol: update the plugin or Compagnon."},
    Known{"unknownsubscriber", kOperator,
          "Déclarez l'abonné « compagnon » dans les réglages du greffon local_compagnon.",
          "Declare the subscriber \"compagnon\" in the settings of the plugin local_compagnon."},
    Known{"invalidkind", kCaller, "Mettez à jour le greffon local_compagnon.", "Update the plugin local_compagnon."},
    Known{"not_storable", kOperator,
          "La base de Compagnon refuse ce que le site envoie : voyez son journal (« page not committed ») et "
          "signalez-le.",
          "Compagnon's database refuses what the site sends: see its log (\"page not committed\") and report it."},

    Known{"webservices_disabled", kOperator,
          "Activez les services web et le protocole REST dans Moodle (Administration > Fonctions avancées, puis "
          "Serveur > Services web > Gérer les protocoles).",
          "Enable web services and the REST protocol in Moodle (Site administration > Advanced features, then Server > "
          "Web services > Manage protocols)."},
    Known{"http_401", kOperator,
          "Un mandataire devant Moodle demande une authentification : ouvrez-lui l'adresse de Compagnon.",
          "A proxy before Moodle asks for authentication: let Compagnon's address through."},
    Known{"http_404", kOperator, "L'adresse ne mène pas à un Moodle : vérifiez l'URL (sans /login ni /my).",
          "The address does not lead to a Moodle: check the URL (without /login or /my)."},
    Known{"http_4xx", kOperator, "Le serveur web refuse la requête : vérifiez l'URL et les règles du mandataire.",
          "The web server refuses the request: check the URL and the proxy's rules."},
    Known{"http_429", kRetry, "Rien à faire : Compagnon réessaie de lui-même.",
          "Nothing to do: Compagnon tries again by itself."},
    Known{"http_5xx", kRetry, "Le serveur de Moodle répond par une erreur. Compagnon réessaie de lui-même.",
          "Moodle's server answers with an error. Compagnon tries again by itself."},
    Known{"maintenance", kRetry, "Le site est en maintenance. Compagnon réessaie de lui-même.",
          "The site is under maintenance. Compagnon tries again by itself."},
    Known{"redirect_refused", kOperator, "L'adresse redirige : donnez l'URL finale (souvent https au lieu de http).",
          "The address redirects: give the final URL (often https instead of http)."},
    Known{"not_json", kRetry, "Le serveur a répondu par une page au lieu de données : vérifiez l'URL si cela dure.",
          "The server answered with a page instead of data: check the URL if it lasts."},
    Known{"answer_too_large", kCaller, "La réponse dépasse la taille permise.", "The answer is larger than allowed."},
    Known{"connect", kRetry, "Le serveur ne répond pas : vérifiez l'URL, le pare-feu et que Moodle est en marche.",
          "The server does not answer: check the URL, the firewall and that Moodle is running."},
    Known{"dns", kRetry, "Le nom du serveur est inconnu : vérifiez l'URL et le DNS.",
          "The server's name is unknown: check the URL and the DNS."},
    Known{"timeout", kRetry, "Le serveur répond trop lentement. Compagnon réessaie de lui-même.",
          "The server answers too slowly. Compagnon tries again by itself."},
    Known{"connection_cut", kRetry, "Rien à faire : Compagnon réessaie de lui-même.",
          "Nothing to do: Compagnon tries again by itself."},
    Known{"tls", kOperator,
          "Le certificat du serveur n'est pas valable : renouvelez-le, ou installez l'autorité de certification sur "
          "cette machine.",
          "The server's certificate is not valid: renew it, or install its authority on this machine."},
    Known{"private_address", kOperator,
          "L'adresse est privée : si c'est voulu, mettez allow_private_addresses = true dans la section [moodle].",
          "The address is private: if that is meant, set allow_private_addresses = true in the section [moodle]."},
    Known{"bad_url", kOperator, "L'URL n'est pas valable : https://moodle.example.org",
          "The URL is not valid: https://moodle.example.org"},
    Known{"circuit_open", kRetry, "Rien à faire : Compagnon réessaie de lui-même.",
          "Nothing to do: Compagnon tries again by itself."},
    Known{"cancelled", kRetry, "", ""},
};

const Known* Find(std::string_view code) {
  for (const Known& k : kKnown) {
    if (k.code == code) return &k;
  }
  return nullptr;
}

constexpr absl::string_view kPayload = "compagnon/ws-fault";

}  // namespace

FaultCategory CategoryOf(std::string_view code) {
  const Known* k = Find(code);
  return k != nullptr ? k->category : kOperator;
}

bool MayConcernOneRequest(const WsFault& fault) {
  switch (fault.category) {
    case kRetry:
      return false;
    case kCaller:
    case kGone:
      return true;
    case kOperator:
      break;
  }
  return fault.code == "accessexception" || fault.code == "missingfunction" || fault.code == "nopermissions" ||
         fault.code == "requireloginerror" || !IsKnownCode(fault.code);
}

bool IsKnownCode(std::string_view code) { return Find(code) != nullptr; }

std::string NextStep(std::string_view code, std::string_view locale) {
  const bool english = locale == "en";
  if (const Known* k = Find(code)) return std::string(english ? k->next_step_en : k->next_step_fr);
  return english ? absl::StrCat("Moodle answers with the error \"", std::string(code),
                                "\", unknown to Compagnon: look for it in Moodle's log.")
                 : absl::StrCat("Moodle répond par l'erreur « ", std::string(code),
                                " », inconnue de Compagnon : cherchez-la dans le journal de Moodle.");
}

absl::Status FaultStatus(const WsFault& fault, std::string_view detail) {
  const std::string message = detail.empty() ? fault.code : absl::StrCat(fault.code, ": ", std::string(detail));
  absl::Status status;
  switch (fault.category) {
    case kRetry:
      status = absl::UnavailableError(message);
      break;
    case kOperator:
      status = absl::FailedPreconditionError(message);
      break;
    case kCaller:
      status = absl::InvalidArgumentError(message);
      break;
    case kGone:
      status = absl::NotFoundError(message);
      break;
  }
  status.SetPayload(kPayload, absl::Cord(absl::StrCat(static_cast<int>(fault.category), "|",
                                                      absl::ToInt64Milliseconds(fault.retry_after), "|", fault.code)));
  return WithReason(status, fault.code);
}

WsFault FaultOf(const absl::Status& status) {
  if (auto payload = status.GetPayload(kPayload)) {
    const std::string text(*payload);
    std::vector<std::string> parts = absl::StrSplit(text, absl::MaxSplits('|', 2));
    int category = 0;
    int64_t ms = 0;
    if (parts.size() == 3 && absl::SimpleAtoi(parts[0], &category) && absl::SimpleAtoi(parts[1], &ms)) {
      return {static_cast<FaultCategory>(category), parts[2], absl::Milliseconds(ms)};
    }
  }
  std::string reason = ReasonOf(status);
  return {kRetry, reason.empty() ? "internal" : reason, absl::ZeroDuration()};
}

}  // namespace compagnon::moodle
