#ifndef COMPAGNON_COMPAGNON_CONFIG_KEYS_H_
#define COMPAGNON_COMPAGNON_CONFIG_KEYS_H_

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/types/span.h"
#include "platform/base/config.h"

// The table behind config_file.h: reading, checking, the example and the explanation all walk it.
namespace compagnon::config {

using Names = std::vector<std::string>;
using Table = std::map<std::string, std::string>;

// What a text may hold.
enum class Form {
  kAny,
  kChoice,     // one of `choices`, separated by "|"
  kListen,     // "host:port" or "" for none; port 0 = any free one
  kAddresses,  // "host:port", several separated by ","
  kUrl,
  kCidr,
  kTimeOfDay,   // "HH:MM"
  kModule,      // [a-z]+
  kFile,        // exists and can be read
  kSecretFile,  // besides, closed to others
};

struct Key {
  std::string_view section;  // "" = top of the file
  std::string_view name;
  // Where the value lives in a Config: the same row reads, prints and compares with the default.
  std::variant<std::string* (*)(Config&), int* (*)(Config&), bool* (*)(Config&), Names* (*)(Config&),
               Table* (*)(Config&)>
      place;
  Form form = Form::kAny;
  std::string_view choices = {};
  int min = 0, max = 0;  // of an int
  std::string_view fr, en;

  std::string FullName() const;  // "store.backend"
  std::string Variable() const;  // "COMPAGNON_STORE_BACKEND"
};

absl::Span<const Key> Keys();

// Why `value` does not have the form of `key`, "" when it has. Looks at files.
std::string WrongForm(const Key& key, std::string_view value, std::string_view locale);
// What the key takes, in words: "integer 1 to 65535", "sqlite | postgresql".
std::string Expected(const Key& key, std::string_view locale);
// A key's value in TOML.
std::string ValueOf(const Key& key, const Config& config);

// Mistakes no single key shows: halves of pairs, what production forbids, what must not leave this machine unprotected.
// Each names the key it is about.
struct Mistake {
  std::string key;
  std::string text;
};
std::vector<Mistake> CheckTogether(const Config& config, std::string_view locale);

inline std::string_view In(std::string_view locale, std::string_view fr, std::string_view en) {
  return locale.substr(0, 2) == "en" ? en : fr;
}

}  // namespace compagnon::config

#endif  // COMPAGNON_COMPAGNON_CONFIG_KEYS_H_
