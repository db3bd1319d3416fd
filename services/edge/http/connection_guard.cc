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
  int fd;  // the listener's own
  uint64_t inode;
  uint64_t sent, received;
  absl::Duration silent;
};

// The socket behind a descriptor's number, 0 when it is none (any more).
uint64_t SocketBehind(int fd) {
  struct stat status {};
  return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode) ? status.st_ino : 0;
}

// Fills `connection` when `fd` is a TCP connection accepted on `port`.
bool Inspect(int fd, int port, Connection* connection) {
  const uint64_t inode = SocketBehind(fd);
  if (inode == 0) return false;
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
  *connection = {fd, inode, info.tcpi_bytes_acked, info.tcpi_bytes_received,
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
    // Looked at in place, never duplicated: closing a duplicate of a database's descriptor would drop every POSIX lock
    // this process holds on the file, and with them SQLite's protection.
    Connection connection;
    if (Inspect(number, options_.port, &connection)) open.push_back(connection);
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
      // The number belongs to the listener, which may have closed it since and given it to another file: look again.
      // Both directions: the listener's pending read or write then ends with an error and it frees the connection.
      if (SocketBehind(connection.fd) != connection.inode) continue;
      shutdown(connection.fd, SHUT_RDWR);
      ++shut;
    } else {
      still[connection.inode] = seen;
    }
  }
  seen_ = std::move(still);
  return shut;
}

}  // namespace compagnon::edge
