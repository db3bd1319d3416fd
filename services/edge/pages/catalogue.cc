#include "edge/pages/catalogue.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "edge/http/ascii_text.h"

namespace compagnon::edge {
namespace {

std::string Fill(const std::string& text, Catalogue::Arguments arguments) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '{') {
      out.push_back(text[i]);
      continue;
    }
    const size_t end = text.find('}', i);
    const std::string_view name = std::string_view(text).substr(i + 1, end - i - 1);
    const auto* found =
        std::find_if(arguments.begin(), arguments.end(), [&](const auto& a) { return a.first == name; });
    if (found == arguments.end())
      Die("a text wants {" + std::string(name) + "}, which its caller does not give: " + text);
    out.append(found->second);
    i = end;
  }
  return out;
}

}  // namespace

std::string_view CodeOf(Language language) {
  switch (language) {
    case Language::kFrench:
      return "fr";
    case Language::kEnglish:
      return "en";
    case Language::kArabic:
      return "ar";
  }
  return "fr";
}

std::optional<Language> LanguageOf(std::string_view code) {
  for (const Language language : kLanguages) {
    if (CodeOf(language) == code) return language;
  }
  return std::nullopt;
}

Language LanguageFromHeader(std::string_view accept_language) {
  Language best = Language::kFrench;
  double best_weight = 0;
  for (const std::string_view item : SplitText(accept_language, ',')) {
    const size_t semicolon = std::min(item.find(';'), item.size());
    const std::string_view range = Trim(item.substr(0, semicolon));
    const std::string_view parameter = Trim(item.substr(std::min(semicolon + 1, item.size())));
    double weight = 1;
    if (parameter.starts_with("q=") && !absl::SimpleAtod(std::string(parameter.substr(2)), &weight)) weight = 0;
    const std::string_view primary = range.substr(0, std::min(range.find('-'), range.size()));
    for (const Language language : kLanguages) {
      if (EqualsIgnoreCase(primary, CodeOf(language)) && weight > best_weight) {
        best = language;
        best_weight = weight;
      }
    }
  }
  return best;
}

std::string_view PluralCategory(Language language, int64_t n) {
  if (n < 0) n = -n;
  switch (language) {
    case Language::kFrench:
      // CLDR's "many" for whole millions asks for "de" ("un million d'apprenants"); numbers here are written in digits.
      return n <= 1 ? "one" : "other";
    case Language::kEnglish:
      return n == 1 ? "one" : "other";
    case Language::kArabic:
      if (n == 0) return "zero";
      if (n == 1) return "one";
      if (n == 2) return "two";
      if (n % 100 >= 3 && n % 100 <= 10) return "few";
      if (n % 100 >= 11) return "many";
      return "other";
  }
  return "other";
}

std::vector<std::string_view> PluralCategories(Language language) {
  if (language == Language::kArabic) return {"zero", "one", "two", "few", "many", "other"};
  return {"one", "other"};
}

absl::StatusOr<Catalogue> Catalogue::Parse(Language language, std::string_view content) {
  Catalogue catalogue;
  catalogue.language_ = language;
  int number = 0;
  for (std::string_view line : SplitText(content, '\n')) {
    ++number;
    line = Trim(line);
    if (line.empty() || line.front() == '#') continue;
    const auto wrong = [&](std::string_view why) {
      return absl::InvalidArgumentError(
          absl::StrCat(std::string(CodeOf(language)), ".txt:", number, ": ", std::string(why)));
    };
    const size_t equals = line.find(" = ");
    if (equals == std::string_view::npos) return wrong("expected \"key = text\"");
    const std::string key(Trim(line.substr(0, equals)));
    std::string text(Trim(line.substr(equals + 3)));
    int depth = 0;
    for (const char c : text) {
      depth += c == '{' ? 1 : c == '}' ? -1 : 0;
      if (depth < 0 || depth > 1) break;
    }
    if (depth != 0) return wrong("unbalanced braces");
    if (!catalogue.texts_.emplace(key, std::move(text)).second) return wrong("key given twice: " + key);
  }
  return catalogue;
}

bool Catalogue::Has(std::string_view key) const { return texts_.find(key) != texts_.end(); }

const std::string& Catalogue::Text(std::string_view key) const {
  const auto found = texts_.find(key);
  if (found == texts_.end()) Die(std::string(CodeOf(language_)) + ".txt has no text \"" + std::string(key) + "\"");
  return found->second;
}

std::string Catalogue::Text(std::string_view key, Arguments arguments) const { return Fill(Text(key), arguments); }

std::string Catalogue::Count(std::string_view key, int64_t n, std::string_view number, Arguments arguments) const {
  const std::string full = std::string(key) + "." + std::string(PluralCategory(language_, n));
  // Arguments may be empty; {n} is always there.
  std::string text = Text(full);
  for (size_t at = text.find("{n}"); at != std::string::npos; at = text.find("{n}", at + number.size())) {
    text.replace(at, 3, number);
  }
  return Fill(text, arguments);
}

}  // namespace compagnon::edge
