#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "platform/base/log.h"
#include "platform/bus/backoff.h"
#include "platform/bus/bus.h"
#include "platform/bus/embedded_file.h"

namespace compagnon::bus {
namespace {

// How soon a message that another process published is seen.
constexpr absl::Duration kPoll = absl::Milliseconds(250);

// What the subscriptions of one queue share: who has which messages. A range of ids is held by one subscription until
// it is removed from the file or given back.
struct QueueState {
  struct Range {
    int64_t first = 0, last = 0;
  };
  std::mutex mutex;
  std::condition_variable ready;
  int64_t next = 1;               // from here on nobody holds anything
  std::deque<Range> given_back;   // ascending
  int64_t maybe_seen_before = 0;  // ids below it may have been handed over by an earlier process
};

struct Shared {
  std::unique_ptr<EmbeddedFile> file;
  std::mutex mutex;
  std::map<int64_t, std::unique_ptr<QueueState>> queues;

  QueueState* Queue(int64_t id) {
    std::lock_guard lock(mutex);
    std::unique_ptr<QueueState>& state = queues[id];
    if (state == nullptr) {
      state = std::make_unique<QueueState>();
      state->maybe_seen_before = file->FirstNewId(id);
    }
    return state.get();
  }
  void Wake(const std::set<int64_t>& ids) {
    std::lock_guard lock(mutex);
    for (const int64_t id : ids) {
      if (const auto it = queues.find(id); it != queues.end()) {
        // Taken so that a subscription between its look at the file and its wait is not missed.
        { std::lock_guard queue_lock(it->second->mutex); }
        it->second->ready.notify_one();
      }
    }
  }
};

class EmbeddedPublisher : public Publisher {
 public:
  explicit EmbeddedPublisher(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  absl::StatusOr<std::vector<PublishOutcome>> Publish(absl::Span<const Message> messages) override {
    for (const Message& message : messages) RETURN_IF_ERROR(CheckMessage(message));
    if (messages.empty()) return std::vector<PublishOutcome>();
    ASSIGN_OR_RETURN(EmbeddedFile::Appended appended, shared_->file->Append(messages));
    shared_->Wake(appended.queues);
    return std::move(appended.outcomes);
  }

 private:
  const std::shared_ptr<Shared> shared_;
};

class EmbeddedSubscription : public Subscription {
 public:
  EmbeddedSubscription(std::shared_ptr<Shared> shared, std::string queue, SubscribeOptions options,
                       BatchHandler handler)
      : shared_(std::move(shared)), queue_name_(std::move(queue)), options_(options), handler_(std::move(handler)) {
    thread_ = std::thread([this] { Run(); });
  }
  ~EmbeddedSubscription() override { Stop(); }

  void Stop() override {
    std::lock_guard once(stop_mutex_);
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    stop_.notify_all();
    if (QueueState* queue = queue_.load()) {
      { std::lock_guard lock(queue->mutex); }
      queue->ready.notify_all();
    }
    if (thread_.joinable()) thread_.join();
  }
  bool Healthy() const override { return healthy_; }

 private:
  struct Claim {
    std::vector<Delivery> batch;
    QueueState::Range range;
  };

  void Run() {
    Backoff backoff(options_.min_backoff, options_.max_backoff);
    while (!stopping_) {
      if (absl::Status status = Attach(); !status.ok()) {
        Fail("subscribe", status);
        Pause(backoff.Next());
        continue;
      }
      backoff.Reset();
      healthy_ = true;
      while (!stopping_) {
        absl::StatusOr<Claim> claim = Take();
        if (!claim.ok()) {
          Fail("read", claim.status());
          Pause(backoff.Next());
        } else if (!claim->batch.empty()) {
          backoff.Reset();
          Serve(*claim);
        }
      }
    }
    healthy_ = false;
  }

  // The queue may not be declared yet, and the file may be busy.
  absl::Status Attach() {
    if (reader_ != nullptr) return absl::OkStatus();
    ASSIGN_OR_RETURN(queue_id_, shared_->file->QueueId(queue_name_));
    queue_ = shared_->Queue(queue_id_);
    ASSIGN_OR_RETURN(reader_, shared_->file->NewReader(queue_id_));
    return absl::OkStatus();
  }

  // Takes what is ready, what was given back first; waits for at most kPoll when nothing is.
  absl::StatusOr<Claim> Take() {
    QueueState& queue = *queue_.load();
    std::unique_lock lock(queue.mutex);
    for (bool waited = false;; waited = true) {
      Claim claim;
      const bool again = !queue.given_back.empty();
      const QueueState::Range from = again ? queue.given_back.front() : QueueState::Range{queue.next, INT64_MAX};
      ASSIGN_OR_RETURN(std::vector<EmbeddedFile::Stored> stored,
                       reader_->Read(from.first, from.last, options_.max_batch, options_.max_batch_bytes));
      if (again && stored.empty()) {
        queue.given_back.pop_front();  // another process removed them
        continue;
      }
      if (!stored.empty()) {
        claim.range = {stored.front().id, stored.back().id};
        for (EmbeddedFile::Stored& s : stored) {
          claim.batch.push_back({std::move(s.message), again || s.id < queue.maybe_seen_before});
        }
        if (!again) {
          queue.next = claim.range.last + 1;
        } else if (claim.range.last == from.last) {
          queue.given_back.pop_front();
        } else {
          queue.given_back.front().first = claim.range.last + 1;
        }
        return claim;
      }
      if (waited || stopping_) return claim;
      queue.ready.wait_for(lock, absl::ToChronoMicroseconds(kPoll));
    }
  }

  void GiveBack(QueueState::Range range) {
    QueueState& queue = *queue_.load();
    {
      std::lock_guard lock(queue.mutex);
      auto at = queue.given_back.begin();
      while (at != queue.given_back.end() && at->first < range.first) ++at;
      queue.given_back.insert(at, range);
    }
    queue.ready.notify_all();
  }

  void Serve(const Claim& claim) {
    Backoff backoff(options_.min_backoff, options_.max_backoff);
    for (;;) {
      absl::Status status = handler_(claim.batch);
      if (status.ok()) break;
      Fail("handler; batch held", status);
      Pause(backoff.Next());
      if (stopping_) return GiveBack(claim.range);
    }
    backoff.Reset();
    // The effects are there; only the removal may have to wait, for a disk that is full. Giving up on it when asked to
    // stop means that the messages come again at the next start.
    for (;;) {
      absl::Status status = shared_->file->Remove(queue_id_, claim.range.first, claim.range.last);
      if (status.ok()) break;
      Fail("acknowledge", status);
      Pause(backoff.Next());
      if (stopping_) return GiveBack(claim.range);
    }
    healthy_ = true;
  }

  void Fail(std::string_view doing, const absl::Status& status) {
    healthy_ = false;
    Log(LogLevel::kWarning, "embedded bus: consumer waits",
        {{"queue", std::string_view(queue_name_)}, {"doing", doing}, {"error", ErrorText(status)}});
  }
  void Pause(absl::Duration duration) {
    std::unique_lock lock(mutex_);
    WaitFor(stop_, lock, duration, [&] { return stopping_.load(); });
  }

  const std::shared_ptr<Shared> shared_;
  const std::string queue_name_;
  const SubscribeOptions options_;
  const BatchHandler handler_;
  std::mutex stop_mutex_, mutex_;
  std::condition_variable stop_;
  std::atomic<bool> stopping_ = false, healthy_ = false;
  std::atomic<QueueState*> queue_ = nullptr;
  int64_t queue_id_ = 0;
  std::unique_ptr<EmbeddedFile::Reader> reader_;
  std::thread thread_;
};

class EmbeddedBus : public Bus {
 public:
  explicit EmbeddedBus(std::unique_ptr<EmbeddedFile> file) : shared_(std::make_shared<Shared>()) {
    shared_->file = std::move(file);
  }

  absl::Status Declare(const Topology& topology) override { return shared_->file->Declare(topology); }
  std::unique_ptr<Publisher> NewPublisher() override { return std::make_unique<EmbeddedPublisher>(shared_); }
  std::unique_ptr<Subscription> Subscribe(std::string queue, SubscribeOptions options, BatchHandler handler) override {
    return std::make_unique<EmbeddedSubscription>(shared_, std::move(queue), options, std::move(handler));
  }
  absl::StatusOr<int64_t> Depth(std::string_view queue) override {
    ASSIGN_OR_RETURN(const int64_t id, shared_->file->QueueId(queue));
    return shared_->file->Depth(id);
  }
  absl::Status Ping() override {
    absl::Status status = shared_->file->QueueId("").status();
    return absl::IsNotFound(status) ? absl::OkStatus() : status;
  }

 private:
  const std::shared_ptr<Shared> shared_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Bus>> NewEmbeddedBus(const EmbeddedOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<EmbeddedFile> file, OpenEmbeddedFile(options));
  return std::make_unique<EmbeddedBus>(std::move(file));
}

}  // namespace compagnon::bus
