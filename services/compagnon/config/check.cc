// Mistakes that two keys make together, and what production forbids.
#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "compagnon/config/keys.h"
#include "compagnon/config/nearest.h"
#include "fmt/format.h"

namespace compagnon::config {
namespace {

// The value of `word` in a libpq connection string, "" when absent.
std::string LibpqWord(const std::string& url, const std::string& word) {
  for (const absl::string_view part : absl::StrSplit(url, ' ', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> pair = absl::StrSplit(part, absl::MaxSplits('=', 1));
    if (pair.first == word) return pair.second;
  }
  return "";
}

class Checker {
 public:
  Checker(const Config& config, std::string_view locale) : c_(config), locale_(locale) {}

  std::vector<Mistake> Run() {
    Modules();
    Store();
    Bus();
    Keys();
    Rpc();
    Edge();
    MoodleKey();
    if (c_.moodle.poll_active_ms > c_.moodle.poll_idle_ms) {
      Add("moodle.poll_active_ms", "un site actif serait relevé moins souvent qu’un site calme (poll_idle_ms)",
          "an active site would be polled less often than a quiet one (poll_idle_ms)");
    }
    return std::move(mistakes_);
  }

 private:
  void Add(std::string_view key, std::string_view fr, std::string_view en) {
    mistakes_.push_back({std::string(key), std::string(In(locale_, fr, en))});
  }
  bool production() const { return c_.environment == "production"; }

  void Modules() {
    std::set<std::string> seen;
    for (const std::string& module : c_.modules) {
      if (!seen.insert(module).second) Add("modules", "un module est nommé deux fois", "a module is named twice");
    }
    if (c_.modules.empty()) Add("modules", "aucun module n’est nommé", "no module is named");
    const std::vector<std::string> known(c_.modules.begin(), c_.modules.end());
    auto check = [&](const char* key, const std::string& name) {
      if (seen.count(name) > 0) return;
      const std::string near = Nearest(name, known);
      const std::string hint =
          near.empty()
              ? ""
              : fmt::format(fmt::runtime(In(locale_, " ; vouliez-vous « {} » ?", "; did you mean \"{}\"?")), near);
      mistakes_.push_back({key, fmt::format(fmt::runtime(In(locale_, "« {} » n’est pas dans « modules »{}",
                                                            "\"{}\" is not in \"modules\"{}")),
                                            name, hint)});
    };
    for (const auto& [name, address] : c_.rpc.addresses) check("rpc.addresses", name);
    for (const auto& [name, file] : c_.rpc.public_key_files) check("rpc.public_key_files", name);
  }

  void Store() {
    if (c_.store.backend != "postgresql") return;
    const std::string& url = c_.store.postgresql_url;
    if (url.empty())
      Add("store.postgresql_url", "manque : store.backend est postgresql", "missing: store.backend is postgresql");
    if (absl::StrContains(url, "password")) {
      Add("store.postgresql_url", "un mot de passe ne s’écrit jamais ici : password_file nomme son fichier",
          "a password never stands here: password_file names its file");
    }
    const std::string host = LibpqWord(url, "host"), mode = LibpqWord(url, "sslmode");
    if (production() && !host.empty() && !IsLoopback(host) && mode != "verify-full" && mode != "verify-ca") {
      Add("store.postgresql_url", "en production, hors de la machine : sslmode=verify-full (ou verify-ca)",
          "in production, off this machine: sslmode=verify-full (or verify-ca)");
    }
  }

  void Bus() {
    const Config::Bus& b = c_.bus;
    if (b.backend != "rabbitmq") return;
    if (b.user == "guest" && (!IsLoopback(b.host) || production())) {
      Add("bus.user", "le compte guest ne sert qu’aux essais sur la machine même",
          "the account guest serves tests on the machine itself only");
    }
    if (b.password_file.empty() && b.user != "guest") Add("bus.password_file", "manque", "missing");
    if (b.tls && b.ca_file.empty()) Add("bus.ca_file", "manque : bus.tls est vrai", "missing: bus.tls is true");
    if (b.cert_file.empty() != b.key_file.empty()) {
      Add(b.cert_file.empty() ? "bus.cert_file" : "bus.key_file", "manque : certificat et clé vont ensemble",
          "missing: certificate and key go together");
    }
    if (production() && !b.tls && !IsLoopback(b.host)) {
      Add("bus.tls", "en production, hors de la machine, la liaison vers RabbitMQ est chiffrée : tls = true",
          "in production, off this machine, the link to RabbitMQ is encrypted: tls = true");
    }
  }

  void Keys() {
    if (c_.keys.backend != "redis" || !production()) return;
    if (c_.keys.unix_socket.empty() && c_.keys.password_file.empty()) {
      Add("keys.password_file", "en production, Redis demande un mot de passe ou un socket local",
          "in production Redis asks for a password or a local socket");
    }
  }

  void Rpc() {
    const Config::Rpc& r = c_.rpc;
    const int given = !r.ca_file.empty() + !r.cert_file.empty() + !r.key_file.empty();
    if (given != 0 && given != 3) {
      Add(r.ca_file.empty()     ? "rpc.ca_file"
          : r.cert_file.empty() ? "rpc.cert_file"
                                : "rpc.key_file",
          "manque : ca_file, cert_file et key_file vont ensemble (TLS mutuel)",
          "missing: ca_file, cert_file and key_file go together (mutual TLS)");
    }
    if (given != 0) return;
    if (!r.listen.empty() && !IsLoopback(r.listen)) {
      Add("rpc.listen", "hors de la machine, gRPC demande le TLS mutuel : ca_file, cert_file, key_file",
          "off this machine gRPC asks for mutual TLS: ca_file, cert_file, key_file");
    }
    for (const auto& [module, address] : r.addresses) {
      for (const absl::string_view one : absl::StrSplit(address, ',')) {
        if (IsLoopback({one.data(), one.size()})) continue;
        Add("rpc.addresses", "un module hors de la machine s’appelle par TLS mutuel : ca_file, cert_file, key_file",
            "a module off this machine is called by mutual TLS: ca_file, cert_file, key_file");
        return;
      }
    }
  }

  void Edge() {
    const std::string& url = c_.edge.public_url;
    const bool https = absl::StartsWith(url, "https://");
    const size_t slashes = url.find("//");
    const bool here = slashes != std::string::npos && IsLoopback(std::string_view(url).substr(slashes + 2));
    if (production() && (!https || here)) {
      Add("edge.public_url", "en production, une adresse https que les personnes peuvent ouvrir",
          "in production, an https address people can open");
    } else if (!https && !here) {
      Add("edge.public_url", "hors de la machine, les cookies de session demandent https",
          "off this machine, session cookies ask for https");
    }
    if (c_.edge.session_idle_minutes > c_.edge.session_hours * 60) {
      Add("edge.session_idle_minutes", "dépasse session_hours", "exceeds session_hours");
    }
  }

  // On PostgreSQL several machines may read the same sealed tokens: a key that each made for itself would open none of
  // the others'. A configuration that calls moodle at an address may be of a process that needs no key; moodle itself
  // then refuses to start without.
  void MoodleKey() {
    const bool listed = std::find(c_.modules.begin(), c_.modules.end(), "moodle") != c_.modules.end();
    if (c_.store.backend != "postgresql" || !c_.moodle.key_file.empty() || !listed) return;
    if (c_.rpc.addresses.count("moodle") > 0) return;
    Add("moodle.key_file",
        "manque : avec PostgreSQL la clé des jetons est un fichier, le même partout où tourne moodle",
        "missing: with PostgreSQL the tokens' key is a file, the same wherever moodle runs");
  }

  const Config& c_;
  std::string_view locale_;
  std::vector<Mistake> mistakes_;
};

}  // namespace

std::vector<Mistake> CheckTogether(const Config& config, std::string_view locale) {
  return Checker(config, locale).Run();
}

}  // namespace compagnon::config
