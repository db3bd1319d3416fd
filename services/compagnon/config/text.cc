// The example file and the explanation, both from the table of keys.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compagnon/config/config_file.h"
#include "compagnon/config/keys.h"
#include "fmt/format.h"

namespace compagnon {

using config::Expected;
using config::In;
using config::Key;
using config::Keys;
using config::ValueOf;

std::string ConfigExample(std::string_view locale) {
  const Config defaults;
  std::string text(In(
      locale,
      "# Configuration de Compagnon. Chaque clé est à sa valeur par défaut ; retirez le # pour la changer.\n"
      "# L’environnement l’emporte : COMPAGNON_<SECTION>_<CLÉ>. Les secrets sont dans des fichiers à part (*_file).\n",
      "# Compagnon's configuration. Each key is at its default; remove the # to change it.\n"
      "# The environment overrides it: COMPAGNON_<SECTION>_<KEY>. Secrets live in files of their own (*_file).\n"));
  std::string_view section;
  for (const Key& key : Keys()) {
    if (key.section != section) {
      section = key.section;
      text += fmt::format("\n[{}]\n", section);
    }
    text += fmt::format("\n# {} ({})\n# {} = {}\n", In(locale, key.fr, key.en), Expected(key, locale), key.name,
                        ValueOf(key, defaults));
  }
  return text;
}

std::string ExplainConfig(const Config& c, std::string_view locale) {
  auto say = [&](std::string_view fr, std::string_view en) { return std::string(In(locale, fr, en)); };
  std::vector<std::string> lines;
  lines.push_back(c.environment == "production"
                      ? say("Environnement de production.", "Production environment.")
                      : say("Environnement de test : bannière, messages marqués [TEST], pas d’indexation.",
                            "Test environment: banner, messages marked [TEST], no indexing."));
  lines.push_back(fmt::format(fmt::runtime(In(locale, "Modules de la suite : {}.", "Modules of the suite: {}.")),
                              absl::StrJoin(c.modules, ", ")));
  lines.push_back(c.store.backend == "sqlite"
                      ? fmt::format(fmt::runtime(In(locale, "Données : un fichier SQLite par module dans {}.",
                                                    "Data: one SQLite file per module in {}.")),
                                    c.data_dir)
                      : fmt::format(fmt::runtime(In(locale, "Données : PostgreSQL ({}), un schéma par module.",
                                                    "Data: PostgreSQL ({}), one schema per module.")),
                                    c.store.postgresql_url));
  lines.push_back(
      c.bus.backend == "embedded"
          ? say("Bus : embarqué, tous les modules dans un processus.", "Bus: embedded, all modules in one process.")
          : fmt::format("Bus: RabbitMQ {}:{}{}.", c.bus.host, c.bus.port, c.bus.tls ? " (TLS)" : ""));
  lines.push_back(c.keys.backend == "sqlite"
                      ? say("Sessions : SQLite, un redémarrage ne déconnecte personne.",
                            "Sessions: SQLite, a restart signs nobody out.")
                      : fmt::format("Sessions: Redis {}.", c.keys.unix_socket.empty()
                                                               ? absl::StrCat(c.keys.host, ":", c.keys.port)
                                                               : c.keys.unix_socket));
  lines.push_back(fmt::format(fmt::runtime(In(locale, "Pages : {} (écoute sur {}).", "Pages: {} (listening on {}).")),
                              c.edge.public_url, c.edge.listen));
  lines.push_back(
      c.rpc.ca_file.empty()
          ? say("Entre modules : sans TLS, sur la machine même.", "Between modules: no TLS, on this machine only.")
          : say("Entre modules : TLS mutuel, certificats relus sans redémarrage.",
                "Between modules: mutual TLS, certificates read again without a restart."));
  lines.push_back(c.metrics.listen.empty() ? say("Métriques : aucune.", "Metrics: none.")
                                           : fmt::format(fmt::runtime(In(locale, "Métriques : http://{}/metrics.",
                                                                         "Metrics: http://{}/metrics.")),
                                                         c.metrics.listen));
  if (c.keys.backend == "redis" && c.keys.unix_socket.empty() && !IsLoopback(c.keys.host)) {
    lines.push_back(say("Attention : la liaison vers Redis n’est pas chiffrée ; réservez-lui un réseau fermé.",
                        "Mind: the link to Redis is not encrypted; keep it on a closed network."));
  }
  if (c.store.backend == "sqlite" && !c.store.sqlite_full_sync) {
    lines.push_back(say("Attention : une coupure de courant perd les dernières secondes (sqlite_full_sync = false).",
                        "Mind: a power cut loses the last seconds (sqlite_full_sync = false)."));
  }
  const Config defaults;
  std::string changed;
  for (const Key& key : Keys()) {
    if (ValueOf(key, c) == ValueOf(key, defaults)) continue;
    absl::StrAppend(&changed, "  ", key.FullName(), " = ", ValueOf(key, c), "\n");
  }
  if (!changed.empty())
    lines.push_back(
        absl::StrCat(say("Changé par rapport aux valeurs par défaut :\n", "Changed from the defaults:\n"), changed));
  std::string text = absl::StrJoin(lines, "\n");
  if (text.back() != '\n') text += "\n";
  return text;
}

}  // namespace compagnon
