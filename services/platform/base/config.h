#ifndef COMPAGNON_PLATFORM_BASE_CONFIG_H_
#define COMPAGNON_PLATFORM_BASE_CONFIG_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/status.h"

namespace compagnon {

// What the one TOML file says, after the environment's overrides (COMPAGNON_<SECTION>_<KEY>, e.g.
// COMPAGNON_STORE_BACKEND). Secrets are never in it: *_file names a file whose first line is the secret.
struct Config {
  std::string environment = "test";         // test | production: banner, [TEST], noindex
  std::string data_dir = "compagnon-data";  // embedded files, sockets, keys; made 0700
  std::vector<std::string> modules = {"moodle", "analytics",
                                      "edge"};  // modules of the whole suite (topology), not of this process
  std::string log_level = "info";

  struct Store {
    std::string backend = "sqlite";  // sqlite | postgresql
    std::string postgresql_url;  // "host=... port=... dbname=..."; user per module: compagnon_<module> unless `user`
    std::string user;
    std::string password_file;
    int pool_size = 8;
    bool sqlite_full_sync = true;
  } store;

  struct Bus {
    std::string backend = "embedded";  // embedded | rabbitmq
    std::string host = "127.0.0.1";
    int port = 5672;
    std::string user = "guest";
    std::string password_file;
    std::string vhost = "/";
    bool tls = false;
    std::string ca_file, cert_file, key_file;
  } bus;

  struct Keys {
    std::string backend = "sqlite";  // sqlite | redis
    std::string host = "127.0.0.1";
    int port = 6379;
    std::string unix_socket;
    std::string user;
    std::string password_file;
  } keys;

  struct Rpc {
    std::string listen = "127.0.0.1:7400";  // of this process when a module is served alone
    std::string health_listen;              // plain listener that answers grpc.health.v1 alone, for probes; "" = none
    std::map<std::string, std::string>
        addresses;  // module -> "host:port" of the others; several fixed ones separated by ","
    std::string ca_file, cert_file, key_file;  // mTLS; all three or none (none only on loopback)
    std::string signing_key_file;              // Ed25519 PEM of this process; made in data_dir when empty (all-in-one)
    std::map<std::string, std::string> public_key_files;  // issuer module -> PEM public key
    int max_message_bytes = 4 << 20;
    int deadline_ms = 5000;
    int max_threads = 16;
    int lame_duck_ms = 2000;  // between NOT_SERVING and the end of listening: callers move away meanwhile
    int drain_ms = 20000;     // calls in hand may take this long at a stop
  } rpc;

  struct Metrics {
    std::string listen = "127.0.0.1:9400";  // "" = none
  } metrics;

  struct Edge {
    std::string listen = "127.0.0.1:8400";
    std::string public_url = "http://127.0.0.1:8400";  // https except on loopback
    int workers = 16;
    std::vector<std::string> trusted_proxies;  // CIDR
    int session_idle_minutes = 30;
    int session_hours = 8;
  } edge;

  struct Moodle {
    // 32 random bytes in hex that encrypt tokens and key the tombstones; made in data_dir when empty (on PostgreSQL it
    // must be given).
    std::string key_file;
    std::string dimensions_file;           // dimensions.toml; empty = <data_dir>/dimensions.toml if there
    bool allow_private_addresses = false;  // call a Moodle at a private or loopback address
    int poll_active_ms = 2000;
    int poll_idle_ms = 60000;
    int lease_ms = 30000;  // another process takes a site over this long after its reader last gave a sign
    std::string reconcile_at = "02:30";  // local time of each site
  } moodle;

  struct Analytics {
    int recompute_ms = 1000;  // dirty cells are recomputed at most this often
  } analytics;
};

// First line of a secret's file, refused when others may read it (mode & 077) unless it is mounted read-only by root.
absl::StatusOr<std::string> ReadSecretFile(const std::string& path);

// True for "127.0.0.1:80", "localhost", "[::1]:80", "unix:...", "/path": what never leaves this machine.
bool IsLoopback(std::string_view address);

}  // namespace compagnon

#endif  // COMPAGNON_PLATFORM_BASE_CONFIG_H_
