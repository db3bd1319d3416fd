// Parsing of the command line, errors as a person reads them, exit codes.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "compagnon/config/nearest.h"
#include "compagnon/verbs.h"

namespace compagnon {
namespace {

std::string DefaultConfigPath() {
  if (const char* named = std::getenv("COMPAGNON_CONFIG"); named != nullptr && *named != '\0') return named;
  for (const char* usual : {"compagnon.toml", "/etc/compagnon/compagnon.toml"}) {
    std::error_code ignored;
    if (std::filesystem::exists(usual, ignored)) return usual;
  }
  return "";
}

void Complain(const Invocation& invocation, std::string_view text) {
  const bool color = IsTerminal(STDERR_FILENO);
  std::cerr << (color ? "\033[31m" : "") << invocation.Say("erreur : ", "error: ") << (color ? "\033[0m" : "") << text
            << "\n";
}

// CLI11 explains itself in English alone.
std::string Explain(const CLI::ParseError& error, const Invocation& invocation) {
  if (invocation.locale == "en") return error.what();
  const std::string what = error.what();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr)
    return absl::StrCat("argument inattendu : ",
                        what.substr(what.find(": ") == std::string::npos ? 0 : what.find(": ") + 2));
  const std::string subject = what.substr(0, what.find_first_of(": "));
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    return what.find("subcommand") != std::string::npos ? "il manque un verbe" : absl::StrCat("il manque ", subject);
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr)
    return absl::StrCat("il manque la valeur de ", subject);
  if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr ||
      dynamic_cast<const CLI::ValidationError*>(&error) != nullptr)
    return absl::StrCat("cette valeur ne convient pas à ", subject);
  return what;
}

// "compagnon site add": the verbs recognised so far.
std::string PathOf(const CLI::App* app) {
  std::string path = app->get_name();
  for (; !app->get_subcommands().empty(); absl::StrAppend(&path, " ", app->get_name()))
    app = app->get_subcommands().front();
  return path;
}

// The first word that is no verb where a verb was expected ("compagnon srve", "compagnon config chek"), with the verbs
// it may have meant.
struct UnknownVerb {
  std::string word;
  std::string meant;
};
UnknownVerb FindUnknownVerb(const CLI::App* app, int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--config") ++i;
    if (word.empty() || word[0] == '-' || (i > 1 && std::string_view(argv[i - 1]) == "--config")) continue;
    std::vector<std::string> known;
    const CLI::App* next = nullptr;
    for (const CLI::App* verb : app->get_subcommands([](const CLI::App*) { return true; })) {
      known.push_back(verb->get_name());
      if (verb->get_name() == word) next = verb;
    }
    if (known.empty()) return {};
    if (next == nullptr) return {word, Nearest(word, known)};
    app = next;
  }
  return {};
}

class Labels : public CLI::Formatter {
 public:
  explicit Labels(const Invocation& invocation) {
    column_width(34);
    if (invocation.locale == "en") return;
    label("REQUIRED", "obligatoire");
    label("TEXT", "TEXTE");
    label("INT", "ENTIER");
    label("OPTIONS", "OPTIONS");
    label("SUBCOMMAND", "VERBE");
    label("SUBCOMMANDS", "VERBES");
    label("Usage", "Usage");
    label("Positionals", "Arguments");
    label("Options", "Options");
  }
};

}  // namespace

int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kDone;
    case absl::StatusCode::kInvalidArgument:
      return kMisused;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kUnavailable;
    case absl::StatusCode::kCancelled:
      return kInterrupted;
    default:
      return kFailed;
  }
}

int RunProgram(CLI::App& app, Invocation& invocation, int argc, char** argv) {
  // A file at its limit of size is a full disk, told by the write that fails: it ends no process.
  signal(SIGXFSZ, SIG_IGN);
  app.require_subcommand(1);
  app.set_help_flag("-h,--help", invocation.Say("montre cette aide", "shows this help"));
  app.add_option(
         "--config", invocation.config_path,
         invocation.Say(
             "fichier de configuration (sinon COMPAGNON_CONFIG, ./compagnon.toml, /etc/compagnon/compagnon.toml)",
             "configuration file (else COMPAGNON_CONFIG, ./compagnon.toml, /etc/compagnon/compagnon.toml)"))
      ->type_name("FILE");
  app.fallthrough();
  const auto labels = std::make_shared<Labels>(invocation);
  const std::function<void(CLI::App*)> dress = [&](CLI::App* one) {
    one->formatter(labels);
    for (CLI::App* verb : one->get_subcommands([](CLI::App*) { return true; })) {
      verb->set_help_flag("-h,--help", invocation.Say("montre cette aide", "shows this help"));
      verb->fallthrough();
      verb->group(invocation.Say("Verbes", "Verbs"));
      dress(verb);
    }
  };
  dress(&app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return kDone;
  } catch (const CLI::ParseError& error) {
    const UnknownVerb unknown = FindUnknownVerb(&app, argc, argv);
    Complain(invocation, unknown.word.empty()
                             ? Explain(error, invocation)
                             : absl::StrCat(invocation.Say("verbe inconnu : ", "unknown verb: "), unknown.word));
    if (!unknown.meant.empty()) {
      std::cerr << invocation.Say("Vouliez-vous « ", "Did you mean \"") << unknown.meant
                << invocation.Say(" » ?", "\"?") << "\n";
    }
    std::cerr << invocation.Say("Aide : ", "Help: ") << PathOf(&app) << " --help\n";
    return kMisused;
  }
  if (invocation.config_path.empty()) invocation.config_path = DefaultConfigPath();
  const absl::Status status = invocation.run ? invocation.run() : absl::OkStatus();
  if (!status.ok()) Complain(invocation, std::string_view(status.message().data(), status.message().size()));
  return ExitCodeOf(status);
}

}  // namespace compagnon
