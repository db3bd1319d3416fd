#include "platform/bus/rabbit_connection.h"

#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

namespace compagnon::bus {
namespace {

constexpr int kFrameMax = 131072;
// Consumers set poison aside themselves; the limit only ends a message that kills every consumer. Low limits
// dead-letter good messages when a consumer is killed often.
constexpr int kDeliveryLimit = 1000;
constexpr char kDeadExchange[] = "dead";

amqp_bytes_t Bytes(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }
std::string_view View(amqp_bytes_t bytes) { return {static_cast<const char*>(bytes.bytes), bytes.len}; }
amqp_table_entry_t Entry(const char* key, const char* text) {
  amqp_table_entry_t entry;
  entry.key = amqp_cstring_bytes(key);
  entry.value.kind = AMQP_FIELD_KIND_UTF8;
  entry.value.value.bytes = amqp_cstring_bytes(text);
  return entry;
}
amqp_table_entry_t Entry(const char* key, int number) {
  amqp_table_entry_t entry;
  entry.key = amqp_cstring_bytes(key);
  entry.value.kind = AMQP_FIELD_KIND_I32;
  entry.value.value.i32 = number;
  return entry;
}
amqp_table_entry_t Flag(const char* key) {
  amqp_table_entry_t entry;
  entry.key = amqp_cstring_bytes(key);
  entry.value.kind = AMQP_FIELD_KIND_BOOLEAN;
  entry.value.value.boolean = 1;
  return entry;
}

absl::Status FromReplyCode(int code, const std::string& text) {
  switch (code) {
    case 403:
      return absl::PermissionDeniedError(text);
    case 404:
      return absl::NotFoundError(text);
    case 406:
      return absl::FailedPreconditionError(text);
    default:
      return absl::UnavailableError(text);
  }
}

void TuneSocket(int fd, const RabbitOptions& options) {
  const int on = 1, idle = std::max<int>(1, static_cast<int>(absl::ToInt64Seconds(options.heartbeat))), probes = 3;
  const unsigned user_timeout = static_cast<unsigned>(absl::ToInt64Milliseconds(options.confirm_timeout));
  // Failing to set one costs promptness only.
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof idle);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof user_timeout);
}

}  // namespace

void RabbitTopology::Add(const Topology& topology) {
  std::lock_guard lock(mutex_);
  for (const Topology::Queue& queue : topology.queues) {
    const auto it = std::find_if(topology_.queues.begin(), topology_.queues.end(), [&](const Topology::Queue& q) {
      return q.name == queue.name && q.exchange == queue.exchange;
    });
    if (it == topology_.queues.end()) {
      topology_.queues.push_back(queue);
    } else {
      it->bindings = queue.bindings;
    }
  }
}

Topology RabbitTopology::Get() const {
  std::lock_guard lock(mutex_);
  return topology_;
}

absl::StatusOr<std::unique_ptr<RabbitConnection>> RabbitConnection::Open(const RabbitOptions& options,
                                                                         absl::Duration heartbeat) {
  std::unique_ptr<RabbitConnection> c(new RabbitConnection);
  c->state_ = amqp_new_connection();
  if (c->state_ == nullptr) return absl::ResourceExhaustedError("rabbitmq: no memory for a connection");
  amqp_socket_t* socket = options.tls ? amqp_ssl_socket_new(c->state_) : amqp_tcp_socket_new(c->state_);
  if (socket == nullptr) return absl::ResourceExhaustedError("rabbitmq: no socket");
  if (options.tls) {
    amqp_ssl_socket_set_verify_peer(socket, 1);
    amqp_ssl_socket_set_verify_hostname(socket, 1);
    amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST);
    if (amqp_ssl_socket_set_cacert(socket, options.ca_file.c_str()) != AMQP_STATUS_OK) {
      return absl::FailedPreconditionError(fmt::format("rabbitmq: cannot read the authorities in {}", options.ca_file));
    }
    if (!options.cert_file.empty() &&
        amqp_ssl_socket_set_key(socket, options.cert_file.c_str(), options.key_file.c_str()) != AMQP_STATUS_OK) {
      return absl::FailedPreconditionError(
          fmt::format("rabbitmq: cannot use the certificate {} with its key", options.cert_file));
    }
  }
  const timeval timeout = absl::ToTimeval(options.connect_timeout);
  amqp_set_handshake_timeout(c->state_, &timeout);
  const std::string where = fmt::format("connect to {}:{}", options.host, options.port);
  if (const int code = amqp_socket_open_noblock(socket, options.host.c_str(), options.port, &timeout);
      code != AMQP_STATUS_OK) {
    return c->LibraryError(where, code);
  }
  TuneSocket(c->fd(), options);
  // Without asking for it a consumer is not told that its queue was deleted.
  amqp_table_entry_t capabilities[] = {Flag("consumer_cancel_notify"), Flag("connection.blocked")};
  amqp_table_entry_t properties[] = {Entry("product", "compagnon"), Entry("capabilities", 0)};
  properties[1].value.kind = AMQP_FIELD_KIND_TABLE;
  properties[1].value.value.table = {2, capabilities};
  const amqp_table_t table = {2, properties};
  c->broken_ = true;  // until logged in there is nothing to close politely
  const amqp_rpc_reply_t login = amqp_login_with_properties(
      c->state_, options.vhost.c_str(), 0, kFrameMax, static_cast<int>(absl::ToInt64Seconds(heartbeat)), &table,
      AMQP_SASL_METHOD_PLAIN, options.user.c_str(), options.password.c_str());
  if (login.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) return c->LibraryError(where, login.library_error);
  if (login.reply_type != AMQP_RESPONSE_NORMAL) {
    // authentication_failure_close makes a refused log-in a connection.close with 403.
    const auto* close = static_cast<const amqp_connection_close_t*>(login.reply.decoded);
    if (login.reply.id != AMQP_CONNECTION_CLOSE_METHOD)
      return absl::UnavailableError(fmt::format("rabbitmq: log in at {}", where));
    return FromReplyCode(close->reply_code, fmt::format("rabbitmq: {}: {}", where, View(close->reply_text)));
  }
  c->broken_ = false;
  amqp_set_rpc_timeout(c->state_, &timeout);
  amqp_channel_open(c->state_, kChannel);
  RETURN_IF_ERROR(c->LastReply("open a channel"));
  c->open_ = true;
  return c;
}

RabbitConnection::~RabbitConnection() {
  if (state_ == nullptr) return;
  if (open_ && !broken_) {
    // Gives what was not acknowledged back at once.
    amqp_connection_close(state_, AMQP_REPLY_SUCCESS);
  }
  amqp_destroy_connection(state_);
}

int RabbitConnection::fd() const { return amqp_get_sockfd(state_); }

absl::Status RabbitConnection::LibraryError(std::string_view doing, int code) {
  broken_ = true;
  return absl::UnavailableError(fmt::format("rabbitmq: {}: {}", doing, amqp_error_string2(code)));
}

absl::Status RabbitConnection::LastReply(std::string_view doing) {
  const amqp_rpc_reply_t reply = amqp_get_rpc_reply(state_);
  if (reply.reply_type == AMQP_RESPONSE_NORMAL) return absl::OkStatus();
  broken_ = true;
  if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) return LibraryError(doing, reply.library_error);
  if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION && reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
    const auto* close = static_cast<const amqp_channel_close_t*>(reply.reply.decoded);
    return FromReplyCode(close->reply_code, fmt::format("rabbitmq: {}: {}", doing, View(close->reply_text)));
  }
  if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION && reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
    const auto* close = static_cast<const amqp_connection_close_t*>(reply.reply.decoded);
    return FromReplyCode(close->reply_code, fmt::format("rabbitmq: {}: {}", doing, View(close->reply_text)));
  }
  return absl::UnavailableError(fmt::format("rabbitmq: {}: no reply", doing));
}

absl::Status RabbitConnection::CloseReason(const amqp_frame_t& frame) {
  if (frame.frame_type != AMQP_FRAME_METHOD) return absl::OkStatus();
  switch (frame.payload.method.id) {
    case AMQP_CHANNEL_CLOSE_METHOD: {
      const auto* close = static_cast<const amqp_channel_close_t*>(frame.payload.method.decoded);
      broken_ = true;
      return FromReplyCode(close->reply_code, fmt::format("rabbitmq closed the channel: {}", View(close->reply_text)));
    }
    case AMQP_CONNECTION_CLOSE_METHOD: {
      const auto* close = static_cast<const amqp_connection_close_t*>(frame.payload.method.decoded);
      broken_ = true;
      return FromReplyCode(close->reply_code,
                           fmt::format("rabbitmq closed the connection: {}", View(close->reply_text)));
    }
    case AMQP_BASIC_CANCEL_METHOD:
      broken_ = true;
      return absl::UnavailableError("rabbitmq cancelled the consumer: its queue is gone or moved");
    default:
      return absl::OkStatus();
  }
}

absl::Status RabbitConnection::DeclareExchange(const std::string& exchange) {
  amqp_exchange_declare(state_, kChannel, Bytes(exchange), amqp_cstring_bytes("topic"), 0, 1, 0, 0, amqp_empty_table);
  return LastReply(fmt::format("declare exchange {}", exchange));
}

absl::Status RabbitConnection::Declare(const Topology& topology) {
  std::set<std::string> exchanges = {"events", "audit", kDeadExchange};
  for (const Topology::Queue& queue : topology.queues) exchanges.insert(queue.exchange);
  for (const std::string& exchange : exchanges) RETURN_IF_ERROR(DeclareExchange(exchange));
  for (const Topology::Queue& queue : topology.queues) {
    const std::string dead = queue.name + ".dead";
    amqp_table_entry_t dead_arguments[] = {Entry("x-queue-type", "quorum")};
    amqp_queue_declare(state_, kChannel, Bytes(dead), 0, 1, 0, 0, {1, dead_arguments});
    RETURN_IF_ERROR(LastReply(fmt::format("declare queue {}", dead)));
    amqp_queue_bind(state_, kChannel, Bytes(dead), amqp_cstring_bytes(kDeadExchange), Bytes(queue.name),
                    amqp_empty_table);
    RETURN_IF_ERROR(LastReply(fmt::format("bind queue {}", dead)));
    // At-least-once dead-lettering asks for reject-publish; without a length limit that never rejects.
    amqp_table_entry_t arguments[] = {Entry("x-queue-type", "quorum"),
                                      Entry("x-delivery-limit", kDeliveryLimit),
                                      Entry("x-dead-letter-exchange", kDeadExchange),
                                      Entry("x-dead-letter-routing-key", queue.name.c_str()),
                                      Entry("x-dead-letter-strategy", "at-least-once"),
                                      Entry("x-overflow", "reject-publish")};
    amqp_queue_declare(state_, kChannel, Bytes(queue.name), 0, 1, 0, 0, {std::size(arguments), arguments});
    RETURN_IF_ERROR(LastReply(fmt::format("declare queue {}", queue.name)));
    for (const std::string& binding : queue.bindings) {
      amqp_queue_bind(state_, kChannel, Bytes(queue.name), Bytes(queue.exchange), Bytes(binding), amqp_empty_table);
      RETURN_IF_ERROR(LastReply(fmt::format("bind queue {}", queue.name)));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> RabbitConnection::Depth(std::string_view queue) {
  const amqp_queue_declare_ok_t* ok = amqp_queue_declare(state_, kChannel, Bytes(queue), 1, 0, 0, 0, amqp_empty_table);
  if (ok == nullptr) {
    absl::Status status = LastReply(fmt::format("depth of {}", queue));
    return status.ok() ? absl::UnavailableError("rabbitmq: no answer") : status;
  }
  const int64_t depth = ok->message_count;
  amqp_maybe_release_buffers(state_);
  return depth;
}

}  // namespace compagnon::bus
