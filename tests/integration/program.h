#ifndef COMPAGNON_TESTS_INTEGRATION_PROGRAM_H_
#define COMPAGNON_TESTS_INTEGRATION_PROGRAM_H_

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace compagnon {

// A folder of one test, gone with it.
class TestFolder {
 public:
  explicit TestFolder(const std::string& name);
  ~TestFolder();
  const std::string& path() const { return path_; }
  std::string Write(const std::string& name, const std::string& text) const;  // mode 0600
  // Runs a shell command in the folder; fails the test when it fails.
  void Shell(const std::string& command) const;

 private:
  std::string path_;
};

// The program `compagnon` started with arguments; killed when the test ends first.
class Program {
 public:
  Program(const TestFolder& folder, std::vector<std::string> arguments,
          std::map<std::string, std::string> environment = {});
  ~Program();
  void Signal(int signal) const;
  // Waits for its end, at most a minute; the exit code, or 128 + the signal that ended it.
  int Wait();
  bool Running();
  std::string Output() const;  // standard output so far
  std::string Errors() const;
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  int code_ = -1;
  std::string output_, errors_;
};

// Body of http://127.0.0.1:PORT/PATH, "" when nobody answers.
std::string HttpGet(int port, const std::string& path);

// A port nobody listens on now.
int FreePort();

}  // namespace compagnon

#endif  // COMPAGNON_TESTS_INTEGRATION_PROGRAM_H_
