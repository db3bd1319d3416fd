#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "compagnon/text.h"
#include "compagnon/tree.h"

namespace compagnon {
namespace {

// Text as roff takes it: no escape, no request by accident.
std::string Roff(const std::string& text) {
  const std::string escaped = absl::StrReplaceAll(text, {{"\\", "\\e"}, {"-", "\\-"}, {"’", "\\(cq"}});
  return escaped[0] == '.' || escaped[0] == '\'' ? "\\&" + escaped : escaped;
}

void Option(std::string& out, const OptionNode& option) {
  absl::StrAppend(&out, ".TP\n", option.positional ? ".I " : ".B ", Roff(absl::StrJoin(option.names, ", ")));
  if (!option.positional && !option.value.empty()) absl::StrAppend(&out, " \\fI", Roff(option.value), "\\fR");
  absl::StrAppend(&out, "\n", Roff(option.text), "\n");
}

void Verb(std::string& out, const VerbNode& verb, const std::string& path) {
  const std::string name = path.empty() ? verb.name : absl::StrCat(path, " ", verb.name);
  if (verb.verbs.empty()) {
    absl::StrAppend(&out, ".SS compagnon ", Roff(name));
    for (const OptionNode& option : verb.options) {
      if (option.positional)
        absl::StrAppend(&out, option.required ? " " : " [", Roff(option.names[0]), option.required ? "" : "]");
    }
    absl::StrAppend(&out, "\n", Roff(verb.text), "\n");
    for (const OptionNode& option : verb.options) {
      if (option.names[0] != "--help") Option(out, option);
    }
  }
  for (const VerbNode& inner : verb.verbs) Verb(out, inner, name);
}

}  // namespace

std::string ManPage(const VerbNode& program, const std::string& locale, const std::string& version) {
  auto say = [&](std::string_view fr, std::string_view en) { return Say(locale, fr, en); };
  std::string out =
      absl::StrCat(".\\\" ", say("Écrite par « compagnon man ».", "Written by \"compagnon man\"."),
                   "\n.TH COMPAGNON 1 \"\" \"compagnon ", version, "\"\n.SH ", say("NOM", "NAME"), "\ncompagnon \\- ",
                   Roff(program.text), "\n.SH SYNOPSIS\n.B compagnon\n[\\fB\\-\\-config\\fR \\fIFILE\\fR] ",
                   say("\\fIverbe\\fR", "\\fIverb\\fR"), " [...]\n");
  absl::StrAppend(
      &out, ".SH DESCRIPTION\n",
      Roff(say("Sans réglage, « compagnon serve » fait tourner toute la suite dans un processus, sur des fichiers "
               "SQLite. « compagnon serve MODULE » fait tourner un seul module, sur PostgreSQL, RabbitMQ et Redis.",
               "Without any setting, \"compagnon serve\" runs the whole suite in one process on SQLite files. "
               "\"compagnon serve MODULE\" runs one module alone, on PostgreSQL, RabbitMQ and Redis.")),
      "\n.SH OPTIONS\n");
  for (const OptionNode& option : program.options) Option(out, option);
  absl::StrAppend(&out, ".SH ", say("VERBES", "VERBS"), "\n");
  for (const VerbNode& verb : program.verbs) Verb(out, verb, "");
  absl::StrAppend(&out, ".SH ", say("CODES DE SORTIE", "EXIT STATUS"), "\n");
  const std::pair<const char*, std::string> codes[] = {
      {"0", say("fait", "done")},
      {"1", say("échec", "failed")},
      {"2", say("mauvais usage ou configuration fausse", "wrong usage or wrong configuration")},
      {"3", say("un serveur ou un site ne répond pas : réessayer plus tard",
                "a server or a site does not answer: try again later")},
      {"130", say("interrompu ; la même commande reprend où elle s’est arrêtée",
                  "interrupted; the same command goes on where it stopped")}};
  for (const auto& [code, text] : codes) absl::StrAppend(&out, ".TP\n.B ", code, "\n", Roff(text), "\n");
  absl::StrAppend(&out, ".SH ", say("ENVIRONNEMENT", "ENVIRONMENT"), "\n.TP\n.B COMPAGNON_CONFIG\n",
                  say("fichier de configuration", "configuration file"), "\n.TP\n.B COMPAGNON_\\fISECTION\\fB_\\fI",
                  say("CLÉ", "KEY"), "\\fR\n",
                  Roff(say("l’emporte sur le fichier ; « compagnon config example » dit toutes les clés",
                           "overrides the file; \"compagnon config example\" tells every key")),
                  "\n.TP\n.B LANG\n", Roff(say("fr (défaut) ou en", "fr (default) or en")), "\n.SH ",
                  say("FICHIERS", "FILES"), "\n.TP\n.I ./compagnon.toml, /etc/compagnon/compagnon.toml\n",
                  say("configuration", "configuration"), "\n");
  return out;
}

}  // namespace compagnon
