#include "moodle/domain/ws_fault.h"

#include <algorithm>
#include <array>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

#include <nlohmann/json.hpp>

namespace compagnon::moodle {
namespace {

using enum FaultCategory;

struct Known {
  std::string_view code;
  FaultCategory category;
  std::string_view next_step;
};

constexpr std::string_view kNewToken =
    "Créez un nouveau jeton pour le compte de service (Administration > Serveur > Services web > Gérer les jetons), puis relancez « compagnon site add » avec ce jeton.";
constexpr std::string_view kService =
    "Dans Moodle, vérifiez que le service web est activé, que ses fonctions comprennent celles de Compagnon, que le jeton n'a pas expiré et que l'adresse IP de Compagnon y est admise.";
constexpr std::string_view kRights = "Donnez au rôle du compte de service la capacité manquante (Administration > Utilisateurs > Permissions).";
constexpr std::string_view kWait = "Rien à faire : Compagnon réessaie de lui-même.";

// The table of moodle/README.md observed on Moodle 4.5, then the protocol's own codes, then what the client itself sees.
constexpr std::array kKnown = {
    Known{"invalidtoken", kOperator, kNewToken},
    Known{"accessexception", kOperator, kService},
    Known{"missingfunction", kOperator, "Installez ou mettez à jour le greffon local_compagnon dans ce Moodle, puis ajoutez ses fonctions au service web."},
    Known{"invalidrecord", kGone, ""},
    Known{"invalidparameter", kCaller, "Moodle refuse la requête : vérifiez que la version du greffon local_compagnon convient à cette version de Compagnon."},
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
    Known{"privacyofficeronly", kOperator, "Désignez le rôle du compte de service comme délégué à la protection des données dans Moodle."},
    Known{"contactdpoviaprivacypolicy", kOperator, kRights},
    Known{"usernotallowed", kOperator, "Ajoutez le compte de service aux utilisateurs autorisés du service web."},
    Known{"invalidlogin", kOperator, kNewToken},
    Known{"servicenotavailable", kOperator, kService},

    Known{"cursorreset", kOperator, "Le greffon ne connaît plus la position de Compagnon : une sauvegarde a sans doute été restaurée. Vérifiez, puis « compagnon site confirm CODE --new-epoch »."},
    Known{"fingerprint_changed", kOperator, "Ce Moodle n'est plus la même installation : déplacé, ou copié ? « compagnon site confirm CODE --moved » ou « --copy »."},
    Known{"epoch_changed", kOperator, "Le greffon a commencé une nouvelle époque. Vérifiez, puis « compagnon site confirm CODE --new-epoch »."},
    Known{"epoch_reused", kOperator, "Le greffon sert encore l'époque que Compagnon a déjà lue : confirmez d'abord la nouvelle époque dans les réglages de local_compagnon, puis « compagnon site confirm CODE --new-epoch »."},
    Known{"protocol", kOperator, "Le greffon parle une autre version du protocole : mettez à jour le greffon ou Compagnon."},
    Known{"unknownsubscriber", kOperator, "Déclarez l'abonné « compagnon » dans les réglages du greffon local_compagnon."},
    Known{"invalidkind", kCaller, "Mettez à jour le greffon local_compagnon."},

    Known{"webservices_disabled", kOperator, "Activez les services web et le protocole REST dans Moodle (Administration > Fonctions avancées, puis Serveur > Services web > Gérer les protocoles)."},
    Known{"http_401", kOperator, "Un mandataire devant Moodle demande une authentification : ouvrez-lui l'adresse de Compagnon."},
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
    Known{"tls", kOperator, "Le certificat du serveur n'est pas valable : renouvelez-le, ou installez l'autorité de certification sur cette machine."},
    Known{"private_address", kOperator, "L'adresse est privée : si c'est voulu, mettez allow_private_addresses = true dans la section [moodle]."},
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

absl::Duration ParseRetryAfter(std::string_view header, absl::Time now) {
  int64_t seconds = 0;
  if (absl::SimpleAtoi(absl::string_view(header.data(), header.size()), &seconds)) {
    return absl::Seconds(std::clamp<int64_t>(seconds, 0, 86400));
  }
  absl::Time at;
  std::string error;
  if (absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", absl::string_view(header.data(), header.size()), &at, &error) && at > now) {
    return std::min(at - now, absl::Hours(24));
  }
  return absl::ZeroDuration();
}

// Errorcodes are identifiers; anything else in that field is not echoed into logs.
std::string SafeCode(std::string_view code) {
  std::string out;
  for (char c : code.substr(0, 64)) {
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '/') out.push_back(c);
  }
  return out.empty() ? "unknown" : out;
}

}  // namespace

FaultCategory CategoryOf(std::string_view code) {
  const Known* k = Find(code);
  return k != nullptr ? k->category : kOperator;
}

bool IsKnownCode(std::string_view code) { return Find(code) != nullptr; }

std::string NextStep(std::string_view code) {
  const Known* k = Find(code);
  if (k != nullptr) return std::string(k->next_step);
  return absl::StrCat("Moodle répond par l'erreur « ", std::string(code), " », inconnue de Compagnon : cherchez-la dans le journal de Moodle.");
}

absl::Status FaultStatus(const WsFault& fault, std::string_view detail) {
  const std::string message = detail.empty() ? fault.code : absl::StrCat(fault.code, ": ", std::string(detail));
  absl::Status status;
  switch (fault.category) {
    case kRetry: status = absl::UnavailableError(message); break;
    case kOperator: status = absl::FailedPreconditionError(message); break;
    case kCaller: status = absl::InvalidArgumentError(message); break;
    case kGone: status = absl::NotFoundError(message); break;
  }
  status.SetPayload(kPayload, absl::Cord(absl::StrCat(static_cast<int>(fault.category), "|", absl::ToInt64Milliseconds(fault.retry_after), "|", fault.code)));
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

absl::Status CheckAnswer(int http_status, std::string_view content_type, std::string_view retry_after, std::string_view body, absl::Time now) {
  const auto fault = [&](std::string_view code, std::string_view detail = "") {
    return FaultStatus({CategoryOf(code), std::string(code), ParseRetryAfter(retry_after, now)}, detail);
  };
  if (http_status == 503) return fault("maintenance", "HTTP 503");
  if (http_status == 429) return fault("http_429");
  if (http_status == 408 || http_status == 425) return fault("timeout");
  if (http_status >= 500) return fault("http_5xx", absl::StrCat("HTTP ", http_status));
  if (http_status == 401 || http_status == 407) return fault("http_401");
  // Web services or the REST protocol switched off: Moodle answers 403 with an empty body.
  if (http_status == 403) return fault(body.empty() ? "webservices_disabled" : "http_4xx", "HTTP 403");
  if (http_status == 404 || http_status == 410) return fault("http_404");
  if (http_status >= 400) return fault("http_4xx", absl::StrCat("HTTP ", http_status));
  if (http_status >= 300) return fault("redirect_refused", absl::StrCat("HTTP ", http_status));
  if (http_status != 200) return fault("not_json", absl::StrCat("HTTP ", http_status));

  const size_t first = body.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (first == std::string_view::npos) return fault("not_json", "empty body");
  const char lead = body[first];
  const bool scalar = body.substr(first, 4) == "null" || body.substr(first, 4) == "true" || body.substr(first, 5) == "false" || lead == '"' ||
                      lead == '-' || std::isdigit(static_cast<unsigned char>(lead));
  if (lead != '{' && lead != '[' && !scalar) return fault("not_json", "not JSON");
  // A connection closed early by a proxy that forged the length, or PHP dying while it wrote: the end is missing.
  const char last = body[body.find_last_not_of(" \t\r\n")];
  if ((lead == '{' && last != '}') || (lead == '[' && last != ']')) return fault("not_json", "cut short");

  // An exception is a small object whose first keys are among these; a data answer of megabytes is not parsed twice.
  if (lead == '{' && body.size() < 64 * 1024) {
    const auto json = nlohmann::json::parse(body, nullptr, false);
    // What does not parse here (one byte that is no UTF-8 is enough) is the reader's to judge: it may save the rest.
    if (json.is_discarded()) return body.substr(first, 12) == "{\"exception\"" ? fault("not_json", "broken JSON") : absl::OkStatus();
    const bool exception = json.contains("exception") || (json.contains("errorcode") && (json.contains("error") || json.contains("message")));
    if (exception) {
      std::string code = json.contains("errorcode") && json["errorcode"].is_string() ? SafeCode(json["errorcode"].get<std::string>()) : "unknown";
      // "Can't find data record in database table external_functions": the function is unknown to this Moodle. The table's name is in
      // the message in every language.
      if (code == "invalidrecord" && json.contains("message") && json["message"].is_string() &&
          json["message"].get_ref<const std::string&>().find("external_functions") != std::string::npos) {
        code = "missingfunction";
      }
      return fault(code, "");
    }
  }
  return absl::OkStatus();
}

}  // namespace compagnon::moodle
