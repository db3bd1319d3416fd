#include "compagnon/text.h"

#include <unistd.h>

#include <cstdlib>

namespace compagnon {

std::string LocaleOfTerminal() {
  for (const char* variable : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
    const char* value = std::getenv(variable);
    if (value != nullptr && *value != '\0') return std::string_view(value).substr(0, 2) == "en" ? "en" : "fr";
  }
  return "fr";
}

bool IsTerminal(int fd) {
  const char* none = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return isatty(fd) == 1 && (none == nullptr || *none == '\0') &&
         !(term != nullptr && std::string_view(term) == "dumb");
}

}  // namespace compagnon
