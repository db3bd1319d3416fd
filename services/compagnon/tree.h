#ifndef COMPAGNON_COMPAGNON_TREE_H_
#define COMPAGNON_COMPAGNON_TREE_H_

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace compagnon {

// The program's verbs and options as its parser knows them: what completion and the man page are written from.
struct OptionNode {
  std::vector<std::string> names;  // "--config", "-h"; one without dashes for a positional
  std::string value;               // "FILE", "TEXT"; "" for a flag
  std::string text;
  bool positional = false;
  bool required = false;
};
struct VerbNode {
  std::string name;
  std::string text;
  std::vector<OptionNode> options;
  std::vector<VerbNode> verbs;
};
VerbNode TreeOf(const CLI::App& app);

// Completion for "bash", "zsh" or "fish"; "" for any other shell.
std::string CompletionFor(const VerbNode& program, const std::string& shell);

// The man page compagnon(1), in roff.
std::string ManPage(const VerbNode& program, const std::string& locale, const std::string& version);

}  // namespace compagnon

#endif  // COMPAGNON_COMPAGNON_TREE_H_
