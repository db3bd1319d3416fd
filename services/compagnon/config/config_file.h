#ifndef COMPAGNON_COMPAGNON_CONFIG_CONFIG_FILE_H_
#define COMPAGNON_COMPAGNON_CONFIG_CONFIG_FILE_H_

#include <string>
#include <string_view>

#include "platform/base/config.h"
#include "platform/base/status.h"

namespace compagnon {

// Reads and checks. Every mistake is found in one go: the error's message holds one line per mistake with file:line,
// what is wrong, what was expected, and the nearest known key for a misspelt one. `path` empty: defaults and
// environment alone. Names of modules are checked for their form only: which ones exist is the program's affair. Texts
// of all functions here: locale "en", else French.
absl::StatusOr<Config> LoadConfig(const std::string& path, std::string_view locale = "fr");

// Every key with its type, default and a one-line explanation, as commented TOML: `compagnon config example`.
std::string ConfigExample(std::string_view locale = "fr");
// What a loaded configuration means, in words, secrets left out: `compagnon config check`.
std::string ExplainConfig(const Config& config, std::string_view locale = "fr");

}  // namespace compagnon

#endif  // COMPAGNON_COMPAGNON_CONFIG_CONFIG_FILE_H_
