// The one file that sees cpprestsdk.
#include <cpprest/http_listener.h>
#include <cpprest/producerconsumerstream.h>
#include <cpprest/rawptrstream.h>
#include <pplx/threadpool.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "edge/http/connection_guard.h"
#include "edge/http/server.h"
#include "edge/http/worker_pool.h"
#include "platform/base/log.h"

namespace compagnon::edge {
namespace {

namespace rest = web::http;
using Listener = rest::experimental::listener::http_listener;

constexpr size_t kStreamAhead = 256 * 1024;  // bytes of a streamed body made before the client has read them

// cpprestsdk ends the process when a task's exception is never looked at.
void Forget(const pplx::task<void>& task) {
  task.then([](const pplx::task<void>& done) {
    try {
      done.get();
    } catch (...) {
    }
  });
}

void SizeThreadPool(int threads) {
  static std::once_flag once;
  std::call_once(once, [threads] {
    try {
      crossplat::threadpool::initialize_with_threads(threads);
    } catch (const std::exception&) {
      // Somebody used the pool before: its size stays.
    }
  });
}

class CpprestServer : public HttpServer {
 public:
  CpprestServer(Options options, Handler handler) : options_(std::move(options)), handler_(std::move(handler)) {
    if (options_.clock == nullptr) Die("HttpServer needs a clock");
  }
  ~CpprestServer() override { Stop(absl::ZeroDuration()); }

  absl::Status Start() override {
    SizeThreadPool(options_.io_threads);
    const std::string host = options_.host.find(':') == std::string::npos ? options_.host : "[" + options_.host + "]";
    try {
      rest::experimental::listener::http_listener_config config;
      config.set_backlog(1024);
      listener_ = std::make_unique<Listener>(web::uri(absl::StrCat("http://", host, ":", options_.port, "/")), config);
      listener_->support([this](const rest::http_request& message) { Accept(message); });
      // The listener's own handlers would answer these two by themselves.
      listener_->support("TRACE", [this](const rest::http_request& message) { Accept(message); });
      listener_->support("OPTIONS", [this](const rest::http_request& message) { Accept(message); });
      workers_ = std::make_unique<WorkerPool>(options_.workers, options_.queue_limit);
      listener_->open().wait();
    } catch (const std::exception& problem) {
      listener_.reset();
      return absl::UnavailableError(
          absl::StrCat("cannot listen on ", options_.host, ":", options_.port, ": ", problem.what()));
    }
    guard_ = std::make_unique<ConnectionGuard>(
        ConnectionGuard::Options{.port = options_.port,
                                 .silence = options_.silence,
                                 .unanswered_bytes = 2 * (options_.limits.header_bytes + options_.limits.body_bytes),
                                 .max_connections = options_.max_connections});
    return absl::OkStatus();
  }

  void Stop(absl::Duration limit) override {
    if (!listener_ || stopped_.exchange(true)) return;
    const absl::Time until = absl::Now() + limit;
    while (in_hand_.load() > 0 && absl::Now() < until) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    guard_.reset();
    workers_->Stop();
    try {
      listener_->close().wait();
    } catch (const std::exception& problem) {
      Log(LogLevel::kWarning, "listener did not close", {{"reason", problem.what()}});
    }
    workers_.reset();
    listener_.reset();
  }

  size_t queued() const override { return workers_ ? workers_->queued() : 0; }

 private:
  // On an I/O thread, as soon as the headers are in: nothing here may block.
  void Accept(rest::http_request message) {
    const absl::Time begun = options_.clock->Now();
    auto request = std::make_shared<Request>();
    for (const auto& [name, value] : message.headers()) request->headers.Add(name, value);
    const std::string target = message.request_uri().to_string();
    int refusal = stopped_ ? 503
                           : CheckRequest(message.method(), target.empty() ? "/" : target, request->headers,
                                          options_.limits, request.get());
    if (refusal != 0) return Refuse(message, refusal, begun, /*body_unread=*/true);
    request->client_address = options_.trusted_proxies.ClientOf(message.remote_address(), request->headers);
    if (ContentLength(request->headers) == 0) return Submit(std::move(message), std::move(request));
    // Waiting for a body holds no thread; ConnectionGuard ends bodies that never come.
    message.extract_vector().then([this, message, request](const pplx::task<std::vector<unsigned char>>& done) {
      try {
        const std::vector<unsigned char> bytes = done.get();
        request->body.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      } catch (...) {
        return Refuse(message, 400, options_.clock->Now(), /*body_unread=*/true);
      }
      Submit(message, request);
    });
  }

  void Submit(rest::http_request message, std::shared_ptr<Request> request) {
    const absl::Time begun = options_.clock->Now();
    request->deadline = begun + options_.request_deadline;
    ++in_hand_;
    const bool taken = workers_->TrySubmit([this, message, request, begun] {
      if (options_.clock->Now() > request->deadline) {
        Refuse(message, 503, begun, false);
      } else {
        Work(message, *request, begun);
      }
      --in_hand_;
    });
    if (!taken) {
      --in_hand_;
      Refuse(message, 503, begun, false);
    }
  }

  void Work(rest::http_request message, Request& request, absl::Time begun) {
    Response response = handler_(request);
    Finish(request, options_.policy, options_.clock->Now(), &response);
    Report(response.route, response.status, begun);
    if (response.stream && request.method != "HEAD") {
      Stream(message, response);
    } else {
      Send(message, request, std::move(response));
    }
  }

  rest::http_response Head(const Response& response) {
    rest::http_response answer(static_cast<rest::status_code>(response.status));
    answer.set_reason_phrase(std::string(ReasonPhrase(response.status)));
    for (const auto& [name, value] : response.headers.all()) answer.headers().add(name, value);
    return answer;
  }

  void Send(const rest::http_request& message, const Request& request, Response response) {
    rest::http_response answer = Head(response);
    const std::string_view bytes = response.bytes();
    if (request.method == "HEAD") {
      // An empty stream under a Content-Length: the listener sends the headers of the GET, finds no byte, and closes.
      answer.headers()["Connection"] = "close";
      if (!response.stream) {
        answer.headers()["Content-Length"] = absl::StrCat(bytes.size());
        if (!bytes.empty()) {
          answer.set_body(concurrency::streams::bytestream::open_istream(std::string()), bytes.size());
          RestoreType(response, answer);
        }
      }
      return Forget(message.reply(answer));
    }
    if (!bytes.empty()) {
      auto owner = std::make_shared<Response>(std::move(response));
      const std::string_view owned = owner->bytes();
      auto buffer = concurrency::streams::rawptr_stream<uint8_t>::open_istream(
          reinterpret_cast<const uint8_t*>(owned.data()), owned.size());
      answer.set_body(buffer, owned.size());
      RestoreType(*owner, answer);
      // The bytes stay where they are until they are on the network.
      message.reply(answer).then([owner](const pplx::task<void>& done) {
        try {
          done.get();
        } catch (...) {
        }
      });
      return;
    }
    Forget(message.reply(answer));
  }

  // set_body(stream) puts its own Content-Type over ours.
  static void RestoreType(const Response& response, rest::http_response& answer) {
    const std::string_view type = response.headers.Get("content-type");
    if (type.empty()) {
      answer.headers().remove("Content-Type");
    } else {
      answer.headers()["Content-Type"] = std::string(type);
    }
  }

  void Stream(const rest::http_request& message, const Response& response) {
    concurrency::streams::producer_consumer_buffer<uint8_t> buffer;
    rest::http_response answer = Head(response);
    answer.set_body(buffer.create_istream());
    RestoreType(response, answer);
    auto gone = std::make_shared<std::atomic<bool>>(false);
    message.reply(answer).then([gone](const pplx::task<void>& done) {
      try {
        done.get();
      } catch (...) {
      }
      gone->store(true);
    });
    // The buffer has no bound of its own: a slow reader holds this worker, never memory, and ConnectionGuard ends it.
    const auto sink = [&](std::string_view piece) -> absl::Status {
      while (buffer.in_avail() > kStreamAhead && !gone->load()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
      if (gone->load()) return absl::CancelledError("the client left");
      try {
        buffer.putn_nocopy(reinterpret_cast<const uint8_t*>(piece.data()), piece.size()).wait();
      } catch (const std::exception& problem) {
        return absl::CancelledError(problem.what());
      }
      return absl::OkStatus();
    };
    const absl::Status status = response.stream(sink);
    if (status.ok()) {
      Forget(buffer.close(std::ios_base::out));
    } else {
      // The chunked body breaks off, so that nobody takes half a file for a whole one.
      Forget(buffer.close(std::ios_base::out, std::make_exception_ptr(std::runtime_error("broken off"))));
      Log(LogLevel::kWarning, "a streamed answer broke off", {{"route", response.route}, {"reason", std::string_view(status.message().data(), status.message().size())}});
    }
  }

  void Refuse(rest::http_request message, int status, absl::Time begun, bool body_unread) {
    Response response;
    response.status = status;
    response.headers.Set("Content-Type", "text/plain; charset=utf-8");
    if (status == 503) response.headers.Set("Retry-After", "2");
    if (status == 405) response.headers.Set("Allow", "GET, HEAD, POST");
    response.body = absl::StrCat(status, " ", std::string(ReasonPhrase(status)), "\n");
    response.compress = false;
    AddSecurityHeaders(options_.policy, options_.clock->Now(), &response);
    if (body_unread) {
      // The listener answers only once the request's body is in. Closing the stream it writes to makes it give up reading;
      // the connection is then in an unknown state and must go.
      response.headers.Set("Connection", "close");
      const auto& impl = message._get_impl();
      if (impl->outstream()) {
        Forget(impl->outstream().close(std::make_exception_ptr(std::runtime_error("refused"))));
      }
    }
    Report("refused", status, begun);
    rest::http_response answer = Head(response);
    if (message.method() == "HEAD") {
      answer.headers()["Connection"] = "close";
    } else {
      answer.set_body(response.body, "text/plain; charset=utf-8");
    }
    Forget(message.reply(answer));
  }

  void Report(std::string_view route, int status, absl::Time begun) {
    options_.on_request({route, status, options_.clock->Now() - begun});
  }

  const Options options_;
  const Handler handler_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<WorkerPool> workers_;
  std::unique_ptr<ConnectionGuard> guard_;
  std::atomic<int> in_hand_{0};
  std::atomic<bool> stopped_{false};
};

}  // namespace

std::unique_ptr<HttpServer> NewCpprestServer(HttpServer::Options options, Handler handler) {
  return std::make_unique<CpprestServer>(std::move(options), std::move(handler));
}

}  // namespace compagnon::edge
