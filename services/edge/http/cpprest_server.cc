// The one file that sees cpprestsdk.
#include <cpprest/http_listener.h>
#include <cpprest/producerconsumerstream.h>
#include <cpprest/rawptrstream.h>
#include <pplx/threadpool.h>

#include <atomic>
#include <memory>
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

// A request counts as in hand while a copy of its Hold lives.
using Hold = std::shared_ptr<void>;

// Looks at a task's exception, since cpprestsdk ends the process over one nobody looked at, and keeps what `held` holds
// until the task has ended.
void Forget(const pplx::task<void>& task, std::shared_ptr<void> held = nullptr) {
  task.then([held = std::move(held)](const pplx::task<void>& done) {
    try {
      done.get();
    } catch (...) {
    }
  });
}

// The library's buffer with a count of the bytes its reader has taken: in_avail() reads what it answers without the
// buffer's lock, which is a data race with that reader.
class CountedBuffer final : public concurrency::streams::details::basic_producer_consumer_buffer<uint8_t> {
  using Base = concurrency::streams::details::basic_producer_consumer_buffer<uint8_t>;

 public:
  explicit CountedBuffer(std::shared_ptr<std::atomic<size_t>> taken) : Base(512), taken_(std::move(taken)) {}

 protected:
  pplx::task<size_t> _getn(uint8_t* to, size_t most) override {
    return Base::_getn(to, most).then([taken = taken_](size_t bytes) {
      taken->fetch_add(bytes);
      return bytes;
    });
  }

 private:
  const std::shared_ptr<std::atomic<size_t>> taken_;
};

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

// What requests need of the server. Tasks of the listener hold it: some end after the listener was closed.
class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(HttpServer::Options options, Handler handler)
      : options_(std::move(options)), handler_(std::move(handler)), workers_(options_.workers, options_.queue_limit) {}

  int in_hand() const { return in_hand_.load(); }
  size_t queued() const { return workers_.queued(); }
  void Close() { closed_ = true; }
  void Join() { workers_.Join(); }

  // On an I/O thread, as soon as the headers are in: nothing here may block.
  void Accept(rest::http_request message) {
    const absl::Time begun = options_.clock->Now();
    auto request = std::make_shared<Request>();
    for (const auto& [name, value] : message.headers()) request->headers.Add(name, value);
    const std::string target = message.request_uri().to_string();
    int refusal = closed_ ? 503
                          : CheckRequest(message.method(), target.empty() ? "/" : target, request->headers,
                                         options_.limits, request.get());
    if (refusal != 0) return Refuse(message, refusal, begun, /*body_unread=*/true);
    request->client_address = options_.trusted_proxies.ClientOf(message.remote_address(), request->headers);
    if (ContentLength(request->headers) == 0) return Submit(std::move(message), std::move(request));
    // Waiting for a body holds no thread; ConnectionGuard ends bodies that never come.
    message.extract_vector().then(
        [self = shared_from_this(), message, request](const pplx::task<std::vector<unsigned char>>& done) {
          try {
            const std::vector<unsigned char> bytes = done.get();
            request->body.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
          } catch (...) {
            return self->Refuse(message, 400, self->options_.clock->Now(), /*body_unread=*/true);
          }
          self->Submit(message, request);
        });
  }

 private:
  void Submit(rest::http_request message, std::shared_ptr<Request> request) {
    const absl::Time begun = options_.clock->Now();
    request->deadline = begun + options_.request_deadline;
    ++in_hand_;
    const Hold hold(nullptr, [self = shared_from_this()](void*) { --self->in_hand_; });
    const bool taken = workers_.TrySubmit([this, message, request, begun, hold] {
      if (options_.clock->Now() > request->deadline) {
        Refuse(message, 503, begun, false, hold);
      } else {
        Work(message, *request, begun, hold);
      }
    });
    if (!taken) Refuse(message, 503, begun, false, hold);
  }

  void Work(rest::http_request message, Request& request, absl::Time begun, const Hold& hold) {
    Response response = handler_(request);
    Finish(request, options_.policy, options_.clock->Now(), &response);
    Report(response.route, response.status, begun);
    if (response.stream && request.method != "HEAD") {
      Stream(message, response, hold);
    } else {
      Send(message, request, std::move(response), hold);
    }
  }

  rest::http_response Head(const Response& response) {
    rest::http_response answer(static_cast<rest::status_code>(response.status));
    answer.set_reason_phrase(std::string(ReasonPhrase(response.status)));
    for (const auto& [name, value] : response.headers.all()) {
      if (IsFieldValue(value)) {
        answer.headers().add(name, value);
      } else {
        Log(LogLevel::kError, "a response header with a line break was left out", {{"name", name}});
      }
    }
    return answer;
  }

  void Send(const rest::http_request& message, const Request& request, Response response, const Hold& hold) {
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
      return Forget(message.reply(answer), hold);
    }
    if (!bytes.empty()) {
      auto owner = std::make_shared<std::pair<Hold, Response>>(hold, std::move(response));
      const std::string_view owned = owner->second.bytes();
      auto buffer = concurrency::streams::rawptr_stream<uint8_t>::open_istream(
          reinterpret_cast<const uint8_t*>(owned.data()), owned.size());
      answer.set_body(buffer, owned.size());
      RestoreType(owner->second, answer);
      // The bytes stay where they are until they are on the network.
      return Forget(message.reply(answer), owner);
    }
    Forget(message.reply(answer), hold);
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

  void Stream(const rest::http_request& message, const Response& response, const Hold& hold) {
    const auto taken = std::make_shared<std::atomic<size_t>>(0);
    size_t made = 0;
    concurrency::streams::streambuf<uint8_t> buffer(std::make_shared<CountedBuffer>(taken));
    rest::http_response answer = Head(response);
    answer.set_body(buffer.create_istream());
    RestoreType(response, answer);
    auto gone = std::make_shared<std::atomic<bool>>(false);
    message.reply(answer).then([gone, hold](const pplx::task<void>& done) {
      try {
        done.get();
      } catch (...) {
      }
      gone->store(true);
    });
    // The buffer has no bound of its own: a slow reader holds this worker, never memory, and ConnectionGuard ends it.
    const auto sink = [&](std::string_view piece) -> absl::Status {
      while (made - taken->load() > kStreamAhead && !gone->load()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
      if (gone->load()) return absl::CancelledError("the client left");
      try {
        buffer.putn_nocopy(reinterpret_cast<const uint8_t*>(piece.data()), piece.size()).wait();
        made += piece.size();
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
      Log(LogLevel::kWarning, "a streamed answer broke off",
          {{"route", response.route}, {"reason", std::string_view(status.message().data(), status.message().size())}});
    }
  }

  void Refuse(rest::http_request message, int status, absl::Time begun, bool body_unread, const Hold& hold = nullptr) {
    Response response;
    response.status = status;
    response.headers.Set("Content-Type", "text/plain; charset=utf-8");
    if (status == 503) response.headers.Set("Retry-After", "2");
    if (status == 405) response.headers.Set("Allow", "GET, HEAD, POST");
    response.body = absl::StrCat(status, " ", std::string(ReasonPhrase(status)), "\n");
    response.compress = false;
    AddSecurityHeaders(options_.policy, options_.clock->Now(), &response);
    if (body_unread) {
      // The listener answers only once the request's body is in. Closing the stream it writes to makes it give up
      // reading; the connection is then in an unknown state and must go.
      response.headers.Set("Connection", "close");
      const auto& impl = message._get_impl();
      const auto refused = std::make_exception_ptr(std::runtime_error("refused"));
      if (message.headers().has("Transfer-Encoding")) {
        // It may wait for a chunk that never comes: what it has is said to be all.
        impl->_complete(0, refused);
      } else if (impl->outstream()) {
        Forget(impl->outstream().close(refused));
      }
    }
    Report("refused", status, begun);
    rest::http_response answer = Head(response);
    if (message.method() == "HEAD") {
      answer.headers()["Connection"] = "close";
    } else {
      answer.set_body(response.body, "text/plain; charset=utf-8");
    }
    Forget(message.reply(answer), hold);
  }

  void Report(std::string_view route, int status, absl::Time begun) {
    options_.on_request({route, status, options_.clock->Now() - begun});
  }

  const HttpServer::Options options_;
  const Handler handler_;
  WorkerPool workers_;
  std::atomic<int> in_hand_{0};
  std::atomic<bool> closed_{false};
};

class CpprestServer : public HttpServer {
 public:
  CpprestServer(Options options, Handler handler) : options_(options) {
    if (options_.clock == nullptr) Die("HttpServer needs a clock");
    core_ = std::make_shared<Core>(std::move(options), std::move(handler));
  }
  ~CpprestServer() override { Stop(absl::ZeroDuration()); }

  absl::Status Start() override {
    SizeThreadPool(options_.io_threads);
    const std::string host = options_.host.find(':') == std::string::npos ? options_.host : "[" + options_.host + "]";
    try {
      rest::experimental::listener::http_listener_config config;
      config.set_backlog(1024);
      listener_ = std::make_unique<Listener>(web::uri(absl::StrCat("http://", host, ":", options_.port, "/")), config);
      const auto accept = [core = core_](const rest::http_request& message) { core->Accept(message); };
      listener_->support(accept);
      // The listener's own handlers would answer these two by themselves.
      listener_->support("TRACE", accept);
      listener_->support("OPTIONS", accept);
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
    core_->Close();
    if (listener_) {
      const absl::Time until = absl::Now() + limit;
      while (core_->in_hand() > 0 && absl::Now() < until) std::this_thread::sleep_for(std::chrono::milliseconds(10));
      guard_.reset();
      try {
        listener_->close().wait();
      } catch (const std::exception& problem) {
        Log(LogLevel::kWarning, "listener did not close", {{"reason", problem.what()}});
      }
      listener_.reset();
    }
    // Handlers use what outlives this server and nothing longer: they end here.
    core_->Join();
  }

  size_t queued() const override { return core_->queued(); }

 private:
  const Options options_;
  std::shared_ptr<Core> core_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<ConnectionGuard> guard_;
};

}  // namespace

std::unique_ptr<HttpServer> NewCpprestServer(HttpServer::Options options, Handler handler) {
  return std::make_unique<CpprestServer>(std::move(options), std::move(handler));
}

}  // namespace compagnon::edge
