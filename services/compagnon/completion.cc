#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "compagnon/tree.h"

namespace compagnon {
namespace {

// Calls `f` for each verb with its path: "compagnon", "compagnon site", "compagnon site add".
void Walk(const VerbNode& node, const std::string& path,
          const std::function<void(const std::string&, const VerbNode&)>& f) {
  f(path, node);
  for (const VerbNode& verb : node.verbs) Walk(verb, absl::StrCat(path, " ", verb.name), f);
}

std::string WordsOf(const VerbNode& node) {
  std::vector<std::string> words;
  for (const VerbNode& verb : node.verbs) words.push_back(verb.name);
  for (const OptionNode& option : node.options) {
    if (option.positional) continue;
    words.insert(words.end(), option.names.begin(), option.names.end());
  }
  return absl::StrJoin(words, " ");
}

bool TakesFile(const OptionNode& option) { return option.value == "FILE"; }

// One function for bash; zsh runs it through bashcompinit.
std::string Bash(const VerbNode& program) {
  std::string verbs, files, values, file_options;
  auto list_once = [](std::string& list, const std::string& name) {
    if (!absl::StrContains(absl::StrCat("|", list, "|"), absl::StrCat("|", name, "|")))
      absl::StrAppend(&list, list.empty() ? "" : "|", name);
  };
  Walk(program, program.name, [&](const std::string& path, const VerbNode& node) {
    absl::StrAppend(&verbs, "    '", path, "') words='", WordsOf(node), "' ;;\n");
    for (const OptionNode& option : node.options) {
      if (option.positional && TakesFile(option)) absl::StrAppend(&files, files.empty() ? "" : "|", "'", path, "'");
      if (option.positional || option.value.empty()) continue;
      std::string& list = TakesFile(option) ? file_options : values;
      for (const std::string& one : option.names) list_once(list, one);
    }
  });
  return absl::StrCat(
      "_compagnon() {\n  local path=compagnon words='' i word current=${COMP_WORDS[COMP_CWORD]} "
      "before=${COMP_WORDS[COMP_CWORD-1]}\n"
      "  COMPREPLY=()\n"
      "  case \"$before\" in\n    ",
      file_options, ") COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n    ", values,
      ") return ;;\n  esac\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n    word=${COMP_WORDS[i]}\n    case \"$word\" in\n      ",
      file_options, "|", values,
      ") ((i++)) ;;\n      -*) ;;\n      *) path+=\" $word\" ;;\n    esac\n  done\n"
      "  case \"$path\" in\n",
      verbs, "  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n",
      files.empty() ? ""
                    : absl::StrCat("  case \"$path\" in\n    ", files,
                                   ") COMPREPLY+=($(compgen -f -- \"$current\")) ;;\n  esac\n"),
      "}\ncomplete -o filenames -F _compagnon compagnon\n");
}

std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

std::string Fish(const VerbNode& program) {
  std::string out = "complete -c compagnon -f\n";
  Walk(program, "", [&](const std::string& path, const VerbNode& node) {
    std::vector<std::string> seen = absl::StrSplit(path, ' ', absl::SkipEmpty());
    std::string condition;
    for (const std::string& verb : seen)
      absl::StrAppend(&condition, condition.empty() ? "" : "; and ", "__fish_seen_subcommand_from ", verb);
    std::vector<std::string> inner;
    for (const VerbNode& verb : node.verbs) inner.push_back(verb.name);
    for (const VerbNode& verb : node.verbs) {
      const std::string none = absl::StrCat("not __fish_seen_subcommand_from ", absl::StrJoin(inner, " "));
      absl::StrAppend(&out, "complete -c compagnon -n ",
                      Quoted(condition.empty() ? none : absl::StrCat(condition, "; and ", none)), " -a ", verb.name,
                      " -d ", Quoted(verb.text), "\n");
    }
    for (const OptionNode& option : node.options) {
      if (option.positional) continue;
      absl::StrAppend(&out, "complete -c compagnon");
      if (!condition.empty()) absl::StrAppend(&out, " -n ", Quoted(condition));
      for (const std::string& name : option.names) {
        absl::StrAppend(&out, name.rfind("--", 0) == 0 ? " -l " : " -s ", name.substr(name.find_first_not_of('-')));
      }
      if (!option.value.empty()) absl::StrAppend(&out, TakesFile(option) ? " -rF" : " -x");
      absl::StrAppend(&out, " -d ", Quoted(option.text), "\n");
    }
  });
  return out;
}

}  // namespace

std::string CompletionFor(const VerbNode& program, const std::string& shell) {
  if (shell == "bash") return Bash(program);
  if (shell == "zsh")
    return absl::StrCat("#compdef compagnon\nautoload -U +X bashcompinit && bashcompinit\n", Bash(program));
  if (shell == "fish") return Fish(program);
  return "";
}

}  // namespace compagnon
