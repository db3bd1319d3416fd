#include "platform/rpc/messages.h"

namespace compagnon::rpc {
namespace {

struct Text {
  std::string_view fr, en, ar;  // the Arabic has not been proof-read
};

struct ByCode {
  absl::StatusCode code;
  Text text;
};
constexpr ByCode kByCode[] = {
    {absl::StatusCode::kInvalidArgument,
     {"La demande est mal formée.", "The request is malformed.", "الطلب غير صحيح الصياغة."}},
    {absl::StatusCode::kNotFound, {"Cet élément n’existe pas.", "This item does not exist.", "هذا العنصر غير موجود."}},
    {absl::StatusCode::kAlreadyExists,
     {"Cet élément existe déjà.", "This item already exists.", "هذا العنصر موجود من قبل."}},
    {absl::StatusCode::kPermissionDenied,
     {"Vous n’avez pas le droit de faire cela.", "You are not allowed to do this.", "ليس لديك الحق في القيام بذلك."}},
    {absl::StatusCode::kUnauthenticated,
     {"Veuillez vous reconnecter.", "Please sign in again.", "يرجى تسجيل الدخول من جديد."}},
    {absl::StatusCode::kFailedPrecondition,
     {"L’état actuel ne le permet pas.", "The current state does not allow this.", "الحالة الراهنة لا تسمح بذلك."}},
    {absl::StatusCode::kAborted,
     {"Une autre modification a eu lieu en même temps : réessayez.",
      "Another change happened at the same time: try again.", "حدث تعديل آخر في الوقت نفسه: أعد المحاولة."}},
    {absl::StatusCode::kResourceExhausted,
     {"Le service est trop sollicité : réessayez dans un instant.", "The service is too busy: try again in a moment.",
      "الخدمة مشغولة جدًا: أعد المحاولة بعد لحظة."}},
    {absl::StatusCode::kDeadlineExceeded,
     {"La réponse a pris trop de temps : réessayez.", "The answer took too long: try again.",
      "استغرق الرد وقتًا طويلًا: أعد المحاولة."}},
    {absl::StatusCode::kUnavailable,
     {"Le service est momentanément indisponible : réessayez dans un instant.",
      "The service is unavailable for the moment: try again shortly.",
      "الخدمة غير متاحة مؤقتًا: أعد المحاولة بعد لحظة."}},
    {absl::StatusCode::kUnimplemented,
     {"Cette fonction n’est pas disponible ici.", "This function is not available here.",
      "هذه الوظيفة غير متاحة هنا."}},
    {absl::StatusCode::kCancelled, {"La demande a été annulée.", "The request was cancelled.", "أُلغي الطلب."}},
};
constexpr Text kInternal = {"Une erreur inattendue s’est produite.", "An unexpected error occurred.",
                            "حدث خطأ غير متوقع."};

struct ByReason {
  std::string_view reason;
  Text text;
};
constexpr ByReason kByReason[] = {
    {"token_expired",
     {"Votre session a expiré : veuillez vous reconnecter.", "Your session has expired: please sign in again.",
      "انتهت جلستك: يرجى تسجيل الدخول من جديد."}},
    {"scope_not_held",
     {"Ces données sont hors de votre périmètre.", "This data is outside your scope.", "هذه البيانات خارج نطاقك."}},
    {"site_not_found", {"Ce site n’existe pas.", "This site does not exist.", "هذا الموقع غير موجود."}},
    {"course_not_found", {"Ce cours n’existe pas.", "This course does not exist.", "هذا المقرر غير موجود."}},
};

std::string_view In(const Text& text, std::string_view locale) {
  const std::string_view language = locale.substr(0, 2);
  if (language == "en") return text.en;
  if (language == "ar") return text.ar;
  return text.fr;
}

}  // namespace

std::string_view MessageFor(absl::StatusCode code, std::string_view reason, std::string_view locale) {
  for (const ByReason& entry : kByReason) {
    if (entry.reason == reason) return In(entry.text, locale);
  }
  for (const ByCode& entry : kByCode) {
    if (entry.code == code) return In(entry.text, locale);
  }
  return In(kInternal, locale);
}

}  // namespace compagnon::rpc
