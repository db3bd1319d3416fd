#include "integration/program.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace compagnon {
namespace {

std::string Read(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace

TestFolder::TestFolder(const std::string& name) {
  std::filesystem::create_directories(".run/integration");
  std::string pattern = absl::StrCat(std::filesystem::absolute(".run/integration").string(), "/", name, ".XXXXXX");
  REQUIRE(mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

TestFolder::~TestFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TestFolder::Write(const std::string& name, const std::string& text) const {
  const std::string path = absl::StrCat(path_, "/", name);
  std::ofstream(path) << text;
  chmod(path.c_str(), 0600);
  return path;
}

void TestFolder::Shell(const std::string& command) const {
  INFO(command);
  REQUIRE(std::system(absl::StrCat("cd ", path_, " && (", command, ") >/dev/null 2>&1").c_str()) == 0);
}

Program::Program(const TestFolder& folder, std::vector<std::string> arguments,
                 std::map<std::string, std::string> environment) {
  static int started = 0;
  const std::string name = absl::StrCat(folder.path(), "/program", ++started);
  output_ = name + ".out";
  errors_ = name + ".err";
  const int out = open(output_.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600),
            err = open(errors_.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  std::vector<char*> argv = {const_cast<char*>("compagnon")};
  for (std::string& one : arguments) argv.push_back(one.data());
  argv.push_back(nullptr);
  pid_ = fork();
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) {
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    unsetenv("LC_ALL");
    setenv("LANG", "fr_FR.UTF-8", 1);
    for (const auto& [key, value] : environment) setenv(key.c_str(), value.c_str(), 1);
    execv(COMPAGNON_PROGRAM, argv.data());
    _exit(127);
  }
  close(out);
  close(err);
}

Program::~Program() {
  if (!Running()) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void Program::Signal(int signal) const { kill(pid_, signal); }

bool Program::Running() {
  if (code_ >= 0) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return true;
  code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return false;
}

int Program::Wait() {
  for (int i = 0; i < 3000 && Running(); ++i) absl::SleepFor(absl::Milliseconds(20));
  INFO(Errors());
  REQUIRE(code_ >= 0);
  return code_;
}

std::string Program::Output() const { return Read(output_); }
std::string Program::Errors() const { return Read(errors_); }

std::string HttpGet(int port, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    const std::string request = absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    if (write(fd, request.data(), request.size()) == static_cast<ssize_t>(request.size())) {
      char buffer[4096];
      for (ssize_t size; (size = read(fd, buffer, sizeof buffer)) > 0;)
        answer.append(buffer, static_cast<size_t>(size));
    }
  }
  close(fd);
  return answer;
}

int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  close(fd);
  return ntohs(address.sin_port);
}

}  // namespace compagnon
