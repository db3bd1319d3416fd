#include "edge/http/connection_guard.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <vector>

#include "platform/base/log.h"

namespace compagnon::edge {
namespace {

constexpr int kEstablished = 1;  // TCP_ESTABLISHED of the kernel
constexpr int kCloseWait = 8;

struct Connection {
  int fd;  // our own duplicate
  uint64_t inode;
  uint64_t sent, received;
  absl::Duration silent;
};

// Fills `connection` when `fd`, a duplicate, is a TCP connection accepted on `port`.
bool Inspect(int fd, int port, Connection* connection) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return false;
  int local = 0;
  if (address.ss_family == AF_INET) {
    local = ntohs(reinterpret_cast<sockaddr_in&>(address).sin_port);
  } else if (address.ss_family == AF_INET6) {
    local = ntohs(reinterpret_cast<sockaddr_in6&>(address).sin6_port);
  }
  if (local != port) return false;
  tcp_info info{};
  size = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
  if (info.tcpi_state != kEstablished && info.tcpi_state != kCloseWait) return false;
  struct stat status{};
  if (fstat(fd, &status) != 0) return false;
  *connection = {fd, status.st_ino, info.tcpi_bytes_acked, info.tcpi_bytes_received,
                 absl::Milliseconds(info.tcpi_last_data_sent)};
  return true;
}

}  // namespace

ConnectionGuard::ConnectionGuard(const Options& options) : options_(options) {
  thread_ = std::thread([this] {
    ScopedLogModule module("edge");
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      wake_.wait_for(lock, absl::ToChronoMilliseconds(options_.every));
      if (stopping_) return;
      lock.unlock();
      const int shut = Sweep();
      if (shut > 0) Log(LogLevel::kInfo, "connections shut", {{"count", static_cast<int64_t>(shut)}});
      lock.lock();
    }
  });
}

ConnectionGuard::~ConnectionGuard() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

int ConnectionGuard::Sweep() {
  std::vector<Connection> open;
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  while (const dirent* entry = readdir(directory)) {
    const int number = std::atoi(entry->d_name);
    if (entry->d_name[0] == '.' || number == dirfd(directory)) continue;
    // The descriptor belongs to the listener and may be closed and given to another file at any moment. A duplicate stays
    // what it is: it is looked at and shut down, never the number.
    const int duplicate = fcntl(number, F_DUPFD_CLOEXEC, 3);
    if (duplicate < 0) continue;
    Connection connection;
    if (Inspect(duplicate, options_.port, &connection)) {
      open.push_back(connection);
    } else {
      close(duplicate);
    }
  }
  closedir(directory);

  std::map<uint64_t, Seen> still;
  std::sort(open.begin(), open.end(), [](const Connection& a, const Connection& b) { return a.silent > b.silent; });
  const size_t excess = open.size() > options_.max_connections ? open.size() - options_.max_connections : 0;
  int shut = 0;
  for (size_t i = 0; i < open.size(); ++i) {
    const Connection& connection = open[i];
    const auto before = seen_.find(connection.inode);
    Seen seen = before == seen_.end() ? Seen{connection.sent, 0} : before->second;
    if (connection.sent != seen.sent) seen = {connection.sent, connection.received};
    const bool flooding = connection.received - seen.received_at_answer > options_.unanswered_bytes;
    if (i < excess || connection.silent > options_.silence || flooding) {
      // Both directions: the listener's pending read or write then ends with an error and it frees the connection.
      shutdown(connection.fd, SHUT_RDWR);
      ++shut;
    } else {
      still[connection.inode] = seen;
    }
    close(connection.fd);
  }
  seen_ = std::move(still);
  return shut;
}

}  // namespace compagnon::edge
