#include "compagnon/parts.h"

#include <sys/stat.h>

#include <cerrno>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "platform/base/log.h"

namespace compagnon {
namespace {

absl::StatusOr<std::string> SecretOr(const std::string& file, const std::string& otherwise) {
  if (file.empty()) return otherwise;
  return ReadSecretFile(file);
}

}  // namespace

absl::Status MakeDataDir(const Config& config) {
  if (::mkdir(config.data_dir.c_str(), 0700) == 0 || errno == EEXIST) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("data_dir ", config.data_dir));
}

absl::StatusOr<std::unique_ptr<store::Database>> OpenDatabaseOf(const Config& config, const std::string& module) {
  store::DatabaseOptions options;
  options.pool_size = config.store.pool_size;
  options.sqlite_full_sync = config.store.sqlite_full_sync;
  if (config.store.backend == "sqlite") {
    options.dialect = store::Dialect::kSqlite;
    options.sqlite_path = absl::StrCat(config.data_dir, "/", module, ".db");
  } else {
    options.dialect = store::Dialect::kPostgresql;
    options.schema = module;
    const std::string user = config.store.user.empty() ? absl::StrCat("compagnon_", module) : config.store.user;
    options.postgresql_url =
        absl::StrCat(config.store.postgresql_url, " user='", absl::StrReplaceAll(user, {{"\\", "\\\\"}, {"'", "\\'"}}),
                     "' application_name=compagnon-", module);
    ASSIGN_OR_RETURN(options.postgresql_password, SecretOr(config.store.password_file, ""));
  }
  return store::OpenDatabase(options);
}

absl::StatusOr<std::unique_ptr<bus::Bus>> OpenBus(const Config& config) {
  if (config.bus.backend == "embedded") {
    bus::EmbeddedOptions options;
    options.path = absl::StrCat(config.data_dir, "/bus.db");
    return bus::NewEmbeddedBus(options);
  }
  bus::RabbitOptions options;
  options.host = config.bus.host;
  options.port = config.bus.port;
  options.user = config.bus.user;
  options.vhost = config.bus.vhost;
  options.tls = config.bus.tls;
  options.ca_file = config.bus.ca_file;
  options.cert_file = config.bus.cert_file;
  options.key_file = config.bus.key_file;
  // RabbitMQ's own default account, which it lets in from the machine itself only.
  ASSIGN_OR_RETURN(options.password, SecretOr(config.bus.password_file, "guest"));
  return bus::NewRabbitBus(options);
}

absl::StatusOr<std::unique_ptr<keys::Keys>> OpenKeys(const Config& config, const Clock& clock) {
  if (config.keys.backend == "sqlite") return keys::NewSqliteKeys(absl::StrCat(config.data_dir, "/keys.db"), clock);
  keys::RedisOptions options;
  options.host = config.keys.host;
  options.port = config.keys.port;
  options.unix_socket = config.keys.unix_socket;
  options.user = config.keys.user;
  ASSIGN_OR_RETURN(options.password, SecretOr(config.keys.password_file, ""));
  return keys::NewRedisKeys(options);
}

rpc::TlsFiles TlsOf(const Config& config) { return {config.rpc.ca_file, config.rpc.cert_file, config.rpc.key_file}; }

absl::StatusOr<std::unique_ptr<ProcessParts>> ProcessParts::Make(const Config& config,
                                                                 const std::vector<std::string>& here,
                                                                 const Clock& clock, Metrics& metrics, bus::Bus& bus,
                                                                 keys::Keys& keys) {
  std::unique_ptr<ProcessParts> parts(new ProcessParts(config, clock, metrics, bus, keys));
  for (const auto& [module, file] : config.rpc.public_key_files) {
    std::ifstream in(file);
    std::stringstream pem;
    pem << in.rdbuf();
    parts->public_pems_[module] = pem.str();
  }
  for (const std::string& module : here) {
    rpc::SigningKey key = rpc::SigningKey::Generate();
    if (!config.rpc.signing_key_file.empty()) {
      ASSIGN_OR_RETURN(key, rpc::SigningKey::Load(config.rpc.signing_key_file));
    }
    // The key held here decides, whatever public_key_files says of it.
    parts->public_pems_[module] = key.PublicPem();
    parts->signing_.emplace(module, std::move(key));
  }
  for (const std::string& module : here) {
    auto verifier = std::make_unique<rpc::Verifier>(module, parts->public_pems_);
    rpc::Guard::Options options;
    options.verifier = verifier.get();
    options.now = [&clock] { return clock.Now(); };
    options.module = module;
    options.metrics = &metrics;
    parts->guards_[module] = std::make_unique<rpc::Guard>(std::move(options));
    parts->verifiers_[module] = std::move(verifier);
  }
  return parts;
}

Parts ProcessParts::For(const std::string& module) {
  const rpc::SigningKey& key = signing_.at(module);
  Parts parts;
  parts.config = &config_;
  parts.clock = &clock_;
  parts.metrics = &metrics_;
  parts.bus = &bus_;
  parts.keys = &keys_;
  parts.open_database = [this](const std::string& name) { return OpenDatabaseOf(config_, name); };
  parts.channel = [this](const std::string& name) { return ChannelTo(name); };
  parts.service_token = [this, module, &key](const std::string& audience) {
    return rpc::SignService(key, module, audience, clock_.Now());
  };
  if (module == "edge") parts.person_key = &key;
  parts.guard = guards_.at(module).get();
  return parts;
}

std::shared_ptr<grpc::Channel> ProcessParts::ChannelTo(const std::string& module) {
  if (signing_.count(module) > 0) {
    if (server_ == nullptr) Die(absl::StrCat("a channel to ", module, " was asked for before the server serves"));
    return server_->InProcessChannel();
  }
  const auto address = config_.rpc.addresses.find(module);
  if (address == config_.rpc.addresses.end()) {
    // Not the end: what needs this module says so, the rest works.
    Log(LogLevel::kError, "rpc.addresses names no address of a module that is called", {{"called", module}});
    return rpc::NewChannel("unix:/nonexistent", {});
  }
  return rpc::NewChannel(address->second, {TlsOf(config_), config_.rpc.max_message_bytes});
}

}  // namespace compagnon
