// The real program: what it says, what it answers, how it starts and how it leaves.
#include "integration/program.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "compagnon/moodle/v1/sites.grpc.pb.h"
#include "platform/rpc/call.h"
#include "platform/rpc/server.h"

namespace compagnon {
namespace {

bool Eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 1200; ++i) {
    if (condition()) return true;
    absl::SleepFor(absl::Milliseconds(50));
  }
  return false;
}

const std::map<std::string, std::string> kEnglish = {{"LANG", "en_US.UTF-8"}};

struct Said {
  int code;
  std::string out, err;
};
Said Run(const TestFolder& folder, const std::vector<std::string>& arguments,
         const std::map<std::string, std::string>& environment = {}) {
  Program program(folder, arguments, environment);
  const int code = program.Wait();
  return {code, program.Output(), program.Errors()};
}

TEST_CASE("the program speaks the language of its terminal and French by default") {
  const TestFolder folder("language");
  CHECK(Run(folder, {"--help"}).out.find("fait tourner les modules") != std::string::npos);
  CHECK(Run(folder, {"--help"}, kEnglish).out.find("runs the modules") != std::string::npos);
  const Said french = Run(folder, {"srve"});
  CHECK(french.code == 2);
  CHECK(french.err.find("Vouliez-vous « serve » ?") != std::string::npos);
  CHECK(french.err.find('\033') == std::string::npos);  // no colours into a file
  CHECK(Run(folder, {"config", "chek"}, kEnglish).err.find("Did you mean \"check\"?") != std::string::npos);
  CHECK(Run(folder, {}).code == 2);
}

TEST_CASE("config check tells every mistake and exits with 2") {
  const TestFolder folder("config");
  const std::string wrong = folder.Write("wrong.toml", "environment = \"prod\"\n[store]\nbakend = \"sqlite\"\n");
  const Said said = Run(folder, {"--config", wrong, "config", "check"}, kEnglish);
  CHECK(said.code == 2);
  CHECK(said.err.find("wrong.toml:1: environment") != std::string::npos);
  CHECK(said.err.find("wrong.toml:3: store.bakend: unknown key; did you mean store.backend?") != std::string::npos);
  const Said unknown =
      Run(folder, {"--config", folder.Write("unknown.toml", "modules = [\"moodel\"]\n"), "config", "check"}, kEnglish);
  CHECK(unknown.code == 2);
  CHECK(unknown.err.find("\"moodel\" does not exist in this release") != std::string::npos);
  CHECK(Run(folder, {"--config", folder.Write("right.toml", "environment = \"test\"\n"), "config", "check"}).code == 0);
}

TEST_CASE("the example configuration is accepted as it is written") {
  const TestFolder folder("example");
  const std::string example = folder.Write("example.toml", Run(folder, {"config", "example"}).out);
  CHECK(Run(folder, {"--config", example, "config", "check"}).code == 0);
}

// Every verb that the program's own help tells, as its words, those of a group after the group's.
std::vector<std::vector<std::string>> VerbsOfHelp(const TestFolder& folder, const std::vector<std::string>& path) {
  std::vector<std::string> words = path;
  words.push_back("--help");
  const std::string help = Run(folder, words, kEnglish).out;
  std::vector<std::vector<std::string>> verbs;
  const size_t at = help.find("\nVerbs:\n");
  if (at == std::string::npos) return {path};
  std::istringstream lines(help.substr(at + 8));
  for (std::string line; std::getline(lines, line) && !line.empty();) {
    if (line.rfind("  ", 0) != 0 || line[2] == ' ') continue;
    std::vector<std::string> inner = path;
    inner.push_back(line.substr(2, line.find(' ', 2) - 2));
    for (std::vector<std::string>& verb : VerbsOfHelp(folder, inner)) verbs.push_back(std::move(verb));
  }
  return verbs;
}

TEST_CASE("the man page and the completions know every verb") {
  const TestFolder folder("man");
  const std::string man = Run(folder, {"man"}).out;
  const std::string zsh = Run(folder, {"completion", "zsh"}).out, fish = Run(folder, {"completion", "fish"}).out;
  std::string script = "set -e; source ./compagnon.bash\n";
  std::vector<std::vector<std::string>> paths = VerbsOfHelp(folder, {});
  REQUIRE(paths.size() > 15);
  for (const std::vector<std::string>& path : paths) {
    const std::string words = absl::StrJoin(path, " ");
    INFO(words);
    CHECK(man.find(absl::StrCat(".SS compagnon ", absl::StrReplaceAll(words, {{"-", "\\-"}}))) != std::string::npos);
    CHECK(zsh.find(path.back()) != std::string::npos);
    CHECK(fish.find(path.back()) != std::string::npos);
    const std::string before = absl::StrJoin(path.begin(), path.end() - 1, " ");
    absl::StrAppend(&script, "COMP_WORDS=(compagnon ", before, " \"\"); COMP_CWORD=", path.size(),
                    "; COMPREPLY=(); _compagnon; [[ \" ${COMPREPLY[*]} \" == *\" ", path.back(),
                    " \"* ]] || { echo not completed: ", words, "; exit 1; }\n");
  }
  folder.Write("compagnon.bash", Run(folder, {"completion", "bash"}).out);
  folder.Write("every_verb.sh", script);
  folder.Shell("bash ./every_verb.sh");
  CHECK(Run(folder, {"completion", "zsh"}).out.find("#compdef compagnon") == 0);
  CHECK(Run(folder, {"completion", "fish"}).out.find("complete -c compagnon") == 0);
  CHECK(Run(folder, {"completion", "tcsh"}).code == 2);
}

// Configuration of the whole suite on embedded parts, on free ports.
std::string EmbeddedConfig(const TestFolder& folder, int health_port) {
  return folder.Write("compagnon.toml", absl::StrCat("data_dir = \"", folder.path(),
                                                     "/data\"\n[rpc]\nhealth_listen = \"127.0.0.1:", health_port,
                                                     "\"\n[metrics]\nlisten = \"127.0.0.1:", FreePort(),
                                                     "\"\n[edge]\nlisten = \"127.0.0.1:", FreePort(), "\"\n"));
}

TEST_CASE("the whole suite starts in one process and leaves at SIGTERM") {
  const TestFolder folder("serve");
  const int health = FreePort();
  const std::string config = EmbeddedConfig(folder, health), address = absl::StrCat("127.0.0.1:", health);
  Program serve(folder, {"--config", config, "serve"});
  INFO(serve.Errors());
  REQUIRE(Eventually([&] { return !serve.Running() || serve.Output().find("ready in ") == 0; }));
  REQUIRE(serve.Running());
  for (const char* name : {"live", "ready", "serving", "moodle", "analytics", "edge"}) {
    INFO(name);
    CHECK(Run(folder, {"probe", "--plain", address, name}).code == 0);
  }
  CHECK(Run(folder, {"probe", "--plain", address, "newsletter"}).code == 1);
  // The verbs that touch moodle's data work beside it.
  CHECK(Run(folder,
            {"--config", config, "site", "add", "--code", "sn1", "--title", "Essai", "--time-zone", "Africa/Dakar"})
            .code == 0);
  CHECK(Run(folder, {"--config", config, "site", "list"}).out.find("sn1") != std::string::npos);
  CHECK(Run(folder, {"--config", config, "sign-in", "--person", "p-1", "--profile", "coordinator", "--scope", "*"})
            .out.find("http") == 0);
  serve.Signal(SIGTERM);
  CHECK(serve.Wait() == 0);
  CHECK(Run(folder, {"probe", "--plain", address, "live"}).code == 3);
  struct stat info {};
  REQUIRE(stat((folder.path() + "/data").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
}

TEST_CASE("a module is not served apart on parts that cannot leave the process") {
  const TestFolder folder("apart");
  const Said embedded = Run(folder, {"--config", EmbeddedConfig(folder, FreePort()), "serve", "moodle"}, kEnglish);
  CHECK(embedded.code == 2);
  CHECK(embedded.err.find("the embedded bus links modules of one process only") != std::string::npos);
  CHECK(Run(folder, {"--config", EmbeddedConfig(folder, FreePort()), "serve", "newsletter"}).code == 2);
}

TEST_CASE("a process whose bus is not up yet is alive and waits and leaves when told") {
  const TestFolder folder("waiting");
  const int health = FreePort();
  const std::string config =
      folder.Write("compagnon.toml",
                   absl::StrCat("data_dir = \"", folder.path(),
                                "/data\"\nmodules = [\"moodle\"]\n[bus]\nbackend = \"rabbitmq\"\nport = ", FreePort(),
                                "\n[rpc]\nhealth_listen = \"127.0.0.1:", health, "\"\n[metrics]\nlisten = \"\"\n"));
  Program serve(folder, {"--config", config, "serve"});
  const std::string address = absl::StrCat("127.0.0.1:", health);
  REQUIRE(Eventually([&] { return serve.Errors().find("not up yet") != std::string::npos; }));
  CHECK(Run(folder, {"probe", "--plain", address, "live"}).code == 0);
  CHECK(Run(folder, {"probe", "--plain", address, "ready"}).code == 3);
  CHECK(serve.Running());
  serve.Signal(SIGTERM);
  CHECK(serve.Wait() == 0);
}

// Two replicas of moodle apart, over mutual TLS, on the RabbitMQ of the tests.
class Replicas {
 public:
  Replicas() : folder_("drain") {
    const char* rabbit = std::getenv("COMPAGNON_TEST_RABBIT");
    if (rabbit == nullptr) FAIL("no RabbitMQ: start ./dev services");
    const std::pair<std::string, std::string> broker = absl::StrSplit(rabbit, absl::MaxSplits(':', 1));
    folder_.Shell(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test -keyout ca.key "
        "-out ca.pem");
    for (const char* module : {"moodle", "edge"}) {
      folder_.Shell(absl::StrCat("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=", module,
                                 " -keyout ", module, ".key -out ", module, ".csr && printf 'subjectAltName=DNS:",
                                 module, ",IP:127.0.0.1' > ext && openssl x509 -req -days 2 -in ", module,
                                 ".csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile ext -out ", module, ".pem"));
      const rpc::SigningKey key = rpc::SigningKey::Generate();
      REQUIRE(key.Save(absl::StrCat(folder_.path(), "/", module, ".sign")).ok());
      folder_.Write(absl::StrCat(module, ".pub"), key.PublicPem());
    }
    for (int i = 0; i < 2; ++i) {
      ports_[i] = FreePort();
      metrics_[i] = FreePort();
      folder_.Write(Config(i),
                    absl::StrCat("data_dir = \"", At("data"), i,
                                 "\"\nmodules = [\"moodle\", \"edge\"]\n[bus]\nbackend = \"rabbitmq\"\nhost = \"",
                                 broker.first, "\"\nport = ", broker.second, "\n[metrics]\nlisten = \"127.0.0.1:",
                                 metrics_[i], "\"\n[rpc]\nlisten = \"127.0.0.1:", ports_[i], "\"\nca_file = \"",
                                 At("ca.pem"), "\"\ncert_file = \"", At("moodle.pem"), "\"\nkey_file = \"",
                                 At("moodle.key"), "\"\nsigning_key_file = \"", At("moodle.sign"),
                                 "\"\nlame_duck_ms = 500\n[rpc.public_key_files]\nedge = \"", At("edge.pub"), "\"\n"));
    }
  }
  void Start(int i) {
    programs_[i] =
        std::make_unique<Program>(folder_, std::vector<std::string>{"--config", At(Config(i)), "serve", "moodle"});
    INFO(programs_[i]->Errors());
    REQUIRE(Eventually([&] { return !programs_[i]->Running() || programs_[i]->Output().find("ready in") == 0; }));
    REQUIRE(programs_[i]->Running());
  }
  // True once calls reach the replica since its start.
  bool Reached(int i) const {
    return HttpGet(metrics_[i], "/metrics").find("rpc_calls_total{code=\"OK\"") != std::string::npos;
  }
  int Stop(int i) {
    programs_[i]->Signal(SIGTERM);
    return programs_[i]->Wait();
  }
  std::shared_ptr<grpc::Channel> Channel() const {
    rpc::ChannelOptions options;
    options.tls = {At("ca.pem"), At("edge.pem"), At("edge.key"), absl::Seconds(10)};
    return rpc::NewChannel(absl::StrCat("127.0.0.1:", ports_[0], ",127.0.0.1:", ports_[1]), options);
  }
  rpc::SigningKey EdgeKey() const { return rpc::SigningKey::Load(At("edge.sign")).value(); }

 private:
  std::string At(const std::string& name) const { return absl::StrCat(folder_.path(), "/", name); }
  static std::string Config(int i) { return absl::StrCat("replica", i, ".toml"); }
  TestFolder folder_;
  int ports_[2] = {0, 0}, metrics_[2] = {0, 0};
  std::unique_ptr<Program> programs_[2];
};

TEST_CASE("replicas drained one after the other under load fail no call", "[services]") {
  Replicas replicas;
  replicas.Start(0);
  replicas.Start(1);
  const auto channel = replicas.Channel();
  const rpc::SigningKey edge = replicas.EdgeKey();
  std::atomic<bool> stop{false};
  std::atomic<int> served{0}, failed{0};
  std::mutex mutex;
  std::string errors;
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      const auto stub = moodle::v1::Sites::NewStub(channel);
      rpc::Caller person;
      person.person = "p-1";
      person.permissions = {"moodle.sites.read"};
      person.scopes = {"*"};
      while (!stop) {
        grpc::ClientContext context;
        rpc::Prepare(context, {absl::Seconds(30), rpc::SignPerson(edge, "moodle", person, absl::Now()), ""});
        moodle::v1::ListSitesResponse response;
        const grpc::Status status = stub->ListSites(&context, {}, &response);
        status.ok() ? ++served : ++failed;
        if (!status.ok()) {
          const std::lock_guard lock(mutex);
          errors += status.error_message() + "\n";
        }
      }
    });
  }
  const auto flows = [&] {
    const int before = served;
    REQUIRE(Eventually([&] { return served > before + 200; }));
  };
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 2; ++i) {
      flows();
      CHECK(replicas.Stop(i) == 0);
      flows();
      replicas.Start(i);
      // The callers must have found it again before the other one goes.
      REQUIRE(Eventually([&] { return replicas.Reached(i); }));
    }
  }
  stop = true;
  for (std::thread& caller : callers) caller.join();
  INFO(errors);
  CHECK(failed == 0);
}

}  // namespace
}  // namespace compagnon
