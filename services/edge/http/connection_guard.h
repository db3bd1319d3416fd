#ifndef COMPAGNON_EDGE_HTTP_CONNECTION_GUARD_H_
#define COMPAGNON_EDGE_HTTP_CONNECTION_GUARD_H_

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <thread>

#include "absl/time/time.h"

namespace compagnon::edge {

// The time-outs and bounds cpprestsdk's listener lacks, kept from outside: a thread looks at this process's TCP
// connections on the listening port and shuts those down that
//   - were sent nothing for `silence` (slow headers, slow bodies, readers that stopped reading, idle keep-alive), or
//   - sent more than `unanswered_bytes` since they were last answered (endless headers and chunked bodies, which the
//     listener would gather in memory), or
//   - are the most silent ones beyond `max_connections` (descriptors are the scarcest thing here).
// Linux only: it reads TCP_INFO.
class ConnectionGuard {
 public:
  struct Options {
    int port = 0;
    absl::Duration silence = absl::Seconds(40);
    uint64_t unanswered_bytes = 256 * 1024;
    size_t max_connections = 800;
    absl::Duration every = absl::Milliseconds(500);
  };
  explicit ConnectionGuard(const Options& options);
  ~ConnectionGuard();
  ConnectionGuard(const ConnectionGuard&) = delete;
  ConnectionGuard& operator=(const ConnectionGuard&) = delete;

  // One look; answers how many connections it shut. Called by the thread; public for tests.
  int Sweep();

 private:
  struct Seen {
    uint64_t sent = 0;                // bytes the peer acknowledged when last looked at
    uint64_t received_at_answer = 0;  // bytes received when `sent` last grew
  };

  const Options options_;
  std::map<uint64_t, Seen> seen_;  // by socket inode
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_HTTP_CONNECTION_GUARD_H_
