#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "edge/http/connection_guard.h"

namespace compagnon::edge {
namespace {

// Whether another process would be refused a write lock on the file.
bool LockedForOthers(const std::string& path) {
  const pid_t other = fork();
  REQUIRE(other >= 0);
  if (other == 0) {
    const int fd = open(path.c_str(), O_RDWR);
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    _exit(fd >= 0 && fcntl(fd, F_SETLK, &lock) != 0 ? 1 : 0);
  }
  int state = 0;
  REQUIRE(waitpid(other, &state, 0) == other);
  return WIFEXITED(state) && WEXITSTATUS(state) == 1;
}

TEST_CASE("looking at connections leaves this process's locks on its files alone") {
  char path[] = "/tmp/compagnon-guard-XXXXXX";
  const int fd = mkstemp(path);
  REQUIRE(fd >= 0);
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  REQUIRE(fcntl(fd, F_SETLK, &lock) == 0);
  REQUIRE(LockedForOthers(path));
  {
    ConnectionGuard::Options options;
    options.every = absl::Hours(1);
    ConnectionGuard guard(options);
    guard.Sweep();
  }
  CHECK(LockedForOthers(path));
  close(fd);
  std::remove(path);
}

}  // namespace
}  // namespace compagnon::edge
