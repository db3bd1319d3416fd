#ifndef COMPAGNON_COMPAGNON_TEXT_H_
#define COMPAGNON_COMPAGNON_TEXT_H_

#include <string>
#include <string_view>

namespace compagnon {

// "en" when LC_ALL, LC_MESSAGES or LANG (the first one set) says English, else "fr".
std::string LocaleOfTerminal();

// One of two spellings of a text.
inline std::string Say(std::string_view locale, std::string_view fr, std::string_view en) {
  return std::string(locale == "en" ? en : fr);
}

// True when colours and progress bars belong on this stream (1 or 2): a terminal, NO_COLOR unset.
bool IsTerminal(int fd);

}  // namespace compagnon

#endif  // COMPAGNON_COMPAGNON_TEXT_H_
