#include "backends/bus_backend.h"

#include <amqp.h>
#include <amqp_tcp_socket.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <thread>

#include "platform/base/ids.h"

namespace compagnon::test {
namespace {

// Queues outlive their test on a broker; the product never deletes one, so this speaks AMQP itself.
void Delete(const bus::RabbitOptions& options, const bus::Topology& topology) {
  amqp_connection_state_t state = amqp_new_connection();
  amqp_socket_t* socket = amqp_tcp_socket_new(state);
  if (amqp_socket_open(socket, options.host.c_str(), options.port) == AMQP_STATUS_OK &&
      amqp_login(state, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, options.user.c_str(), options.password.c_str())
              .reply_type == AMQP_RESPONSE_NORMAL) {
    amqp_channel_open(state, 1);
    std::set<std::string> exchanges;
    for (const bus::Topology::Queue& queue : topology.queues) {
      amqp_queue_delete(state, 1, amqp_cstring_bytes(queue.name.c_str()), 0, 0);
      amqp_queue_delete(state, 1, amqp_cstring_bytes((queue.name + ".dead").c_str()), 0, 0);
      exchanges.insert(queue.exchange);
    }
    for (const std::string& exchange : exchanges)
      amqp_exchange_delete(state, 1, amqp_cstring_bytes(exchange.c_str()), 0);
    amqp_connection_close(state, AMQP_REPLY_SUCCESS);
  }
  amqp_destroy_connection(state);
}

}  // namespace

BusBackend::BusBackend(bool rabbit) : rabbit_(rabbit), unique_(HexEncode(RandomBytes(6))) {
  if (!rabbit_) {
    folder_ = ".run/tests/bus-" + unique_;
    embedded_options.path = folder_ + "/bus.db";
    return;
  }
  const char* address = std::getenv("COMPAGNON_TEST_RABBIT");
  if (address == nullptr) FAIL("no RabbitMQ to test on: run ./dev services start, then eval \"$(./dev services env)\"");
  const std::string text = address;
  rabbit_options.host = text.substr(0, text.find(':'));
  rabbit_options.port = std::atoi(text.substr(text.find(':') + 1).c_str());
  rabbit_options.user = rabbit_options.password = "guest";
}

BusBackend::~BusBackend() {
  bus_.reset();
  if (rabbit_) {
    if (!rabbit_options.user.empty()) Delete(rabbit_options, topology_);
  } else {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
}

void BusBackend::AddQueue(const std::string& queue, const std::string& exchange, std::vector<std::string> bindings) {
  topology_.queues.push_back({Name(queue), Name(exchange), std::move(bindings)});
  const absl::Status status = bus().Declare(topology_);
  if (!status.ok()) FAIL(status.ToString());
}

bus::Bus& BusBackend::bus() {
  if (bus_ == nullptr) bus_ = OpenAnother();
  return *bus_;
}

std::unique_ptr<bus::Bus> BusBackend::OpenAnother() const {
  absl::StatusOr<std::unique_ptr<bus::Bus>> opened =
      rabbit_ ? bus::NewRabbitBus(rabbit_options) : bus::NewEmbeddedBus(embedded_options);
  if (!opened.ok()) FAIL(opened.status().ToString());
  return std::move(*opened);
}

bus::BatchHandler Inbox::Handler(std::function<absl::Status()> reply) {
  return [this, reply = std::move(reply)](absl::Span<const bus::Delivery> batch) {
    {
      std::lock_guard lock(mutex_);
      deliveries_.insert(deliveries_.end(), batch.begin(), batch.end());
      ++batches_;
    }
    return reply == nullptr ? absl::OkStatus() : reply();
  };
}

std::vector<bus::Delivery> Inbox::All() const {
  std::lock_guard lock(mutex_);
  return deliveries_;
}

std::vector<std::string> Inbox::Ids() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  for (const bus::Delivery& delivery : deliveries_) ids.push_back(delivery.message.id);
  return ids;
}

size_t Inbox::size() const {
  std::lock_guard lock(mutex_);
  return deliveries_.size();
}

int Inbox::batches() const {
  std::lock_guard lock(mutex_);
  return batches_;
}

bool Eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

bus::Message MakeMessage(const std::string& exchange, const std::string& routing_key, const std::string& id) {
  bus::Message message;
  message.exchange = exchange;
  message.routing_key = routing_key;
  message.id = id;
  message.source = "/sites/sn1";
  message.type = "\\core\\event\\course_viewed";
  message.time_us = 1700000000123456;
  message.data = "data of " + id;
  return message;
}

}  // namespace compagnon::test
