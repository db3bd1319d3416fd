#include <memory>
#include <mutex>

#include "platform/bus/bus.h"
#include "platform/bus/rabbit_connection.h"
#include "platform/bus/rabbit_publisher.h"
#include "platform/bus/rabbit_subscription.h"

namespace compagnon::bus {
namespace {

class RabbitBus : public Bus {
 public:
  explicit RabbitBus(const RabbitOptions& options) : options_(options), topology_(std::make_shared<RabbitTopology>()) {}

  absl::Status Declare(const Topology& topology) override {
    topology_->Add(topology);
    return Control([&](RabbitConnection& connection) { return connection.Declare(topology_->Get()); });
  }
  std::unique_ptr<Publisher> NewPublisher() override { return NewRabbitPublisher(options_, topology_); }
  std::unique_ptr<Subscription> Subscribe(std::string queue, SubscribeOptions subscribe,
                                          BatchHandler handler) override {
    return NewRabbitSubscription(options_, topology_, std::move(queue), subscribe, std::move(handler));
  }
  absl::StatusOr<int64_t> Depth(std::string_view queue) override {
    int64_t depth = 0;
    RETURN_IF_ERROR(Control([&](RabbitConnection& connection) -> absl::Status {
      ASSIGN_OR_RETURN(depth, connection.Depth(queue));
      return absl::OkStatus();
    }));
    return depth;
  }
  absl::Status Ping() override {
    return Control([](RabbitConnection& connection) { return connection.DeclareExchange("events"); });
  }

 private:
  // Runs `f` on the connection kept for questions, once more on a new one when that had died meanwhile.
  template <typename F>
  absl::Status Control(F f) {
    std::lock_guard lock(mutex_);
    const bool kept = control_ != nullptr;
    absl::Status status = Try(f);
    return kept && absl::IsUnavailable(status) ? Try(f) : status;
  }
  template <typename F>
  absl::Status Try(F f) {
    if (control_ == nullptr) {
      ASSIGN_OR_RETURN(control_, RabbitConnection::Open(options_, absl::ZeroDuration()));
    }
    absl::Status status = f(*control_);
    if (control_->broken()) control_.reset();
    return status;
  }

  const RabbitOptions options_;
  const std::shared_ptr<RabbitTopology> topology_;
  std::mutex mutex_;
  std::unique_ptr<RabbitConnection> control_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Bus>> NewRabbitBus(const RabbitOptions& options) {
  if (options.host.empty() || options.port <= 0 || options.port > 65535)
    return absl::InvalidArgumentError("rabbitmq: host and port are needed");
  if (options.confirm_window < 1) return absl::InvalidArgumentError("rabbitmq: the confirm window is at least 1");
  if (options.tls && options.ca_file.empty()) return absl::InvalidArgumentError("rabbitmq: TLS needs ca_file");
  if (options.cert_file.empty() != options.key_file.empty())
    return absl::InvalidArgumentError("rabbitmq: cert_file and key_file go together");
  return std::make_unique<RabbitBus>(options);
}

}  // namespace compagnon::bus
