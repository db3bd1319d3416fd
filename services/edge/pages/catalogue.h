#ifndef COMPAGNON_EDGE_PAGES_CATALOGUE_H_
#define COMPAGNON_EDGE_PAGES_CATALOGUE_H_

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/base/status.h"

namespace compagnon::edge {

enum class Language { kFrench, kEnglish, kArabic };
inline constexpr Language kLanguages[] = {Language::kFrench, Language::kEnglish, Language::kArabic};

// "fr", "en", "ar"; and back.
std::string_view CodeOf(Language language);
std::optional<Language> LanguageOf(std::string_view code);
// The first language of an Accept-Language, by weight, that there is a catalogue for; French when none.
Language LanguageFromHeader(std::string_view accept_language);

// CLDR's plural category of an integer in the language: "zero", "one", "two", "few", "many" or "other".
std::string_view PluralCategory(Language language, int64_t n);
// The categories a language's catalogue must give for each text that counts.
std::vector<std::string_view> PluralCategories(Language language);

// The texts of one language, from lines "key = text" (# starts a comment). "{name}" in a text is filled by an argument.
// A text that counts has one line per plural category: "key.one", "key.other". Texts are plain: whoever puts one in
// HTML escapes it. Immutable after Parse, so safe from any thread.
class Catalogue {
 public:
  using Arguments = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  // InvalidArgument names the line of a key given twice, a line without "=", or an unbalanced brace.
  static absl::StatusOr<Catalogue> Parse(Language language, std::string_view content);

  Language language() const { return language_; }
  bool Has(std::string_view key) const;
  // A key that is missing stops the process: tests hold every key of the code and the templates against every
  // catalogue.
  const std::string& Text(std::string_view key) const;
  std::string Text(std::string_view key, Arguments arguments) const;
  // Picks the plural form of `n`; `number` is how it is written and fills "{n}".
  std::string Count(std::string_view key, int64_t n, std::string_view number, Arguments arguments = {}) const;
  const std::map<std::string, std::string, std::less<>>& texts() const { return texts_; }

 private:
  Language language_ = Language::kFrench;
  std::map<std::string, std::string, std::less<>> texts_;
};

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_PAGES_CATALOGUE_H_
