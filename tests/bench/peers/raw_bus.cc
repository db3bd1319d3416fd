#include "peers/raw_bus.h"

#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <chrono>
#include <cstdlib>

namespace compagnon::bench {
namespace {

void Need(bool ok, const char* what) {
  if (ok) return;
  fmt::print(stderr, "bus_bench: peer: {}\n", what);
  std::exit(1);
}

class Stopwatch {
 public:
  double Seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

sqlite3* Open(const std::string& path) {
  sqlite3* db = nullptr;
  Need(sqlite3_open(path.c_str(), &db) == SQLITE_OK, "open");
  Need(sqlite3_exec(db,
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE IF NOT EXISTS m(id INTEGER PRIMARY "
                    "KEY, key TEXT, "
                    "body BLOB)",
                    nullptr, nullptr, nullptr) == SQLITE_OK,
       "create");
  return db;
}
void Run(sqlite3* db, const char* sql) { Need(sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK, sql); }

}  // namespace

double InsertWithSqlite(const std::string& path, absl::Span<const bus::Message> messages, size_t batch) {
  sqlite3* db = Open(path);
  const Stopwatch watch;
  sqlite3_stmt* insert = nullptr;
  Need(sqlite3_prepare_v2(db, "INSERT INTO m(key, body) VALUES(?1, ?2)", -1, &insert, nullptr) == SQLITE_OK, "prepare");
  for (size_t i = 0; i < messages.size(); ++i) {
    if (i % batch == 0) Run(db, "BEGIN IMMEDIATE");
    sqlite3_bind_text(insert, 1, messages[i].routing_key.data(), static_cast<int>(messages[i].routing_key.size()),
                      SQLITE_STATIC);
    sqlite3_bind_blob(insert, 2, messages[i].data.data(), static_cast<int>(messages[i].data.size()), SQLITE_STATIC);
    Need(sqlite3_step(insert) == SQLITE_DONE, "insert");
    sqlite3_reset(insert);
    if (i % batch == batch - 1 || i + 1 == messages.size()) Run(db, "COMMIT");
  }
  sqlite3_finalize(insert);
  const double seconds = watch.Seconds();
  sqlite3_close(db);
  return seconds;
}

double ReadAndDeleteWithSqlite(const std::string& path, size_t count, size_t batch) {
  sqlite3* db = Open(path);
  const Stopwatch watch;
  sqlite3_stmt* select = nullptr;
  Need(sqlite3_prepare_v2(db, "SELECT id, key, body FROM m ORDER BY id LIMIT ?1", -1, &select, nullptr) == SQLITE_OK,
       "prepare");
  for (size_t got = 0; got < count;) {
    sqlite3_bind_int64(select, 1, static_cast<int64_t>(batch));
    int64_t last = 0;
    while (sqlite3_step(select) == SQLITE_ROW) {
      last = sqlite3_column_int64(select, 0);
      ++got;
    }
    sqlite3_reset(select);
    Need(last != 0, "rows are missing");
    Run(db, fmt::format("DELETE FROM m WHERE id <= {}", last).c_str());
  }
  sqlite3_finalize(select);
  const double seconds = watch.Seconds();
  sqlite3_close(db);
  return seconds;
}

struct RawRabbit::Impl {
  amqp_connection_state_t state;
};

RawRabbit::RawRabbit(const std::string& host, int port) : impl_(new Impl) {
  impl_->state = amqp_new_connection();
  amqp_socket_t* socket = amqp_tcp_socket_new(impl_->state);
  Need(amqp_socket_open(socket, host.c_str(), port) == AMQP_STATUS_OK, "connect");
  Need(amqp_login(impl_->state, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest").reply_type ==
           AMQP_RESPONSE_NORMAL,
       "log in");
}

RawRabbit::~RawRabbit() {
  amqp_connection_close(impl_->state, AMQP_REPLY_SUCCESS);
  amqp_destroy_connection(impl_->state);
  delete impl_;
}

double RawRabbit::Publish(absl::Span<const bus::Message> messages, size_t window) {
  amqp_connection_state_t state = impl_->state;
  amqp_channel_open(state, 1);
  amqp_confirm_select(state, 1);
  const Stopwatch watch;
  amqp_basic_properties_t properties = {};
  properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG;
  properties.delivery_mode = 2;
  uint64_t confirmed = 0;
  for (size_t i = 0; i < messages.size() || confirmed < messages.size();) {
    for (; i < messages.size() && i - confirmed < window; ++i) {
      const bus::Message& m = messages[i];
      Need(amqp_basic_publish(state, 1, {m.exchange.size(), const_cast<char*>(m.exchange.data())},
                              {m.routing_key.size(), const_cast<char*>(m.routing_key.data())}, 0, 0, &properties,
                              {m.data.size(), const_cast<char*>(m.data.data())}) == AMQP_STATUS_OK,
           "publish");
    }
    amqp_maybe_release_buffers(state);
    amqp_frame_t frame;
    Need(amqp_simple_wait_frame(state, &frame) == AMQP_STATUS_OK, "wait for a confirm");
    if (frame.frame_type != AMQP_FRAME_METHOD || frame.payload.method.id != AMQP_BASIC_ACK_METHOD) continue;
    // Quorum queues confirm in order on one channel.
    confirmed = std::max(confirmed, static_cast<const amqp_basic_ack_t*>(frame.payload.method.decoded)->delivery_tag);
  }
  const double seconds = watch.Seconds();
  amqp_channel_close(state, 1, AMQP_REPLY_SUCCESS);
  return seconds;
}

double RawRabbit::Consume(const std::string& queue, size_t count, size_t batch) {
  amqp_connection_state_t state = impl_->state;
  amqp_channel_open(state, 2);
  amqp_basic_qos(state, 2, 0, static_cast<uint16_t>(2 * batch), 0);
  const Stopwatch watch;
  amqp_basic_consume(state, 2, amqp_cstring_bytes(queue.c_str()), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
  for (size_t got = 1; got <= count; ++got) {
    amqp_maybe_release_buffers(state);
    amqp_envelope_t envelope;
    Need(amqp_consume_message(state, &envelope, nullptr, 0).reply_type == AMQP_RESPONSE_NORMAL, "consume");
    if (got % batch == 0 || got == count) amqp_basic_ack(state, 2, envelope.delivery_tag, 1);
    amqp_destroy_envelope(&envelope);
  }
  const double seconds = watch.Seconds();
  amqp_channel_close(state, 2, AMQP_REPLY_SUCCESS);
  return seconds;
}

void RawRabbit::Delete(const std::string& queue, const std::string& exchange) {
  amqp_channel_open(impl_->state, 3);
  amqp_queue_delete(impl_->state, 3, amqp_cstring_bytes(queue.c_str()), 0, 0);
  amqp_queue_delete(impl_->state, 3, amqp_cstring_bytes((queue + ".dead").c_str()), 0, 0);
  amqp_exchange_delete(impl_->state, 3, amqp_cstring_bytes(exchange.c_str()), 0);
}

}  // namespace compagnon::bench
