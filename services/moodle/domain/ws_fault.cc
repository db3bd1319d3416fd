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
  std::string_view next_step;
};

constexpr std::string_view kNewToken =
    "Créez un nouveau jeton pour le compte de service (Administration > Serveur > Services web > Gérer les jetons), "
    "puis relancez « compagnon site add » avec ce jeton.";
constexpr std::string_view kService =
    "Dans Moodle, vérifiez que le service web est activé, que ses fonctions comprennent celles de Compagnon, que le "
    "jeton n'a pas expiré et que l'adresse IP de Compagnon y est admise.";
constexpr std::string_view kRights =
    "Donnez au rôle du compte de service la capacité manquante (Administration > Utilisateurs > Permissions).";
constexpr std::string_view kWait = "Rien à faire : Compagnon réessaie de lui-même.";

// The table of moodle/README.md observed on Moodle 4.5, then the protocol's own codes, then what the client itself
// sees.
constexpr std::array kKnown = {
    Known{"invalidtoken", kOperator, kNewToken},
    Known{"accessexception", kOperator, kService},
    Known{"missingfunction", kOperator,
          "Installez ou mettez à jour le greffon local_compagnon dans ce Moodle, puis ajoutez ses fonctions au service "
          "web."},
    Known{"invalidrecord", kGone, ""},
    Known{"invalidparameter", kCaller,
          "Moodle refuse la requête : vérifiez que la version du greffon local_compagnon convient à cette version de "
          "Compagnon."},
    Known{"nopermissions", kOperator, kRights},
    Known{"requireloginerror", kOperator, kRights},
    Known{"errorcoursecontextnotvalid", kOperator, kRights},
    Known{"cannotviewreport", kCaller, ""},
    Known{"nocriteriaset", kGone, ""},
    Known{"usernotenroled", kGone, ""},
    Known{"wsusercannotassign", kOperator, kRights},
    Known{"shortnametaken", kCaller, ""},
    Known{"courseidnumbertaken", kCaller, ""},
    Known{"wsaccessusersuspended", kOperator, "Réactivez le compte de service, suspendu dans Moodle."},
    Known{"sitemaintenance", kRetry, "Le site est en maintenance. Compagnon réessaie de lui-même."},
    Known{"upgraderunning", kRetry, "Le site est en cours de mise à jour. Compagnon réessaie de lui-même."},
    Known{"dbconnectionfailed", kRetry, "La base de données de Moodle ne répond pas. Compagnon réessaie de lui-même."},
    Known{"invalidresponse", kCaller, ""},
    Known{"criteriaerror", kCaller, ""},
    Known{"formatnotsupported", kCaller, ""},
    Known{"anonymous", kCaller, ""},
    Known{"privacyofficeronly", kOperator,
          "Désignez le rôle du compte de service comme délégué à la protection des données dans Moodle."},
    Known{"contactdpoviaprivacypolicy", kOperator, kRights},
    Known{"usernotallowed", kOperator, "Ajoutez le compte de service aux utilisateurs autorisés du service web."},
    Known{"invalidlogin", kOperator, kNewToken},
    Known{"servicenotavailable", kOperator, kService},

    Known{"cursorreset", kOperator,
          "Le greffon ne connaît plus la position de Compagnon : une sauvegarde a sans doute été restaurée. Vérifiez, "
          "puis « compagnon site confirm CODE --new-epoch »."},
    Known{"fingerprint_changed", kOperator,
          "Ce Moodle n'est plus la même installation : déplacé, ou copié ? « compagnon site confirm CODE --moved » ou "
          "« --copy »."},
    Known{"epoch_changed", kOperator,
          "Le greffon a commencé une nouvelle époque. Vérifiez, puis « compagnon site confirm CODE --new-epoch »."},
    Known{"epoch_reused", kOperator,
          "Le greffon sert encore l'époque que Compagnon a déjà lue : confirmez d'abord la nouvelle époque dans les "
          "réglages de local_compagnon, puis « compagnon site confirm CODE --new-epoch »."},
    Known{"protocol", kOperator,
          "Le greffon parle une autre version du protocole : mettez à jour le greffon ou Compagnon."},
    Known{"unknownsubscriber", kOperator,
          "Déclarez l'abonné « compagnon » dans les réglages du greffon local_compagnon."},
    Known{"invalidkind", kCaller, "Mettez à jour le greffon local_compagnon."},

    Known{"webservices_disabled", kOperator,
          "Activez les services web et le protocole REST dans Moodle (Administration > Fonctions avancées, puis "
          "Serveur > Services web > Gérer les protocoles)."},
    Known{"http_401", kOperator,
          "Un mandataire devant Moodle demande une authentification : ouvrez-lui l'adresse de Compagnon."},
    Known{"http_404", kOperator, "L'adresse ne mène pas à un Moodle : vérifiez l'URL (sans /login ni /my)."},
    Known{"http_4xx", kOperator, "Le serveur web refuse la requête : vérifiez l'URL et les règles du mandataire."},
    Known{"http_429", kRetry, kWait},
    Known{"http_5xx", kRetry, "Le serveur de Moodle répond par une erreur. Compagnon réessaie de lui-même."},
    Known{"maintenance", kRetry, "Le site est en maintenance. Compagnon réessaie de lui-même."},
    Known{"redirect_refused", kOperator, "L'adresse redirige : donnez l'URL finale (souvent https au lieu de http)."},
    Known{"not_json", kRetry, "Le serveur a répondu par une page au lieu de données : vérifiez l'URL si cela dure."},
    Known{"answer_too_large", kCaller, "La réponse dépasse la taille permise."},
    Known{"connect", kRetry, "Le serveur ne répond pas : vérifiez l'URL, le pare-feu et que Moodle est en marche."},
    Known{"dns", kRetry, "Le nom du serveur est inconnu : vérifiez l'URL et le DNS."},
    Known{"timeout", kRetry, "Le serveur répond trop lentement. Compagnon réessaie de lui-même."},
    Known{"connection_cut", kRetry, kWait},
    Known{"tls", kOperator,
          "Le certificat du serveur n'est pas valable : renouvelez-le, ou installez l'autorité de certification sur "
          "cette machine."},
    Known{"private_address", kOperator,
          "L'adresse est privée : si c'est voulu, mettez allow_private_addresses = true dans la section [moodle]."},
    Known{"bad_url", kOperator, "L'URL n'est pas valable : https://moodle.example.org"},
    Known{"circuit_open", kRetry, kWait},
    Known{"cancelled", kRetry, ""},
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

bool IsKnownCode(std::string_view code) { return Find(code) != nullptr; }

std::string NextStep(std::string_view code) {
  const Known* k = Find(code);
  if (k != nullptr) return std::string(k->next_step);
  return absl::StrCat("Moodle répond par l'erreur « ", std::string(code),
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
