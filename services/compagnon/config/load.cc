#include <toml++/toml.h>

#include <algorithm>
#include <climits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "compagnon/config/config_file.h"
#include "compagnon/config/keys.h"
#include "compagnon/config/nearest.h"
#include "fmt/format.h"

extern char** environ;

namespace compagnon {
namespace config {
namespace {

// Sets one key from one source after checking the value; the answer is what is wrong, "" when nothing.
class Setter {
 public:
  Setter(const Key& key, Config& config, std::string_view locale) : key_(key), config_(config), locale_(locale) {}

  std::string FromToml(const toml::node& node) {
    struct Visit {
      Setter& s;
      const toml::node& node;
      std::string operator()(std::string* (*at)(Config&)) const {
        return node.is_string() ? s.Text(*at(s.config_), node.as_string()->get()) : s.WrongType();
      }
      std::string operator()(int* (*at)(Config&)) const {
        return node.is_integer() ? s.Number(*at(s.config_), node.as_integer()->get()) : s.WrongType();
      }
      std::string operator()(bool* (*at)(Config&)) const {
        if (!node.is_boolean()) return s.WrongType();
        *at(s.config_) = node.as_boolean()->get();
        return "";
      }
      std::string operator()(Names* (*at)(Config&)) const {
        if (!node.is_array()) return s.WrongType();
        Names read;
        for (const toml::node& item : *node.as_array()) {
          if (!item.is_string()) return s.WrongType();
          if (std::string wrong = s.Text(read.emplace_back(), item.as_string()->get()); !wrong.empty()) return wrong;
        }
        *at(s.config_) = std::move(read);
        return "";
      }
      std::string operator()(Table* (*at)(Config&)) const {
        if (!node.is_table()) return s.WrongType();
        Table read;
        for (const auto& [name, value] : *node.as_table()) {
          if (!value.is_string()) return s.WrongType();
          if (std::string wrong = s.Text(read[std::string(name.str())], value.as_string()->get()); !wrong.empty())
            return wrong;
        }
        *at(s.config_) = std::move(read);
        return "";
      }
    };
    return std::visit(Visit{*this, node}, key_.place);
  }

  std::string FromVariable(const std::string& text) {
    struct Visit {
      Setter& s;
      const std::string& text;
      std::string operator()(std::string* (*at)(Config&)) const { return s.Text(*at(s.config_), text); }
      std::string operator()(int* (*at)(Config&)) const {
        int64_t number = 0;
        return absl::SimpleAtoi(text, &number) ? s.Number(*at(s.config_), number) : s.WrongType();
      }
      std::string operator()(bool* (*at)(Config&)) const {
        if (text != "true" && text != "false") return s.WrongType();
        *at(s.config_) = text == "true";
        return "";
      }
      std::string operator()(Names* (*at)(Config&)) const {
        Names read;
        for (const absl::string_view one : absl::StrSplit(text, ',', absl::SkipEmpty())) {
          if (std::string wrong = s.Text(read.emplace_back(), std::string(absl::StripAsciiWhitespace(one)));
              !wrong.empty())
            return wrong;
        }
        *at(s.config_) = std::move(read);
        return "";
      }
      std::string operator()(Table* (*at)(Config&)) const {
        Table read;
        // ";" between entries: "," separates the addresses of one module.
        for (const absl::string_view one : absl::StrSplit(text, ';', absl::SkipEmpty())) {
          const std::pair<std::string, std::string> pair = absl::StrSplit(one, absl::MaxSplits('=', 1));
          if (std::string wrong = s.Text(read[std::string(absl::StripAsciiWhitespace(pair.first))], pair.second);
              !wrong.empty())
            return wrong;
        }
        *at(s.config_) = std::move(read);
        return "";
      }
    };
    return std::visit(Visit{*this, text}, key_.place);
  }

 private:
  std::string WrongType() const {
    return fmt::format(fmt::runtime(In(locale_, "attendu : {}", "expected: {}")), Expected(key_, locale_));
  }
  std::string Text(std::string& to, const std::string& value) const {
    to = value;
    return WrongForm(key_, value, locale_);
  }
  std::string Number(int& to, int64_t value) const {
    if (value < key_.min || value > key_.max) {
      return fmt::format(
          fmt::runtime(In(locale_, "{} est hors limites ; attendu : {}", "{} is out of range; expected: {}")), value,
          Expected(key_, locale_));
    }
    to = static_cast<int>(value);
    return "";
  }

  const Key& key_;
  Config& config_;
  std::string_view locale_;
};

const Key* Find(std::string_view section, std::string_view name) {
  const auto keys = Keys();
  const auto found =
      std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return k.section == section && k.name == name; });
  return found == keys.end() ? nullptr : &*found;
}

class Loader {
 public:
  Loader(const std::string& path, std::string_view locale) : path_(path), locale_(locale) {
    for (const Key& key : Keys()) {
      names_.push_back(key.FullName());
      variables_.push_back(key.Variable());
      if (std::find(sections_.begin(), sections_.end(), key.section) == sections_.end() && !key.section.empty()) {
        sections_.emplace_back(key.section);
      }
    }
  }

  absl::StatusOr<Config> Run() {
    if (!path_.empty()) ReadFile();
    ReadEnvironment();
    // A key that is wrong by itself says nothing reliable together with others.
    if (lines_.empty()) {
      for (const Mistake& mistake : CheckTogether(config_, locale_)) {
        const auto place = places_.find(mistake.key);
        Report(place != places_.end() ? place->second : Place{path_, 0}, mistake.key, mistake.text);
      }
    }
    if (lines_.empty()) return std::move(config_);
    std::stable_sort(lines_.begin(), lines_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    return WithReason(absl::InvalidArgumentError(
                          absl::StrJoin(lines_, "\n", [](std::string* out, const auto& line) { *out += line.second; })),
                      "config_invalid");
  }

 private:
  struct Place {
    std::string source;
    int line = 0;  // 0 = no line (a variable, a default)
  };

  void Report(const Place& place, std::string_view key, std::string_view text) {
    std::string line = place.source;
    if (place.line > 0) absl::StrAppend(&line, ":", place.line);
    if (!line.empty()) line += ": ";
    if (!key.empty() && place.source != key) line += fmt::format(fmt::runtime(In(locale_, "{} : ", "{}: ")), key);
    lines_.emplace_back(place.line == 0 ? INT_MAX : place.line, line + std::string(text));
  }

  void ReadFile() {
    toml::table root;
    try {
      root = toml::parse_file(path_);
    } catch (const toml::parse_error& error) {
      // Also thrown when the file cannot be opened; then there is no line.
      Report({path_, static_cast<int>(error.source().begin.line)}, "",
             fmt::format(fmt::runtime(In(locale_, "illisible : {}", "unreadable: {}")), error.description()));
      return;
    }
    for (const auto& [name, node] : root) {
      const std::string word(name.str());
      if (const Key* key = Find("", word)) {
        Set(*key, name, node);
      } else if (node.is_table() && std::find(sections_.begin(), sections_.end(), word) != sections_.end()) {
        for (const auto& [inner, value] : *node.as_table()) {
          if (const Key* found = Find(word, inner.str())) {
            Set(*found, inner, value);
          } else {
            Unknown(inner, word + "." + std::string(inner.str()));
          }
        }
      } else {
        Unknown(name, node.is_table() ? absl::StrCat("[", word, "]") : word);
      }
    }
  }

  void Set(const Key& key, const toml::key& written, const toml::node& node) {
    const Place place{path_, static_cast<int>(written.source().begin.line)};
    places_[key.FullName()] = place;
    const std::string wrong = Setter(key, config_, locale_).FromToml(node);
    if (!wrong.empty()) Report(place, key.FullName(), wrong);
  }

  void Unknown(const toml::key& written, const std::string& name) {
    const bool section = absl::StartsWith(name, "[");
    std::string near;
    if (section) {
      near = Nearest(name.substr(1, name.size() - 2), sections_);
      if (!near.empty()) near = absl::StrCat("[", near, "]");
    } else {
      near = Nearest(name, names_);
      // The right word in the wrong section.
      for (const Key& key : Keys()) {
        if (near.empty() && name.substr(name.find('.') + 1) == key.name) near = key.FullName();
      }
    }
    std::string text(section ? In(locale_, "section inconnue", "unknown section")
                             : In(locale_, "clé inconnue", "unknown key"));
    if (!near.empty())
      text += fmt::format(fmt::runtime(In(locale_, " ; vouliez-vous {} ?", "; did you mean {}?")), near);
    Report({path_, static_cast<int>(written.source().begin.line)}, name, text);
  }

  void ReadEnvironment() {
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
      const std::pair<std::string, std::string> pair =
          absl::StrSplit(absl::string_view(*entry), absl::MaxSplits('=', 1));
      const auto& [variable, value] = pair;
      const auto found = std::find(variables_.begin(), variables_.end(), variable);
      if (found != variables_.end()) {
        const Key& key = Keys()[found - variables_.begin()];
        places_[key.FullName()] = {variable, 0};
        const std::string wrong = Setter(key, config_, locale_).FromVariable(value);
        if (!wrong.empty()) Report({variable, 0}, variable, wrong);
      } else if (OursAndMisspelt(variable, value)) {
        const std::string near = Nearest(variable, variables_);
        std::string text(In(locale_, "variable inconnue", "unknown variable"));
        if (!near.empty())
          text += fmt::format(fmt::runtime(In(locale_, " ; vouliez-vous {} ?", "; did you mean {}?")), near);
        Report({variable, 0}, variable, text);
      }
    }
  }

  // COMPAGNON_<SECTION>_... that is no key. Other COMPAGNON_... belong to scripts and tests, and Kubernetes adds its
  // service links (COMPAGNON_EDGE_SERVICE_HOST, COMPAGNON_EDGE_PORT_8400_TCP) to every container beside a Service of
  // that name.
  bool OursAndMisspelt(const std::string& variable, const std::string& value) const {
    if (absl::StrContains(variable, "_SERVICE_") || absl::StrContains(variable, "_TCP") ||
        absl::StartsWith(value, "tcp://"))
      return false;
    return std::any_of(sections_.begin(), sections_.end(), [&](const std::string& section) {
      return absl::StartsWith(variable, absl::AsciiStrToUpper(absl::StrCat("COMPAGNON_", section, "_")));
    });
  }

  const std::string& path_;
  std::string_view locale_;
  Config config_;
  std::vector<std::string> names_, variables_, sections_;
  std::map<std::string, Place> places_;
  std::vector<std::pair<int, std::string>> lines_;
};

}  // namespace
}  // namespace config

absl::StatusOr<Config> LoadConfig(const std::string& path, std::string_view locale) {
  return config::Loader(path, locale).Run();
}

}  // namespace compagnon
