#include "moodle/intake/ws_answer.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace compagnon::moodle {
namespace {

absl::Duration ParseRetryAfter(std::string_view header, absl::Time now) {
  int64_t seconds = 0;
  if (absl::SimpleAtoi(absl::string_view(header.data(), header.size()), &seconds)) {
    return absl::Seconds(std::clamp<int64_t>(seconds, 0, 86400));
  }
  absl::Time at;
  std::string error;
  if (absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", absl::string_view(header.data(), header.size()), &at, &error) &&
      at > now) {
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

absl::Status CheckAnswer(int http_status, std::string_view content_type, std::string_view retry_after,
                         std::string_view body, absl::Time now) {
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
  const bool scalar = body.substr(first, 4) == "null" || body.substr(first, 4) == "true" ||
                      body.substr(first, 5) == "false" || lead == '"' || lead == '-' ||
                      std::isdigit(static_cast<unsigned char>(lead));
  if (lead != '{' && lead != '[' && !scalar) return fault("not_json", "not JSON");
  // A connection closed early by a proxy that forged the length, or PHP dying while it wrote: the end is missing.
  const char last = body[body.find_last_not_of(" \t\r\n")];
  if ((lead == '{' && last != '}') || (lead == '[' && last != ']')) return fault("not_json", "cut short");

  // An exception is a small object whose first keys are among these; a data answer of megabytes is not parsed twice.
  if (lead == '{' && body.size() < 64 * 1024) {
    const auto json = nlohmann::json::parse(body, nullptr, false);
    // What does not parse here (one byte that is no UTF-8 is enough) is the reader's to judge: it may save the rest.
    if (json.is_discarded())
      return body.substr(first, 12) == "{\"exception\"" ? fault("not_json", "broken JSON") : absl::OkStatus();
    const bool exception = json.contains("exception") ||
                           (json.contains("errorcode") && (json.contains("error") || json.contains("message")));
    if (exception) {
      std::string code = json.contains("errorcode") && json["errorcode"].is_string()
                             ? SafeCode(json["errorcode"].get<std::string>())
                             : "unknown";
      // "Can't find data record in database table external_functions": the function is unknown to this Moodle. The
      // table's name is in the message in every language.
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
