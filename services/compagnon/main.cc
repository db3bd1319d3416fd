// The program `compagnon`: its verbs. Its modules are listed in modules.cc.
#include <CLI/CLI.hpp>

#include "compagnon/verbs.h"

int main(int argc, char** argv) {
  compagnon::Invocation invocation;
  invocation.locale = compagnon::LocaleOfTerminal();
  CLI::App app(invocation.Say("Compagnon, à côté d’un Moodle : rendez-vous, indicateurs, pages.",
                              "Compagnon, beside a Moodle: appointments, indicators, pages."),
               "compagnon");
  compagnon::AddServe(app, invocation);
  compagnon::AddConfig(app, invocation);
  compagnon::AddProbe(app, invocation);
  compagnon::AddSignIn(app, invocation);
  compagnon::AddMoodleVerbs(app, invocation);
  compagnon::AddAnalyticsVerbs(app, invocation);
  compagnon::AddSimulate(app, invocation);
  compagnon::AddVersion(app, invocation);
  compagnon::AddCompletion(app, invocation);
  compagnon::AddMan(app, invocation);
  return compagnon::RunProgram(app, invocation, argc, argv);
}
