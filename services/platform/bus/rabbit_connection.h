#ifndef COMPAGNON_PLATFORM_BUS_RABBIT_CONNECTION_H_
#define COMPAGNON_PLATFORM_BUS_RABBIT_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "platform/base/status.h"
#include "platform/bus/bus.h"

struct amqp_connection_state_t_;
struct amqp_frame_t_;

namespace compagnon::bus {

// What Declare was told, kept for every connection made later: a broker that lost its definitions gets them back.
class RabbitTopology {
 public:
  void Add(const Topology& topology);
  Topology Get() const;

 private:
  mutable std::mutex mutex_;
  Topology topology_;
};

// One connection with one open channel (number 1). Not thread-safe: one connection per thread. After any error but
// those of Declare and Depth that say otherwise it is broken: destroy it and open another.
class RabbitConnection {
 public:
  static constexpr uint16_t kChannel = 1;

  // `heartbeat` 0: none; they run only while a library call runs, so only a thread that keeps calling may ask for them.
  // A peer that is gone is then found by TCP keep-alive and by TCP_USER_TIMEOUT (options.confirm_timeout), which also
  // ends a write into a broker that stopped reading.
  static absl::StatusOr<std::unique_ptr<RabbitConnection>> Open(const RabbitOptions& options, absl::Duration heartbeat);
  ~RabbitConnection();

  // Exchanges, quorum queues, their dead-letter queues and bindings. FailedPrecondition: a queue is there with other
  // arguments.
  absl::Status Declare(const Topology& topology);
  absl::Status DeclareExchange(const std::string& exchange);
  // Messages ready in a queue; NotFound closes the channel.
  absl::StatusOr<int64_t> Depth(std::string_view queue);

  amqp_connection_state_t_* state() { return state_; }
  int fd() const;
  // True when the last call failed in a way that leaves nothing to close politely.
  void MarkBroken() { broken_ = true; }
  bool broken() const { return broken_; }

  // The status of a library call that answers a number below 0; marks the connection broken.
  absl::Status LibraryError(std::string_view doing, int code);
  // The status of the last synchronous method.
  absl::Status LastReply(std::string_view doing);
  // What a channel.close, connection.close or basic.cancel says; marks the connection broken. OK for other frames.
  absl::Status CloseReason(const amqp_frame_t_& frame);

 private:
  RabbitConnection() = default;
  amqp_connection_state_t_* state_ = nullptr;
  bool broken_ = false;
  bool open_ = false;
};

}  // namespace compagnon::bus

#endif  // COMPAGNON_PLATFORM_BUS_RABBIT_CONNECTION_H_
