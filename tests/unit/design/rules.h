#ifndef COMPAGNON_TESTS_UNIT_DESIGN_RULES_H_
#define COMPAGNON_TESTS_UNIT_DESIGN_RULES_H_

#include <string>
#include <string_view>
#include <vector>

namespace compagnon::design {

// A source file of the project; `path` from the project's root, with '/'.
struct Source {
  std::string path;
  std::string text;
};

// What one file does against the design's rules, one "path:line: what" each (docs/architecture.md, "Rules").
std::vector<std::string> Offences(const Source& source);

// Lines that hold code: not blank, comment, preprocessor, brace or namespace.
int CodeLines(std::string_view text);

}  // namespace compagnon::design

#endif  // COMPAGNON_TESTS_UNIT_DESIGN_RULES_H_
