#include "compagnon/config/keys.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "compagnon/config/nearest.h"
#include "fmt/format.h"

namespace compagnon::config {
namespace {

absl::string_view Abseil(std::string_view text) { return {text.data(), text.size()}; }

// Row makers: the member's type chooses the kind of value.
#define AT(member) [](Config& c) { return &c.member; }

const std::vector<Key>& Rows() {
  static const std::vector<Key>& rows = *new std::vector<Key>{
      {"", "environment", AT(environment), Form::kChoice, "test|production", 0, 0,
       "« test » affiche une bannière, marque les messages [TEST] et interdit l’indexation ; « production » refuse "
       "toute liaison non chiffrée hors de la machine",
       "\"test\" shows a banner, marks messages [TEST] and forbids indexing; \"production\" refuses any unencrypted "
       "link that leaves the machine"},
      {"",
       "data_dir",
       AT(data_dir),
       Form::kAny,
       {},
       0,
       0,
       "dossier des bases embarquées, des clés et des sockets, fermé aux autres (0700)",
       "folder of embedded databases, keys and sockets, closed to others (0700)"},
      {"",
       "modules",
       AT(modules),
       Form::kModule,
       {},
       0,
       0,
       "modules de toute la suite, où qu’ils tournent",
       "modules of the whole suite, wherever they run"},
      {"", "log_level", AT(log_level), Form::kChoice, "debug|info|warning|error", 0, 0, "niveau du journal",
       "level of the log"},

      {"store", "backend", AT(store.backend), Form::kChoice, "sqlite|postgresql", 0, 0,
       "sqlite : un fichier par module dans data_dir ; postgresql : un schéma et un rôle par module",
       "sqlite: one file per module in data_dir; postgresql: one schema and one role per module"},
      {"store",
       "postgresql_url",
       AT(store.postgresql_url),
       Form::kAny,
       {},
       0,
       0,
       "chaîne libpq sans mot de passe : host=… port=… dbname=… sslmode=verify-full",
       "libpq string without a password: host=... port=... dbname=... sslmode=verify-full"},
      {"store",
       "user",
       AT(store.user),
       Form::kAny,
       {},
       0,
       0,
       "rôle PostgreSQL ; vide : compagnon_<module>",
       "PostgreSQL role; empty: compagnon_<module>"},
      {"store",
       "password_file",
       AT(store.password_file),
       Form::kSecretFile,
       {},
       0,
       0,
       "fichier du mot de passe PostgreSQL",
       "file of the PostgreSQL password"},
      {"store",
       "pool_size",
       AT(store.pool_size),
       Form::kAny,
       {},
       1,
       200,
       "connexions par module",
       "connections per module"},
      {"store",
       "sqlite_full_sync",
       AT(store.sqlite_full_sync),
       Form::kAny,
       {},
       0,
       0,
       "SQLite attend le disque à chaque validation ; false perd les dernières secondes après une coupure de courant",
       "SQLite waits for the disk at each commit; false loses the last seconds after a power cut"},

      {"bus", "backend", AT(bus.backend), Form::kChoice, "embedded|rabbitmq", 0, 0,
       "embedded : un fichier, tous les modules dans un processus ; rabbitmq : un processus par module",
       "embedded: one file, all modules in one process; rabbitmq: one process per module"},
      {"bus", "host", AT(bus.host), Form::kAny, {}, 0, 0, "hôte de RabbitMQ", "host of RabbitMQ"},
      {"bus", "port", AT(bus.port), Form::kAny, {}, 1, 65535, "port AMQP", "AMQP port"},
      {"bus",
       "user",
       AT(bus.user),
       Form::kAny,
       {},
       0,
       0,
       "compte RabbitMQ (guest ne sert que sur la machine même)",
       "RabbitMQ account (guest works on the machine itself only)"},
      {"bus",
       "password_file",
       AT(bus.password_file),
       Form::kSecretFile,
       {},
       0,
       0,
       "fichier du mot de passe RabbitMQ",
       "file of the RabbitMQ password"},
      {"bus", "vhost", AT(bus.vhost), Form::kAny, {}, 0, 0, "hôte virtuel", "virtual host"},
      {"bus",
       "tls",
       AT(bus.tls),
       Form::kAny,
       {},
       0,
       0,
       "chiffrer la liaison vers RabbitMQ",
       "encrypt the link to RabbitMQ"},
      {"bus",
       "ca_file",
       AT(bus.ca_file),
       Form::kFile,
       {},
       0,
       0,
       "autorité qui signe le certificat de RabbitMQ",
       "authority that signs RabbitMQ's certificate"},
      {"bus",
       "cert_file",
       AT(bus.cert_file),
       Form::kFile,
       {},
       0,
       0,
       "certificat présenté à RabbitMQ",
       "certificate shown to RabbitMQ"},
      {"bus", "key_file", AT(bus.key_file), Form::kSecretFile, {}, 0, 0, "sa clé privée", "its private key"},

      {"keys", "backend", AT(keys.backend), Form::kChoice, "sqlite|redis", 0, 0,
       "sessions et limites : sqlite dans data_dir, ou redis", "sessions and limits: sqlite in data_dir, or redis"},
      {"keys", "host", AT(keys.host), Form::kAny, {}, 0, 0, "hôte de Redis", "host of Redis"},
      {"keys", "port", AT(keys.port), Form::kAny, {}, 1, 65535, "port de Redis", "port of Redis"},
      {"keys",
       "unix_socket",
       AT(keys.unix_socket),
       Form::kAny,
       {},
       0,
       0,
       "socket de Redis, préféré à l’hôte",
       "socket of Redis, preferred to the host"},
      {"keys", "user", AT(keys.user), Form::kAny, {}, 0, 0, "compte Redis (ACL)", "Redis account (ACL)"},
      {"keys",
       "password_file",
       AT(keys.password_file),
       Form::kSecretFile,
       {},
       0,
       0,
       "fichier du mot de passe Redis",
       "file of the Redis password"},

      {"rpc",
       "listen",
       AT(rpc.listen),
       Form::kListen,
       {},
       0,
       0,
       "adresse gRPC d’un module servi seul",
       "gRPC address of a module served alone"},
      {"rpc",
       "health_listen",
       AT(rpc.health_listen),
       Form::kListen,
       {},
       0,
       0,
       "adresse en clair où ne répond que l’état de santé (sondes) ; vide : aucune",
       "plain address that answers health alone (probes); empty: none"},
      {"rpc",
       "addresses",
       AT(rpc.addresses),
       Form::kAddresses,
       {},
       0,
       0,
       "adresses gRPC des autres modules",
       "gRPC addresses of the other modules"},
      {"rpc",
       "ca_file",
       AT(rpc.ca_file),
       Form::kFile,
       {},
       0,
       0,
       "autorité des certificats internes (TLS mutuel)",
       "authority of the internal certificates (mutual TLS)"},
      {"rpc",
       "cert_file",
       AT(rpc.cert_file),
       Form::kFile,
       {},
       0,
       0,
       "certificat de ce processus, relu sans redémarrage",
       "certificate of this process, read again without a restart"},
      {"rpc", "key_file", AT(rpc.key_file), Form::kSecretFile, {}, 0, 0, "sa clé privée", "its private key"},
      {"rpc",
       "signing_key_file",
       AT(rpc.signing_key_file),
       Form::kSecretFile,
       {},
       0,
       0,
       "clé Ed25519 (PEM) qui signe les jetons de ce processus ; vide : faite au démarrage (un seul processus)",
       "Ed25519 key (PEM) that signs this process's tokens; empty: made at start (one process only)"},
      {"rpc",
       "public_key_files",
       AT(rpc.public_key_files),
       Form::kFile,
       {},
       0,
       0,
       "clés publiques (PEM) des modules qui appellent celui-ci",
       "public keys (PEM) of the modules that call this one"},
      {"rpc",
       "max_message_bytes",
       AT(rpc.max_message_bytes),
       Form::kAny,
       {},
       65536,
       64 << 20,
       "plus grand message accepté, en octets",
       "largest message accepted, in bytes"},
      {"rpc",
       "deadline_ms",
       AT(rpc.deadline_ms),
       Form::kAny,
       {},
       50,
       600000,
       "délai d’un appel, en millisecondes",
       "deadline of a call, in milliseconds"},
      {"rpc",
       "max_threads",
       AT(rpc.max_threads),
       Form::kAny,
       {},
       4,
       512,
       "fils d’exécution du serveur gRPC",
       "threads of the gRPC server"},
      {"rpc",
       "lame_duck_ms",
       AT(rpc.lame_duck_ms),
       Form::kAny,
       {},
       0,
       60000,
       "à l’arrêt : attente entre l’annonce et la fin de l’écoute, en millisecondes",
       "at a stop: wait between the announcement and the end of listening, in milliseconds"},
      {"rpc",
       "drain_ms",
       AT(rpc.drain_ms),
       Form::kAny,
       {},
       0,
       600000,
       "à l’arrêt : temps laissé aux appels en cours, en millisecondes",
       "at a stop: time left to calls in hand, in milliseconds"},

      {"metrics",
       "listen",
       AT(metrics.listen),
       Form::kListen,
       {},
       0,
       0,
       "adresse des métriques Prometheus ; vide : aucune",
       "address of the Prometheus metrics; empty: none"},

      {"edge",
       "listen",
       AT(edge.listen),
       Form::kListen,
       {},
       0,
       0,
       "adresse HTTP des pages, derrière nginx",
       "HTTP address of the pages, behind nginx"},
      {"edge",
       "public_url",
       AT(edge.public_url),
       Form::kUrl,
       {},
       0,
       0,
       "adresse que les personnes ouvrent",
       "address people open"},
      {"edge",
       "workers",
       AT(edge.workers),
       Form::kAny,
       {},
       1,
       512,
       "requêtes servies en même temps",
       "requests served at the same time"},
      {"edge",
       "trusted_proxies",
       AT(edge.trusted_proxies),
       Form::kCidr,
       {},
       0,
       0,
       "réseaux (CIDR) dont l’en-tête X-Forwarded-For est cru",
       "networks (CIDR) whose X-Forwarded-For is believed"},
      {"edge",
       "session_idle_minutes",
       AT(edge.session_idle_minutes),
       Form::kAny,
       {},
       1,
       480,
       "une session sans activité finit après",
       "a session without activity ends after"},
      {"edge",
       "session_hours",
       AT(edge.session_hours),
       Form::kAny,
       {},
       1,
       24,
       "une session finit au plus tard après",
       "a session ends at the latest after"},

      {"moodle",
       "key_file",
       AT(moodle.key_file),
       Form::kSecretFile,
       {},
       0,
       0,
       "32 octets aléatoires en hexadécimal qui chiffrent les jetons ; vide : fait dans data_dir (avec "
       "postgresql : à donner, le même pour chaque moodle). À sauvegarder à part",
       "32 random bytes in hex that encrypt tokens; empty: made in data_dir (with postgresql: required, the same for "
       "every moodle). Back it up apart"},
      {"moodle",
       "dimensions_file",
       AT(moodle.dimensions_file),
       Form::kFile,
       {},
       0,
       0,
       "correspondance des champs de profil ; vide : data_dir/dimensions.toml s’il existe",
       "mapping of profile fields; empty: data_dir/dimensions.toml if it exists"},
      {"moodle",
       "allow_private_addresses",
       AT(moodle.allow_private_addresses),
       Form::kAny,
       {},
       0,
       0,
       "appeler un Moodle à une adresse privée",
       "call a Moodle at a private address"},
      {"moodle",
       "poll_active_ms",
       AT(moodle.poll_active_ms),
       Form::kAny,
       {},
       50,
       600000,
       "intervalle de relève d’un site actif, en millisecondes",
       "polling interval of an active site, in milliseconds"},
      {"moodle",
       "poll_idle_ms",
       AT(moodle.poll_idle_ms),
       Form::kAny,
       {},
       50,
       3600000,
       "intervalle de relève d’un site calme, en millisecondes",
       "polling interval of a quiet site, in milliseconds"},
      {"moodle",
       "lease_ms",
       AT(moodle.lease_ms),
       Form::kAny,
       {},
       1000,
       600000,
       "un site dont le lecteur a disparu est repris par un autre processus au plus tard après, en millisecondes",
       "a site whose reader vanished is taken over by another process at the latest after, in milliseconds"},
      {"moodle",
       "reconcile_at",
       AT(moodle.reconcile_at),
       Form::kTimeOfDay,
       {},
       0,
       0,
       "heure locale du rapprochement de chaque nuit",
       "local time of the nightly reconciliation"},

      {"analytics",
       "recompute_ms",
       AT(analytics.recompute_ms),
       Form::kAny,
       {},
       10,
       600000,
       "les chiffres sont recalculés au plus toutes les … millisecondes",
       "figures are computed again at most every ... milliseconds"},
  };
  return rows;
}
#undef AT

bool IsHostPort(std::string_view value, bool zero_allowed) {
  const size_t colon = value.rfind(':');
  int port = 0;
  if (colon == std::string_view::npos || colon == 0 || !absl::SimpleAtoi(Abseil(value.substr(colon + 1)), &port))
    return false;
  const std::string_view host = value.substr(0, colon);
  const bool bracketed = host.front() == '[' && host.back() == ']';
  if (host.find(':') != std::string_view::npos && !bracketed) return false;
  return port <= 65535 && port >= (zero_allowed ? 0 : 1) && host.find_first_of(" \t/") == std::string_view::npos;
}

bool IsCidr(std::string_view value) {
  const std::vector<std::string> parts = absl::StrSplit(Abseil(value), '/');
  if (parts.size() > 2) return false;
  unsigned char address[16];
  const bool four = inet_pton(AF_INET, parts[0].c_str(), address) == 1;
  if (!four && inet_pton(AF_INET6, parts[0].c_str(), address) != 1) return false;
  int bits = 0;
  return parts.size() == 1 || (absl::SimpleAtoi(parts[1], &bits) && bits >= 0 && bits <= (four ? 32 : 128));
}

bool IsTimeOfDay(std::string_view v) {
  int hours = 0, minutes = 0;
  return v.size() == 5 && v[2] == ':' && absl::SimpleAtoi(Abseil(v.substr(0, 2)), &hours) &&
         absl::SimpleAtoi(Abseil(v.substr(3)), &minutes) && hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60;
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted.push_back('\\');
    quoted.push_back(c);
  }
  return quoted + "\"";
}

}  // namespace

absl::Span<const Key> Keys() { return Rows(); }

std::string Key::FullName() const {
  return section.empty() ? std::string(name) : absl::StrCat(Abseil(section), ".", Abseil(name));
}

std::string Key::Variable() const {
  return absl::AsciiStrToUpper(section.empty() ? absl::StrCat("COMPAGNON_", Abseil(name))
                                               : absl::StrCat("COMPAGNON_", Abseil(section), "_", Abseil(name)));
}

std::string WrongForm(const Key& key, std::string_view value, std::string_view locale) {
  bool fits = true;
  switch (key.form) {
    case Form::kAny:
      break;
    case Form::kChoice: {
      const std::vector<std::string> choices = absl::StrSplit(Abseil(key.choices), '|');
      if (std::find(choices.begin(), choices.end(), value) != choices.end()) break;
      const std::string near = Nearest(value, choices);
      return fmt::format(
          fmt::runtime(In(locale, "« {} » n’est pas une valeur possible : {}{}", "\"{}\" is no possible value: {}{}")),
          value, absl::StrJoin(choices, " | "),
          near.empty()
              ? ""
              : fmt::format(fmt::runtime(In(locale, " ; vouliez-vous « {} » ?", "; did you mean \"{}\"?")), near));
    }
    case Form::kListen:
      fits = value.empty() || IsHostPort(value, true);
      break;
    case Form::kAddresses: {
      for (const absl::string_view one : absl::StrSplit(Abseil(value), ','))
        fits = fits && IsHostPort({one.data(), one.size()}, false);
      break;
    }
    case Form::kUrl:
      fits = absl::StartsWith(Abseil(value), "http://") || absl::StartsWith(Abseil(value), "https://");
      fits = fits && value.find_first_of(" \t\"'<>?#") == std::string_view::npos && value.back() != '/';
      break;
    case Form::kCidr:
      fits = IsCidr(value);
      break;
    case Form::kTimeOfDay:
      fits = IsTimeOfDay(value);
      break;
    case Form::kModule:
      fits = !value.empty() && value.find_first_not_of("abcdefghijklmnopqrstuvwxyz") == std::string_view::npos;
      break;
    case Form::kFile:
    case Form::kSecretFile: {
      if (value.empty()) return "";
      if (key.form == Form::kSecretFile) {
        const auto secret = ReadSecretFile(std::string(value));
        if (secret.ok()) return "";
        if (locale.substr(0, 2) == "en") return std::string(secret.status().message());
        return ReasonOf(secret.status()) == "secret_readable_by_others"
                   ? fmt::format("d’autres peuvent lire le fichier {} : chmod 600", value)
                   : fmt::format("le fichier {} n’existe pas, ne peut pas être lu ou commence par une ligne vide",
                                 value);
      }
      std::unique_ptr<FILE, int (*)(FILE*)> file(fopen(std::string(value).c_str(), "re"), &fclose);
      if (file) return "";
      return fmt::format(fmt::runtime(In(locale, "le fichier {} ne peut pas être lu", "the file {} cannot be read")),
                         value);
    }
  }
  if (fits) return "";
  return fmt::format(
      fmt::runtime(In(locale, "« {} » ne convient pas ; attendu : {}", "\"{}\" does not fit; expected: {}")), value,
      Expected(key, locale));
}

std::string Expected(const Key& key, std::string_view locale) {
  if (std::holds_alternative<int* (*)(Config&)>(key.place)) {
    return fmt::format(fmt::runtime(In(locale, "entier de {} à {}", "integer from {} to {}")), key.min, key.max);
  }
  if (std::holds_alternative<bool* (*)(Config&)>(key.place)) return "true | false";
  std::string_view text;
  switch (key.form) {
    case Form::kAny:
      text = In(locale, "texte", "text");
      break;
    case Form::kChoice:
      return absl::StrJoin(absl::StrSplit(Abseil(key.choices), '|'), " | ");
    case Form::kListen:
      text = In(locale, "hôte:port, ou vide", "host:port, or empty");
      break;
    case Form::kAddresses:
      text = In(locale, "hôte:port[,hôte:port…]", "host:port[,host:port...]");
      break;
    case Form::kUrl:
      text = In(locale, "http(s)://hôte[:port], sans / final", "http(s)://host[:port], no trailing /");
      break;
    case Form::kCidr:
      text = In(locale, "réseau CIDR, par exemple 10.0.0.0/8", "CIDR network, for instance 10.0.0.0/8");
      break;
    case Form::kTimeOfDay:
      text = "HH:MM";
      break;
    case Form::kModule:
      text = In(locale, "nom de module (a-z)", "name of a module (a-z)");
      break;
    case Form::kFile:
      text = In(locale, "chemin d’un fichier lisible", "path of a readable file");
      break;
    case Form::kSecretFile:
      text = In(locale, "chemin d’un fichier fermé aux autres (0600)", "path of a file closed to others (0600)");
      break;
  }
  if (std::holds_alternative<Names* (*)(Config&)>(key.place)) {
    return fmt::format(fmt::runtime(In(locale, "liste : {}", "list: {}")), text);
  }
  if (std::holds_alternative<Table* (*)(Config&)>(key.place)) {
    return fmt::format(fmt::runtime(In(locale, "table module = {}", "table module = {}")), text);
  }
  return std::string(text);
}

std::string ValueOf(const Key& key, const Config& config) {
  Config& c = const_cast<Config&>(config);  // the places only point; nothing is written
  struct Print {
    Config& c;
    std::string operator()(std::string* (*at)(Config&)) const { return Quoted(*at(c)); }
    std::string operator()(int* (*at)(Config&)) const { return absl::StrCat(*at(c)); }
    std::string operator()(bool* (*at)(Config&)) const { return *at(c) ? "true" : "false"; }
    std::string operator()(Names* (*at)(Config&)) const {
      return absl::StrCat(
          "[", absl::StrJoin(*at(c), ", ", [](std::string* out, const std::string& one) { *out += Quoted(one); }), "]");
    }
    std::string operator()(Table* (*at)(Config&)) const {
      return absl::StrCat("{",
                          absl::StrJoin(*at(c), ", ",
                                        [](std::string* out, const auto& one) {
                                          absl::StrAppend(out, one.first, " = ", Quoted(one.second));
                                        }),
                          "}");
    }
  };
  return std::visit(Print{c}, key.place);
}

}  // namespace compagnon::config
