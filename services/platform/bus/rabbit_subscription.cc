#include "platform/bus/rabbit_subscription.h"

#include <amqp.h>
#include <amqp_framing.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "platform/base/log.h"
#include "platform/bus/backoff.h"
#include "platform/bus/cloudevents_amqp.h"

namespace compagnon::bus {
namespace {

constexpr int kReadAtOnce = 256;

using SteadyTime = std::chrono::steady_clock::time_point;

class RabbitSubscription : public Subscription {
 public:
  RabbitSubscription(const RabbitOptions& options, std::shared_ptr<const RabbitTopology> topology, std::string queue,
                     SubscribeOptions subscribe, BatchHandler handler)
      : options_(options),
        topology_(std::move(topology)),
        queue_(std::move(queue)),
        subscribe_(subscribe),
        handler_(std::move(handler)),
        wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (wake_ < 0) Die("no descriptor left for a consumer");
    subscribe_.max_batch = std::clamp(subscribe_.max_batch, 1, 30000);
    reader_ = std::thread([this] { RunReader(); });
    worker_ = std::thread([this] { RunWorker(); });
  }
  ~RabbitSubscription() override {
    Stop();
    close(wake_);
  }

  void Stop() override {
    std::lock_guard once(stop_mutex_);
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    WakeReader();
    if (worker_.joinable()) worker_.join();
    WakeReader();  // the worker's last acknowledgement
    if (reader_.joinable()) reader_.join();
  }

  bool Healthy() const override {
    std::lock_guard lock(mutex_);
    return connected_ && !holding_ && !stopping_;
  }

 private:
  struct Item {
    Delivery delivery;
    uint64_t tag = 0;
  };

  void WakeReader() {
    const uint64_t one = 1;
    (void)!write(wake_, &one, sizeof one);
  }

  void RunReader() {
    Backoff backoff(subscribe_.min_backoff, subscribe_.max_backoff);
    for (;;) {
      absl::Status status = Consume(backoff);
      std::unique_lock lock(mutex_);
      // Deliveries die with their connection and come again on the next one.
      // An acknowledgement not yet sent dies too: on the next connection its tag names other messages.
      ++generation_;
      ack_tag_ = 0;
      ready_.clear();
      ready_bytes_ = 0;
      connected_ = false;
      changed_.notify_all();
      if (stopping_) return;
      lock.unlock();
      Log(LogLevel::kWarning, "rabbitmq: consumer reconnects",
          {{"queue", std::string_view(queue_)}, {"error", ErrorText(status)}});
      lock.lock();
      if (WaitFor(changed_, lock, backoff.Next(), [&] { return stopping_; })) return;
    }
  }

  // Connects and reads until the connection ends or the subscription stops.
  absl::Status Consume(Backoff& backoff) {
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(std::unique_ptr<RabbitConnection> connection,
                     RabbitConnection::Open(options_, options_.heartbeat));
    RETURN_IF_ERROR(connection->Declare(topology_->Get()));
    amqp_connection_state_t state = connection->state();
    // One batch in the handler and one on its way.
    amqp_basic_qos(state, RabbitConnection::kChannel, 0, static_cast<uint16_t>(2 * subscribe_.max_batch), 0);
    RETURN_IF_ERROR(connection->LastReply("set the prefetch"));
    amqp_basic_consume(state, RabbitConnection::kChannel, {queue_.size(), queue_.data()}, amqp_empty_bytes,
                       /*no_local=*/0, /*no_ack=*/0,
                       /*exclusive=*/0, amqp_empty_table);
    RETURN_IF_ERROR(connection->LastReply(fmt::format("consume {}", queue_)));
    backoff.Reset();
    {
      std::lock_guard lock(mutex_);
      connected_ = true;
    }
    return Pump(*connection);
  }

  absl::Status Pump(RabbitConnection& connection) {
    std::vector<Item> items;
    for (;;) {
      uint64_t ack = 0;
      bool room, stop;
      {
        std::lock_guard lock(mutex_);
        std::swap(ack, ack_tag_);
        stop = stopping_ && worker_done_;
        // Bytes only: the prefetch bounds the number. Reading on while a batch is held keeps the heartbeats going.
        room = !stopping_ && ready_bytes_ < 2 * subscribe_.max_batch_bytes;
      }
      if (ack != 0) {
        const int code = amqp_basic_ack(connection.state(), RabbitConnection::kChannel, ack, /*multiple=*/1);
        if (code != AMQP_STATUS_OK) return connection.LibraryError("acknowledge", code);
      }
      if (stop) return absl::OkStatus();
      items.clear();
      absl::Status status = room ? ReadSome(connection, items) : absl::OkStatus();
      if (!items.empty()) {
        {
          std::lock_guard lock(mutex_);
          if (ready_.empty()) first_ready_ = std::chrono::steady_clock::now();
          for (Item& item : items) {
            ready_bytes_ += item.delivery.message.data.size();
            ready_.push_back(std::move(item));
          }
        }
        changed_.notify_all();
      }
      RETURN_IF_ERROR(status);
      if (items.empty()) Sleep(connection, room);
    }
  }

  // Until something can be read (or a moment has passed: heartbeats, TLS's own buffer) or the worker has something to
  // say.
  void Sleep(RabbitConnection& connection, bool room) {
    pollfd fds[2] = {{wake_, POLLIN, 0}, {connection.fd(), POLLIN, 0}};
    poll(fds, room ? 2 : 1, options_.tls ? 20 : 250);
    uint64_t drained;
    (void)!read(wake_, &drained, sizeof drained);
  }

  absl::Status ReadSome(RabbitConnection& connection, std::vector<Item>& items) {
    amqp_connection_state_t state = connection.state();
    for (int i = 0; i < kReadAtOnce; ++i) {
      amqp_maybe_release_buffers(state);
      const timeval now = {0, 0};
      amqp_envelope_t envelope;
      const amqp_rpc_reply_t reply = amqp_consume_message(state, &envelope, &now, 0);
      if (reply.reply_type == AMQP_RESPONSE_NORMAL) {
        Item& item = items.emplace_back();
        Message& m = item.delivery.message;
        m.exchange.assign(static_cast<const char*>(envelope.exchange.bytes), envelope.exchange.len);
        m.routing_key.assign(static_cast<const char*>(envelope.routing_key.bytes), envelope.routing_key.len);
        m.data.assign(static_cast<const char*>(envelope.message.body.bytes), envelope.message.body.len);
        ReadAmqpProperties(envelope.message.properties, &m);
        item.delivery.redelivered = envelope.redelivered;
        item.tag = envelope.delivery_tag;
        amqp_destroy_envelope(&envelope);
        continue;
      }
      if (reply.reply_type != AMQP_RESPONSE_LIBRARY_EXCEPTION) {
        connection.MarkBroken();
        return absl::UnavailableError("rabbitmq: the connection was closed");
      }
      if (reply.library_error == AMQP_STATUS_TIMEOUT) return absl::OkStatus();
      if (reply.library_error != AMQP_STATUS_UNEXPECTED_STATE)
        return connection.LibraryError("read deliveries", reply.library_error);
      // Not a delivery: read it as a frame to learn what it is.
      amqp_frame_t frame;
      const int code = amqp_simple_wait_frame_noblock(state, &frame, &now);
      if (code == AMQP_STATUS_TIMEOUT) return absl::OkStatus();
      if (code != AMQP_STATUS_OK) return connection.LibraryError("read deliveries", code);
      RETURN_IF_ERROR(connection.CloseReason(frame));
    }
    return absl::OkStatus();
  }

  void RunWorker() {
    std::unique_lock lock(mutex_);
    Backoff backoff(subscribe_.min_backoff, subscribe_.max_backoff);
    std::vector<Delivery> batch;
    while (!stopping_) {
      if (!BatchReady()) {
        if (ready_.empty()) {
          changed_.wait(lock);
        } else {
          changed_.wait_until(lock, first_ready_ + absl::ToChronoMicroseconds(subscribe_.max_wait));
        }
        continue;
      }
      const uint64_t generation = generation_, tag = TakeBatch(batch);
      for (;;) {
        lock.unlock();
        WakeReader();  // there is room again
        absl::Status status = handler_(batch);
        lock.lock();
        if (status.ok()) {
          if (generation == generation_) ack_tag_ = tag;
          backoff.Reset();
          break;
        }
        holding_ = true;
        lock.unlock();
        Log(LogLevel::kWarning, "rabbitmq: batch held",
            {{"queue", std::string_view(queue_)},
             {"messages", static_cast<int64_t>(batch.size())},
             {"error", ErrorText(status)}});
        lock.lock();
        if (WaitFor(changed_, lock, backoff.Next(), [&] { return stopping_ || generation != generation_; })) break;
      }
      holding_ = false;
      batch.clear();
      WakeReader();
    }
    worker_done_ = true;
    lock.unlock();
    WakeReader();
  }

  bool BatchReady() const {
    return !ready_.empty() &&
           (ready_.size() >= static_cast<size_t>(subscribe_.max_batch) || ready_bytes_ >= subscribe_.max_batch_bytes ||
            std::chrono::steady_clock::now() >= first_ready_ + absl::ToChronoMicroseconds(subscribe_.max_wait));
  }

  // Moves the next batch out of ready_; answers the tag of its last message.
  uint64_t TakeBatch(std::vector<Delivery>& batch) {
    uint64_t tag = 0;
    size_t bytes = 0;
    while (!ready_.empty() && batch.size() < static_cast<size_t>(subscribe_.max_batch) &&
           bytes < subscribe_.max_batch_bytes) {
      Item& item = ready_.front();
      bytes += item.delivery.message.data.size();
      tag = item.tag;
      batch.push_back(std::move(item.delivery));
      ready_.pop_front();
    }
    ready_bytes_ -= bytes;
    first_ready_ = std::chrono::steady_clock::now();
    return tag;
  }

  const RabbitOptions options_;
  const std::shared_ptr<const RabbitTopology> topology_;
  std::string queue_;
  SubscribeOptions subscribe_;
  const BatchHandler handler_;
  const int wake_;
  std::mutex stop_mutex_;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  bool stopping_ = false, worker_done_ = false, connected_ = false, holding_ = false;
  uint64_t generation_ = 0;  // of the connection; a batch of an older one is void
  uint64_t ack_tag_ = 0;     // to acknowledge, with all before it; 0 = nothing
  std::deque<Item> ready_;
  size_t ready_bytes_ = 0;
  SteadyTime first_ready_;
  std::thread reader_, worker_;
};

}  // namespace

std::unique_ptr<Subscription> NewRabbitSubscription(const RabbitOptions& options,
                                                    std::shared_ptr<const RabbitTopology> topology, std::string queue,
                                                    SubscribeOptions subscribe, BatchHandler handler) {
  return std::make_unique<RabbitSubscription>(options, std::move(topology), std::move(queue), subscribe,
                                              std::move(handler));
}

}  // namespace compagnon::bus
