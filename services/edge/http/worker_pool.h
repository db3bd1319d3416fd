#ifndef COMPAGNON_EDGE_HTTP_WORKER_POOL_H_
#define COMPAGNON_EDGE_HTTP_WORKER_POOL_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace compagnon::edge {

// A fixed number of threads behind a bounded queue. Handlers may block in it; the server's own I/O threads never do.
class WorkerPool {
 public:
  WorkerPool(int threads, size_t queue_limit);
  ~WorkerPool();  // as Join()
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False when the queue is full or the pool stops: the caller answers "503, come back" at once. Jobs must not throw.
  bool TrySubmit(std::function<void()> job);
  // Takes nothing more, finishes what is queued and ends the threads. Not from a job. Idempotent.
  void Join();
  // Waiting jobs, for metrics.
  size_t queued() const;

 private:
  void Run();

  const size_t queue_limit_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_HTTP_WORKER_POOL_H_
