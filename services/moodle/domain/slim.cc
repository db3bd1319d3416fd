#include "moodle/domain/slim.h"

#include <cmath>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"

namespace compagnon::moodle {
namespace {

constexpr int64_t kDayUs = int64_t{86400} * 1000000;
constexpr int kUserContext = 30;

SlimOrigin OriginOf(std::string_view origin) {
  if (origin == "web") return SlimOrigin::kWeb;
  if (origin == "ws") return SlimOrigin::kWs;
  if (origin == "cli") return SlimOrigin::kCli;
  if (origin == "restore") return SlimOrigin::kRestore;
  return SlimOrigin::kUnspecified;
}

std::string_view Other(const MoodleEvent& event, std::string_view key) {
  const auto found = event.other.find(key);
  return found == event.other.end() ? std::string_view() : std::string_view(found->second);
}

// What is no identifier becomes "_" as a whole: the key travels outside the message, where nobody looks for a name or
// an address.
void AppendSegment(std::string& out, std::string_view text) {
  bool identifier = !text.empty() && text.size() <= 60;
  for (char c : text)
    identifier = identifier && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-');
  out.push_back('.');
  out.append(identifier ? text : std::string_view("_"));
}

}  // namespace

int64_t UtcDayOf(int64_t us) { return us >= 0 ? us / kDayUs : -((-us + kDayUs - 1) / kDayUs); }

int64_t FloorToUtcDay(int64_t us) { return UtcDayOf(us) * kDayUs; }

bool IsEventName(std::string_view name) {
  if (name.size() < 2 || name.size() > 200 || name[0] != '\\') return false;
  for (char c : name) {
    const bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '\\';
    if (!ok) return false;
  }
  return true;
}

std::string RoutingKey(std::string_view site, std::string_view component, std::string_view target,
                       std::string_view action) {
  std::string key = "moodle";
  AppendSegment(key, site);
  AppendSegment(key, component);
  AppendSegment(key, target);
  AppendSegment(key, action);
  return key;
}

std::optional<int64_t> ThousandthsOf(std::string_view decimal) {
  size_t i = 0;
  bool negative = false;
  if (i < decimal.size() && (decimal[i] == '-' || decimal[i] == '+')) negative = decimal[i++] == '-';
  int64_t value = 0;
  int digits = 0, decimals = -1;
  bool round_up = false, plain = true;
  for (; i < decimal.size(); ++i) {
    const char c = decimal[i];
    if (c == '.' && decimals < 0) {
      decimals = 0;
      continue;
    }
    if (c < '0' || c > '9') {
      plain = false;
      break;
    }
    ++digits;
    if (decimals >= 3) {
      if (decimals == 3) round_up = c >= '5';
      ++decimals;
      continue;
    }
    if (value > std::numeric_limits<int64_t>::max() / 100000) return std::nullopt;
    value = value * 10 + (c - '0');
    if (decimals >= 0) ++decimals;
  }
  if (plain) {
    if (digits == 0) return std::nullopt;
    for (int d = std::max(decimals, 0); d < 3; ++d) value *= 10;
    value += round_up ? 1 : 0;
    return negative ? -value : value;
  }
  // PHP writes very large and very small floats with an exponent.
  double number = 0;
  if (!absl::SimpleAtod(absl::string_view(decimal.data(), decimal.size()), &number) || !std::isfinite(number) ||
      std::abs(number) > 1e12) {
    return std::nullopt;
  }
  return std::llround(number * 1000);
}

std::optional<SlimActivity> ToSlim(const MoodleEvent& event) {
  if (event.name == "\\core\\event\\grade_item_updated") return std::nullopt;
  if (event.component == "local_compagnon" || absl::StartsWith(event.name, "\\local_compagnon\\")) return std::nullopt;
  if (event.name == "\\core\\event\\webservice_function_called") {
    const std::string_view function = Other(event, "function");
    if (function.substr(0, 16) == "local_compagnon_") return std::nullopt;
  }

  SlimActivity slim;
  slim.name = event.name;
  slim.course = event.course;
  slim.crud = event.crud;
  slim.edulevel = event.edulevel;
  slim.context_level = event.context_level;
  slim.origin = OriginOf(event.origin);
  slim.anonymous = event.anonymous;
  slim.occurred_us = event.occurred_us;
  slim.recorded_us = event.recorded_us;
  slim.clock_flagged = event.clock_flagged;
  // A user context's instance and a user record's id are Moodle user ids: with them anybody could undo the pseudonym.
  if (event.context_level != kUserContext) slim.context_instance = event.context_instance;

  if (event.anonymous) {
    slim.occurred_us = FloorToUtcDay(slim.occurred_us);
    slim.recorded_us = FloorToUtcDay(slim.recorded_us);
    return slim;
  }

  slim.user = event.user > 0 ? event.user : 0;
  slim.related_user = event.related_user > 0 ? event.related_user : 0;
  // A log's 0 is not null: it arrives as -1, somebody unknown acted.
  slim.acted_by_other = event.real_user != 0 && event.real_user != event.user;
  if (event.object_table != "user") slim.object = event.object_id;
  if (event.name == "\\core\\event\\user_graded") {
    int64_t item = 0;
    const std::string_view text = Other(event, "itemid");
    if (absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &item)) slim.grade_item = item;
    if (const auto score = ThousandthsOf(Other(event, "finalgrade"))) {
      slim.score_milli = *score;
      slim.has_score = true;
    }
  } else if (event.name == "\\core\\event\\course_module_completion_updated") {
    int state = -1;
    const std::string_view text = Other(event, "completionstate");
    if (absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &state) && state >= 0 && state <= 3)
      slim.completion_state = state;
  }
  return slim;
}

}  // namespace compagnon::moodle
