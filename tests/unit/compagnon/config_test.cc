#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

#include "compagnon/config/config_file.h"

namespace compagnon {
namespace {

// A folder of the test's own, gone when it ends.
class Folder {
 public:
  Folder() {
    std::filesystem::create_directories(".run/unit");
    std::string pattern = ".run/unit/config.XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string Write(const std::string& name, const std::string& text, int mode = 0600) const {
    const std::string file = path_ + "/" + name;
    std::ofstream(file) << text;
    chmod(file.c_str(), mode);
    return file;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { setenv(name, value.c_str(), 1); }
  ~Variable() { unsetenv(name_); }

 private:
  const char* name_;
};

std::string MistakesIn(const std::string& toml) {
  const Folder folder;
  const auto config = LoadConfig(folder.Write("compagnon.toml", toml), "en");
  return config.ok() ? "" : std::string(config.status().message());
}

TEST_CASE("defaults alone are a valid configuration") {
  const auto config = LoadConfig("");
  REQUIRE(config.ok());
  CHECK(config->store.backend == "sqlite");
  CHECK(config->modules == std::vector<std::string>{"moodle", "analytics", "edge"});
}

TEST_CASE("the example is a valid configuration that changes nothing, in both languages") {
  const Folder folder;
  for (const char* locale : {"fr", "en"}) {
    std::string bare;
    std::istringstream lines(ConfigExample(locale));
    // Taking the # off every key must give the defaults back: "# key = value" and no other comment holds " = " after
    // one word.
    for (std::string line; std::getline(lines, line);) {
      const size_t equals = line.find(" = ");
      const bool key = line.rfind("# ", 0) == 0 && equals != std::string::npos && line.find(' ', 2) == equals;
      bare += (key ? line.substr(2) : line) + "\n";
    }
    const auto config = LoadConfig(folder.Write("example.toml", bare), locale);
    INFO(bare);
    REQUIRE(config.ok());
    CHECK(ExplainConfig(*config) == ExplainConfig(Config{}));
    CHECK(bare.find("\nreconcile_at = \"02:30\"") != std::string::npos);
  }
}

TEST_CASE("every mistake is told at once with its line") {
  const std::string told = MistakesIn(
      "environment = \"prod\"\n"
      "[stor]\n"
      "[store]\n"
      "bakend = \"sqlite\"\n"
      "pool_size = 0\n"
      "sqlite_full_sync = \"yes\"\n"
      "[moodle]\n"
      "reconcile_at = \"25:00\"\n"
      "[edge]\n"
      "trusted_proxies = [\"10.0.0.0/33\"]\n");
  INFO(told);
  CHECK(told.find("compagnon.toml:1: environment: \"prod\" is no possible value: test | production") !=
        std::string::npos);
  CHECK(told.find("compagnon.toml:2: [stor]: unknown section; did you mean [store]?") != std::string::npos);
  CHECK(told.find("compagnon.toml:4: store.bakend: unknown key; did you mean store.backend?") != std::string::npos);
  CHECK(told.find("compagnon.toml:5: store.pool_size: 0 is out of range; expected: integer from 1 to 200") !=
        std::string::npos);
  CHECK(told.find("compagnon.toml:6: store.sqlite_full_sync: expected: true | false") != std::string::npos);
  CHECK(told.find("compagnon.toml:8: moodle.reconcile_at:") != std::string::npos);
  CHECK(told.find("compagnon.toml:10: edge.trusted_proxies:") != std::string::npos);
}

TEST_CASE("a key in the wrong section is sent to the right one") {
  CHECK(MistakesIn("[edge]\nreconcile_at = \"03:00\"\n").find("did you mean moodle.reconcile_at?") !=
        std::string::npos);
}

TEST_CASE("a broken file is told with its line") {
  const std::string told = MistakesIn("environment = \"test\"\n[store\n");
  CHECK(told.find("compagnon.toml:2: unreadable") != std::string::npos);
}

TEST_CASE("a configuration file that does not exist is a mistake and not the defaults") {
  CHECK_FALSE(LoadConfig("/nonexistent/compagnon.toml").ok());
}

TEST_CASE("the environment overrides the file") {
  const Folder folder;
  const std::string file =
      folder.Write("compagnon.toml", "[rpc]\ndeadline_ms = 100\n[rpc.addresses]\nmoodle = \"127.0.0.1:1\"\n");
  const Variable deadline("COMPAGNON_RPC_DEADLINE_MS", "250");
  const Variable modules("COMPAGNON_MODULES", "moodle, edge");
  const Variable addresses("COMPAGNON_RPC_ADDRESSES", "moodle=127.0.0.1:7,127.0.0.1:8;edge=127.0.0.1:9");
  const auto config = LoadConfig(file);
  REQUIRE(config.ok());
  CHECK(config->rpc.deadline_ms == 250);
  CHECK(config->modules == std::vector<std::string>{"moodle", "edge"});
  CHECK(config->rpc.addresses.at("moodle") == "127.0.0.1:7,127.0.0.1:8");
  CHECK(config->rpc.addresses.at("edge") == "127.0.0.1:9");
}

TEST_CASE("a misspelt variable is told and those of Kubernetes are not ours") {
  const Variable links("COMPAGNON_EDGE_PORT_8400_TCP", "tcp://10.0.0.1:8400");
  const Variable host("COMPAGNON_EDGE_SERVICE_HOST", "10.0.0.1");
  const Variable tests("COMPAGNON_TEST_PG", "host=127.0.0.1");
  REQUIRE(LoadConfig("").ok());
  const Variable misspelt("COMPAGNON_STORE_BAKEND", "sqlite");
  const auto config = LoadConfig("", "en");
  REQUIRE_FALSE(config.ok());
  CHECK(std::string(config.status().message()) ==
        "COMPAGNON_STORE_BAKEND: unknown variable; did you mean COMPAGNON_STORE_BACKEND?");
}

TEST_CASE("files of mutual TLS come all three or not at all") {
  const Folder folder;
  const std::string ca = folder.Write("ca.pem", "x\n"), cert = folder.Write("cert.pem", "x\n"),
                    key = folder.Write("key.pem", "x\n");
  CHECK(MistakesIn("[rpc]\nca_file = \"" + ca + "\"\ncert_file = \"" + cert + "\"\n").find("key_file") !=
        std::string::npos);
  CHECK(MistakesIn("[rpc]\nca_file = \"" + ca + "\"\ncert_file = \"" + cert + "\"\nkey_file = \"" + key + "\"\n")
            .empty());
}

TEST_CASE("off the machine a listener asks for mutual TLS") {
  CHECK(MistakesIn("[rpc]\nlisten = \"0.0.0.0:7400\"\n").find("mutual TLS") != std::string::npos);
  CHECK(MistakesIn("[rpc]\nlisten = \"127.0.0.1:7400\"\n").empty());
  CHECK(MistakesIn("[rpc.addresses]\nmoodle = \"moodle.internal:7400\"\n").find("mutual TLS") != std::string::npos);
  CHECK(MistakesIn("[rpc.addresses]\nmoodel = \"127.0.0.1:7400\"\n").find("did you mean \"moodle\"?") !=
        std::string::npos);
}

TEST_CASE("production refuses plain links and a loopback address for people") {
  const std::string told = MistakesIn(
      "environment = \"production\"\n[store]\nbackend = \"postgresql\"\npostgresql_url = \"host=db.internal "
      "dbname=compagnon\"\n"
      "[bus]\nbackend = \"rabbitmq\"\nhost = \"mq.internal\"\n");
  INFO(told);
  CHECK(told.find("edge.public_url: in production, an https address people can open") != std::string::npos);
  CHECK(told.find("compagnon.toml:4: store.postgresql_url: in production, off this machine: sslmode=verify-full") !=
        std::string::npos);
  CHECK(told.find("bus.tls: in production") != std::string::npos);
  CHECK(told.find("bus.user: the account guest") != std::string::npos);
  CHECK(MistakesIn("environment = \"production\"\n[edge]\npublic_url = \"https://compagnon.example.org\"\n").empty());
}

TEST_CASE("on PostgreSQL the key of the tokens is named unless moodle runs elsewhere") {
  const Folder folder;
  const std::string store = "[store]\nbackend = \"postgresql\"\npostgresql_url = \"host=/run/pg\"\n";
  CHECK(MistakesIn(store).find("moodle.key_file: missing") != std::string::npos);
  CHECK(MistakesIn(store + "[moodle]\nkey_file = \"" + folder.Write("key", std::string(64, 'a') + "\n") + "\"\n")
            .empty());
  CHECK(MistakesIn("modules = [\"analytics\"]\n" + store).empty());
  CHECK(MistakesIn(store + "[rpc.addresses]\nmoodle = \"127.0.0.1:7400\"\n").empty());
  CHECK(MistakesIn("[store]\nbackend = \"sqlite\"\n").empty());
}

TEST_CASE("a password in the file is refused and not repeated") {
  const std::string told =
      MistakesIn("[store]\nbackend = \"postgresql\"\npostgresql_url = \"host=/tmp password=hunter2\"\n");
  CHECK(told.find("password_file") != std::string::npos);
  CHECK(told.find("hunter2") == std::string::npos);
  const std::string unknown = MistakesIn("[store]\npassword = \"hunter2\"\n");
  CHECK(unknown.find("store.password") != std::string::npos);
  CHECK(unknown.find("hunter2") == std::string::npos);
}

TEST_CASE("a secret is the first line of a file closed to others") {
  const Folder folder;
  CHECK(*ReadSecretFile(folder.Write("good", "s3cret\r\nsecond line\n")) == "s3cret");
  CHECK(ReadSecretFile(folder.Write("open", "s3cret\n", 0644)).status().code() == absl::StatusCode::kPermissionDenied);
  CHECK_FALSE(ReadSecretFile(folder.Write("empty", "\n")).ok());
  CHECK_FALSE(ReadSecretFile(folder.Write("long", std::string(5000, 'x'))).ok());
  CHECK_FALSE(ReadSecretFile(folder.path()).ok());
  CHECK_FALSE(ReadSecretFile(folder.path() + "/absent").ok());
}

TEST_CASE("the explanation names what was changed and no secret") {
  const Folder folder;
  const std::string secret = folder.Write("password", "hunter2\n");
  const auto config = LoadConfig(folder.Write("compagnon.toml",
                                              "[store]\nbackend = \"postgresql\"\npostgresql_url = \"host=/run/pg\"\n"
                                              "password_file = \"" +
                                                  secret + "\"\n[moodle]\nkey_file = \"" + secret + "\"\n"));
  REQUIRE(config.ok());
  const std::string told = ExplainConfig(*config, "en");
  CHECK(told.find("Data: PostgreSQL (host=/run/pg)") != std::string::npos);
  CHECK(told.find("store.password_file = ") != std::string::npos);
  CHECK(told.find("hunter2") == std::string::npos);
}

TEST_CASE("loopback is told from what merely looks like it") {
  CHECK(IsLoopback("127.0.0.1:80"));
  CHECK(IsLoopback("[::1]:80"));
  CHECK(IsLoopback("localhost:80"));
  CHECK(IsLoopback("/run/postgresql"));
  CHECK_FALSE(IsLoopback("0.0.0.0:80"));
  CHECK_FALSE(IsLoopback("localhost.example.org:80"));
  CHECK_FALSE(IsLoopback("127.0.0.1.example.org:80"));
  CHECK_FALSE(IsLoopback("[::1].example.org:80"));
  CHECK_FALSE(IsLoopback("12.7.0.1:80"));
}

}  // namespace
}  // namespace compagnon
