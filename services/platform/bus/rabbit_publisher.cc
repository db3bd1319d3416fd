#include "platform/bus/rabbit_publisher.h"

#include <amqp.h>
#include <amqp_framing.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "platform/base/log.h"
#include "platform/bus/backoff.h"
#include "platform/bus/cloudevents_amqp.h"

namespace compagnon::bus {
namespace {

// Data in flight: a broker that returns all of it (nothing bound) must not fill both directions of the connection, or
// neither side would read.
constexpr size_t kWindowBytes = size_t{2} << 20;

// One Publish call: which of its messages are in flight, and how they ended. Delivery tags are dense from the channel's
// opening.
class Flight {
 public:
  Flight(uint64_t first_tag, size_t count)
      : first_tag_(first_tag), outcomes_(count, PublishOutcome::kUnconfirmed), settled_(count), returned_(count) {}

  void Sent(size_t bytes) {
    ++sent_;
    sizes_.push_back(bytes);
    bytes_ += bytes;
  }
  // A confirm for `tag`, or for it and all before it.
  void Settle(uint64_t tag, bool multiple, bool accepted) {
    if (tag < first_tag_) return;
    const size_t at = std::min<size_t>(tag - first_tag_, sent_ == 0 ? 0 : sent_ - 1);
    if (sent_ == 0) return;
    for (size_t i = multiple ? oldest_ : at; i <= at; ++i) {
      if (settled_[i]) continue;
      settled_[i] = true;
      ++settled_count_;
      bytes_ -= sizes_[i];
      if (accepted) outcomes_[i] = returned_[i] ? PublishOutcome::kUnroutable : PublishOutcome::kConfirmed;
    }
    while (oldest_ < sent_ && settled_[oldest_]) ++oldest_;
  }
  // basic.return comes before the confirm of the same message.
  void Returned(uint64_t tag) {
    if (tag >= first_tag_ && tag - first_tag_ < sent_) returned_[tag - first_tag_] = true;
  }
  size_t sent() const { return sent_; }
  size_t in_flight() const { return sent_ - settled_count_; }
  size_t bytes() const { return bytes_; }
  uint64_t next_tag() const { return first_tag_ + sent_; }
  std::vector<PublishOutcome> Take() { return std::move(outcomes_); }

 private:
  const uint64_t first_tag_;
  std::vector<PublishOutcome> outcomes_;
  std::vector<bool> settled_, returned_;
  std::vector<size_t> sizes_;
  size_t sent_ = 0, settled_count_ = 0, oldest_ = 0, bytes_ = 0;
};

class RabbitPublisher : public Publisher {
 public:
  RabbitPublisher(const RabbitOptions& options, std::shared_ptr<const RabbitTopology> topology)
      : options_(options), topology_(std::move(topology)) {}

  absl::StatusOr<std::vector<PublishOutcome>> Publish(absl::Span<const Message> messages) override {
    for (const Message& message : messages) RETURN_IF_ERROR(CheckMessage(message));
    if (messages.empty()) return std::vector<PublishOutcome>();
    RETURN_IF_ERROR(Connect());
    for (const Message& message : messages) {
      if (exchanges_.contains(message.exchange)) continue;
      if (absl::Status status = connection_->DeclareExchange(message.exchange); !status.ok()) {
        connection_.reset();
        return status;
      }
      exchanges_.insert(message.exchange);
    }
    Flight flight(next_tag_, messages.size());
    absl::Status status = Send(messages, flight);
    next_tag_ = flight.next_tag();
    if (!status.ok()) {
      // What is still in flight stays kUnconfirmed; its confirms must not be taken for those of a later call.
      connection_->MarkBroken();
      connection_.reset();
      Log(LogLevel::kWarning, "rabbitmq: publishing broke off",
          {{"error", ErrorText(status)},
           {"unconfirmed", static_cast<int64_t>(messages.size() - flight.sent() + flight.in_flight())}});
    }
    return flight.Take();
  }

 private:
  absl::Status Connect() {
    if (connection_ != nullptr) {
      // Between calls nobody reads: a broker that went away meanwhile said so.
      Flight none(next_tag_, 0);
      if (Drain(none).ok()) return absl::OkStatus();
      connection_->MarkBroken();
      connection_.reset();
    }
    // No heartbeats: between two calls nothing would answer them.
    ASSIGN_OR_RETURN(std::unique_ptr<RabbitConnection> connection,
                     RabbitConnection::Open(options_, absl::ZeroDuration()));
    RETURN_IF_ERROR(connection->Declare(topology_->Get()));
    amqp_confirm_select(connection->state(), RabbitConnection::kChannel);
    RETURN_IF_ERROR(connection->LastReply("ask for confirms"));
    connection_ = std::move(connection);
    exchanges_ = {"events", "audit"};
    next_tag_ = 1;
    returning_ = 0;
    return absl::OkStatus();
  }

  absl::Status Send(absl::Span<const Message> messages, Flight& flight) {
    absl::Time deadline = absl::Now() + options_.confirm_timeout;
    while (flight.sent() < messages.size() || flight.in_flight() > 0) {
      while (flight.sent() < messages.size() && flight.in_flight() < static_cast<size_t>(options_.confirm_window) &&
             (flight.in_flight() == 0 || flight.bytes() < kWindowBytes)) {
        const Message& message = messages[flight.sent()];
        const AmqpProperties properties(message, flight.next_tag());
        const int code = amqp_basic_publish(
            connection_->state(), RabbitConnection::kChannel,
            {message.exchange.size(), const_cast<char*>(message.exchange.data())},
            {message.routing_key.size(), const_cast<char*>(message.routing_key.data())}, /*mandatory=*/1,
            /*immediate=*/0, &properties.get(), {message.data.size(), const_cast<char*>(message.data.data())});
        if (code != AMQP_STATUS_OK) return connection_->LibraryError("publish", code);
        flight.Sent(message.data.size());
        if (flight.sent() % 64 == 0) RETURN_IF_ERROR(Drain(flight));
      }
      if (flight.in_flight() == 0) continue;
      const size_t before = flight.in_flight();
      RETURN_IF_ERROR(Read(flight, deadline - absl::Now()));
      RETURN_IF_ERROR(Drain(flight));
      if (flight.in_flight() < before) {
        deadline = absl::Now() + options_.confirm_timeout;
      } else if (absl::Now() >= deadline) {
        return absl::DeadlineExceededError(blocked_ ? "no confirm: the broker blocks publishers (memory or disk alarm)"
                                                    : "no confirm in time");
      }
    }
    return absl::OkStatus();
  }

  absl::Status Drain(Flight& flight) {
    bool read = true;
    while (read) RETURN_IF_ERROR(Read(flight, absl::ZeroDuration(), &read));
    return absl::OkStatus();
  }

  // Reads one frame, if one comes within `wait`.
  absl::Status Read(Flight& flight, absl::Duration wait, bool* read = nullptr) {
    amqp_connection_state_t state = connection_->state();
    if (returning_ == 0) amqp_maybe_release_buffers(state);
    const timeval timeout = absl::ToTimeval(std::max(wait, absl::ZeroDuration()));
    amqp_frame_t frame;
    const int code = amqp_simple_wait_frame_noblock(state, &frame, &timeout);
    if (read != nullptr) *read = code == AMQP_STATUS_OK;
    if (code == AMQP_STATUS_TIMEOUT) return absl::OkStatus();
    if (code != AMQP_STATUS_OK) return connection_->LibraryError("wait for confirms", code);
    RETURN_IF_ERROR(connection_->CloseReason(frame));
    if (frame.frame_type == AMQP_FRAME_HEADER) {
      flight.Returned(ReadSequence(*static_cast<const amqp_basic_properties_t*>(frame.payload.properties.decoded)));
      returning_ = frame.payload.properties.body_size;
      return absl::OkStatus();
    }
    if (frame.frame_type == AMQP_FRAME_BODY) {
      returning_ -= std::min<uint64_t>(returning_, frame.payload.body_fragment.len);
      return absl::OkStatus();
    }
    if (frame.frame_type != AMQP_FRAME_METHOD) return absl::OkStatus();
    switch (frame.payload.method.id) {
      case AMQP_BASIC_ACK_METHOD: {
        const auto* ack = static_cast<const amqp_basic_ack_t*>(frame.payload.method.decoded);
        flight.Settle(ack->delivery_tag, ack->multiple, true);
        break;
      }
      case AMQP_BASIC_NACK_METHOD: {
        const auto* nack = static_cast<const amqp_basic_nack_t*>(frame.payload.method.decoded);
        flight.Settle(nack->delivery_tag, nack->multiple, false);
        break;
      }
      case AMQP_CONNECTION_BLOCKED_METHOD:
        blocked_ = true;
        break;
      case AMQP_CONNECTION_UNBLOCKED_METHOD:
        blocked_ = false;
        break;
      default:
        break;  // basic.return: its header frame says which message
    }
    return absl::OkStatus();
  }

  const RabbitOptions options_;
  const std::shared_ptr<const RabbitTopology> topology_;
  std::unique_ptr<RabbitConnection> connection_;
  std::set<std::string> exchanges_;  // declared on this connection
  uint64_t next_tag_ = 1;
  uint64_t returning_ = 0;  // bytes of a returned message still to come
  bool blocked_ = false;
};

}  // namespace

std::unique_ptr<Publisher> NewRabbitPublisher(const RabbitOptions& options,
                                              std::shared_ptr<const RabbitTopology> topology) {
  return std::make_unique<RabbitPublisher>(options, std::move(topology));
}

}  // namespace compagnon::bus
