#include "moodle_double/server/http_server.h"

#include <atomic>
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

namespace compagnon::moodle_double {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

class HttpServer::Impl {
 public:
  Impl(std::string address, int port, Handler handler)
      : address_(std::move(address)), port_(port), handler_(std::move(handler)) {}

  ~Impl() {
    Refuse();
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return sockets_.empty(); });
  }

  absl::Status Listen() {
    std::lock_guard lock(mutex_);
    if (acceptor_) return absl::OkStatus();
    boost::system::error_code error;
    const auto address = asio::ip::make_address(address_, error);
    if (error) return absl::InvalidArgumentError(error.message());
    auto acceptor = std::make_shared<tcp::acceptor>(context_);
    acceptor->open(address.is_v6() ? tcp::v6() : tcp::v4(), error);
    acceptor->set_option(asio::socket_base::reuse_address(true), error);
    acceptor->bind({address, static_cast<uint16_t>(port_)}, error);
    if (!error) acceptor->listen(asio::socket_base::max_listen_connections, error);
    if (error) return absl::UnavailableError("listen: " + error.message());
    port_ = acceptor->local_endpoint(error).port();
    acceptor_ = acceptor;
    stopping_ = false;
    accepting_ = std::thread([this, acceptor] { Accept(acceptor.get()); });
    return absl::OkStatus();
  }

  void Refuse() {
    std::thread accepting;
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      boost::system::error_code ignored;
      if (acceptor_) {
        // Closing alone does not wake a thread that waits in accept().
        ::shutdown(acceptor_->native_handle(), SHUT_RDWR);
      }
      for (tcp::socket* socket : sockets_) socket->shutdown(tcp::socket::shutdown_both, ignored);
      accepting = std::move(accepting_);
    }
    if (accepting.joinable()) accepting.join();
    std::lock_guard lock(mutex_);
    boost::system::error_code ignored;
    if (acceptor_) acceptor_->close(ignored);
    acceptor_.reset();
  }

  int port() const { return port_; }

 private:
  void Accept(tcp::acceptor* acceptor) {
    for (;;) {
      tcp::socket socket(context_);
      boost::system::error_code error;
      acceptor->accept(socket, error);
      if (stopping_) return;
      if (error) continue;
      socket.set_option(tcp::no_delay(true), error);
      auto held = std::make_unique<tcp::socket>(std::move(socket));
      {
        std::lock_guard lock(mutex_);
        sockets_.insert(held.get());
      }
      std::thread([this, held = std::move(held)]() mutable {
        Serve(held.get());
        std::lock_guard lock(mutex_);
        sockets_.erase(held.get());
        held.reset();
        done_.notify_all();
      }).detach();
    }
  }

  void Serve(tcp::socket* socket) {
    boost::beast::flat_buffer buffer;
    boost::system::error_code error;
    while (!stopping_) {
      http::request_parser<http::string_body> parser;
      parser.body_limit(64u << 20);
      http::read(*socket, buffer, parser, error);
      if (error) break;
      auto request = parser.release();
      const bool keep = request.keep_alive();
      const bool head = request.method() == http::verb::head;
      const unsigned version = request.version();
      HttpRequest given;
      given.method = std::string(request.method_string());
      given.target = std::string(request.target());
      given.content_type = std::string(request[http::field::content_type]);
      given.body = std::move(request.body());
      HttpReply reply = handler_(given);
      if (!Send(socket, std::move(reply), version, keep, head) || !keep) break;
    }
    socket->shutdown(tcp::socket::shutdown_both, error);
  }

  // Waits in small steps, so that stopping is quick.
  void Wait(int64_t ms) {
    for (; ms > 0 && !stopping_; ms -= 20)
      std::this_thread::sleep_for(std::chrono::milliseconds(std::min<int64_t>(ms, 20)));
  }

  // False when the connection must not be used again.
  bool Send(tcp::socket* socket, HttpReply reply, unsigned version, bool keep, bool head) {
    using Delivery = HttpReply::Delivery;
    boost::system::error_code error;
    Wait(reply.wait_ms);
    if (reply.delivery == Delivery::kClose) {
      // A reset, as of a server that died, not an orderly end.
      socket->set_option(asio::socket_base::linger(true, 0), error);
      socket->close(error);
      return false;
    }
    http::response<http::string_body> response(static_cast<http::status>(reply.status), version);
    response.set(http::field::server, "Apache");
    response.set(http::field::content_type, reply.type);
    for (const auto& [name, value] : reply.headers) response.set(name, value);
    response.keep_alive(keep);
    if (reply.delivery == Delivery::kWhole) {
      response.body() = std::move(reply.body);
      response.prepare_payload();
      if (head) response.body().clear();
      http::write(*socket, response, error);
      return !error;
    }
    const std::string body = std::move(reply.body);
    if (reply.delivery == Delivery::kEndless) {
      response.chunked(true);
    } else {
      response.content_length(body.size());
    }
    http::response_serializer<http::string_body> serializer(response);
    http::write_header(*socket, serializer, error);
    if (error) return false;
    if (reply.delivery == Delivery::kEndless) {
      const std::string piece = body.empty() ? std::string(16'384, ' ') : body;
      char size[32];
      std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
      const std::string chunk = size + piece + "\r\n";
      while (!error && !stopping_) {
        asio::write(*socket, asio::buffer(chunk), error);
        if (reply.amount > 0) Wait(reply.amount);
      }
      return false;
    }
    if (reply.delivery == Delivery::kCut) {
      asio::write(*socket, asio::buffer(body.data(), std::min(body.size(), static_cast<size_t>(reply.amount))), error);
      return false;
    }
    const size_t step = static_cast<size_t>(std::max<int64_t>(1, reply.amount / 10));
    for (size_t at = 0; at < body.size() && !error && !stopping_; at += step) {
      asio::write(*socket, asio::buffer(body.data() + at, std::min(step, body.size() - at)), error);
      Wait(100);
    }
    return !error && !stopping_;
  }

  const std::string address_;
  std::atomic<int> port_;
  const Handler handler_;
  asio::io_context context_;
  std::mutex mutex_;
  std::condition_variable done_;
  std::shared_ptr<tcp::acceptor> acceptor_;
  std::set<tcp::socket*> sockets_;
  std::thread accepting_;
  std::atomic<bool> stopping_{false};
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& address, int port, Handler handler) {
  auto impl = std::make_unique<Impl>(address, port, std::move(handler));
  if (absl::Status status = impl->Listen(); !status.ok()) return status;
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

int HttpServer::port() const { return impl_->port(); }
void HttpServer::Refuse() { impl_->Refuse(); }
absl::Status HttpServer::Listen() { return impl_->Listen(); }

}  // namespace compagnon::moodle_double
