#include "platform/store/statement_text.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "absl/strings/ascii.h"

namespace compagnon::store {
namespace {

bool IsNameCharacter(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// End of what starts at `at` and is no plain SQL (quotes, comments, dollar quotes); `at` itself when nothing does.
size_t EndOfOpaque(std::string_view sql, size_t at) {
  const char c = sql[at];
  const auto after = [&](std::string_view closing, size_t from) {
    const size_t found = sql.find(closing, from);
    return found == std::string_view::npos ? sql.size() : found + closing.size();
  };
  if (c == '"') return after("\"", at + 1);
  if (c == '\'') {
    // Only E'...' knows backslashes; a doubled quote reads as two strings side by side, which ends at the same place.
    const bool escapes =
        at > 0 && (sql[at - 1] == 'E' || sql[at - 1] == 'e') && (at < 2 || !IsNameCharacter(sql[at - 2]));
    size_t i = at + 1;
    while (i < sql.size() && sql[i] != '\'') i += escapes && sql[i] == '\\' ? 2 : 1;
    return std::min(i + 1, sql.size());
  }
  if (sql.substr(at, 2) == "--") return after("\n", at);
  if (sql.substr(at, 2) == "/*") {
    int depth = 1;
    size_t i = at + 2;
    while (i < sql.size() && depth > 0) {
      if (sql.substr(i, 2) == "/*") {
        ++depth, i += 2;
      } else if (sql.substr(i, 2) == "*/") {
        --depth, i += 2;
      } else {
        ++i;
      }
    }
    return i;
  }
  if (c == '$' && (at == 0 || !IsNameCharacter(sql[at - 1]))) {
    size_t i = at + 1;
    if (i < sql.size() && absl::ascii_isdigit(static_cast<unsigned char>(sql[i]))) return at;
    while (i < sql.size() && IsNameCharacter(sql[i])) ++i;
    if (i < sql.size() && sql[i] == '$') return after(sql.substr(at, i + 1 - at), i + 1);
  }
  return at;
}

}  // namespace

StatementText NumberParameters(std::string_view sql, char marker) {
  StatementText text;
  text.sql.reserve(sql.size());
  size_t i = 0;
  while (i < sql.size()) {
    if (const size_t end = EndOfOpaque(sql, i); end > i) {
      text.sql.append(sql.substr(i, end - i));
      i = end;
      continue;
    }
    if (sql[i] != ':') {
      text.sql += sql[i++];
      continue;
    }
    if (sql.substr(i, 2) == "::") {
      text.sql += "::";
      i += 2;
      continue;
    }
    size_t digits = i + 2;
    int number = 0;
    while (sql.substr(i, 2) == ":p" && digits < sql.size() &&
           absl::ascii_isdigit(static_cast<unsigned char>(sql[digits])) && number < 100000) {
      number = number * 10 + (sql[digits++] - '0');
    }
    if (number == 0 || (digits < sql.size() && IsNameCharacter(sql[digits]))) {
      text.sql += sql[i++];
      continue;
    }
    text.sql += marker;
    text.sql += std::to_string(number);
    text.parameters = std::max(text.parameters, number);
    i = digits;
  }
  return text;
}

std::string OnConflict(std::string_view keys, std::string_view update) {
  std::string clause = " ON CONFLICT (";
  clause.append(keys).append(update.empty() ? ") DO NOTHING" : ") DO UPDATE SET ").append(update);
  return clause;
}

std::vector<std::string> SplitStatements(std::string_view text) {
  std::vector<std::string> statements;
  std::string current;
  const auto finish = [&] {
    absl::StripAsciiWhitespace(&current);
    if (!current.empty()) statements.push_back(current);
    current.clear();
  };
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1);
    std::string line(text.substr(0, end + 1));
    text.remove_prefix(end + 1);
    std::string bare = line;
    absl::StripAsciiWhitespace(&bare);
    if (bare == "--;") {
      finish();
    } else {
      current += line;
    }
  }
  finish();
  return statements;
}

bool IsStorableText(std::string_view text) {
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = p + text.size();
  while (p < end) {
    // Eight characters of ASCII at a time: no high bit, no zero byte.
    while (end - p >= 8) {
      uint64_t word;
      std::memcpy(&word, p, 8);
      constexpr uint64_t kHigh = 0x8080808080808080, kOnes = 0x0101010101010101;
      if ((word & kHigh) != 0 || ((word - kOnes) & ~word & kHigh) != 0) break;
      p += 8;
    }
    if (p == end) break;
    const unsigned char c = *p++;
    if (c == 0) return false;
    if (c < 0x80) continue;
    const int more = c >= 0xC2 && c < 0xE0 ? 1 : (c & 0xF0) == 0xE0 ? 2 : c >= 0xF0 && c < 0xF5 ? 3 : 0;
    if (more == 0 || end - p < more) return false;
    for (int i = 0; i < more; ++i) {
      if ((p[i] & 0xC0) != 0x80) return false;
    }
    // Overlong forms, surrogates and what lies beyond U+10FFFF.
    if ((c == 0xE0 && p[0] < 0xA0) || (c == 0xED && p[0] >= 0xA0) || (c == 0xF0 && p[0] < 0x90) ||
        (c == 0xF4 && p[0] >= 0x90)) {
      return false;
    }
    p += more;
  }
  return true;
}

}  // namespace compagnon::store
