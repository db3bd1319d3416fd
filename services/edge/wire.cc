#include "edge/wire.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <map>
#include <mutex>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "edge/app.h"
#include "edge/backend.h"
#include "edge/http/server.h"
#include "platform/base/log.h"

namespace compagnon::edge {
namespace {

constexpr absl::Duration kReadyKept = absl::Seconds(2);

absl::Status SplitListen(const std::string& listen, std::string* host, int* port) {
  const size_t colon = listen.rfind(':');
  if (colon == std::string::npos || !absl::SimpleAtoi(listen.substr(colon + 1), port)) {
    return absl::InvalidArgumentError(absl::StrCat("edge.listen: \"", listen, "\" is no host:port"));
  }
  *host = listen.substr(0, colon);
  if (host->size() > 2 && host->front() == '[' && host->back() == ']') *host = host->substr(1, host->size() - 2);
  return absl::OkStatus();
}

// Requests by route and status; references are kept, since a look-up costs more than the increment.
class RequestMetrics {
 public:
  explicit RequestMetrics(Metrics& metrics) : metrics_(metrics) {}
  void Record(const RequestReport& report) {
    std::lock_guard lock(mutex_);
    const std::string route(report.route);
    prometheus::Counter*& counter = counters_[{route, report.status}];
    if (counter == nullptr) {
      counter = &metrics_.Counter("compagnon_edge_requests_total", "HTTP requests answered.",
                                  {{"route", route}, {"status", std::to_string(report.status)}});
    }
    prometheus::Histogram*& seconds = seconds_[route];
    if (seconds == nullptr) {
      seconds =
          &metrics_.Seconds("compagnon_edge_request_seconds", "From the request to its answer.", {{"route", route}});
    }
    counter->Increment();
    seconds->Observe(absl::ToDoubleSeconds(report.took));
  }

 private:
  Metrics& metrics_;
  std::mutex mutex_;
  std::map<std::pair<std::string, int>, prometheus::Counter*> counters_;
  std::map<std::string, prometheus::Histogram*> seconds_;
};

class EdgeModule : public Module {
 public:
  explicit EdgeModule(const Parts& parts) : parts_(parts) {}

  std::string name() const override { return "edge"; }

  absl::Status Prepare() override {
    const Config::Edge& config = parts_.config->edge;
    if (parts_.person_key == nullptr) return absl::FailedPreconditionError("the edge has no key to sign persons with");
    RETURN_IF_ERROR(SplitListen(config.listen, &server_options_.host, &server_options_.port));
    ASSIGN_OR_RETURN(app_options_.address, PublicAddress::Parse(config.public_url));
    ASSIGN_OR_RETURN(server_options_.trusted_proxies, TrustedProxies::Parse(config.trusted_proxies));
    ASSIGN_OR_RETURN(Pages pages, Pages::Load(config.session_idle_minutes));
    pages_ = std::make_unique<Pages>(std::move(pages));
    app_options_.test_environment = parts_.config->environment != "production";
    app_options_.session_idle_minutes = config.session_idle_minutes;
    app_options_.session_hours = config.session_hours;
    app_options_.ready = [this] { return Ready(); };
    server_options_.workers = config.workers;
    server_options_.policy.https = app_options_.address.scheme == "https";
    // Nothing here is for search engines, in any environment.
    server_options_.policy.indexed = false;
    server_options_.clock = parts_.clock;
    if (parts_.metrics != nullptr) {
      metrics_ = std::make_unique<RequestMetrics>(*parts_.metrics);
      server_options_.on_request = [this](const RequestReport& report) { metrics_->Record(report); };
    }
    return absl::OkStatus();
  }

  std::vector<grpc::Service*> Services() override { return {}; }

  absl::Status Start() override {
    backend_ = NewGrpcBackend({.channel = parts_.channel,
                               .token =
                                   [this](const std::string& audience, const rpc::Caller& person) {
                                     return rpc::SignPerson(*parts_.person_key, audience, person, parts_.clock->Now());
                                   },
                               .call_deadline = absl::Milliseconds(parts_.config->rpc.deadline_ms)});
    app_ = std::make_unique<App>(app_options_, *pages_, *backend_, *parts_.keys, *parts_.clock);
    server_ = NewCpprestServer(server_options_, [this](Request& request) { return app_->Handle(request); });
    RETURN_IF_ERROR(server_->Start());
    Log(LogLevel::kInfo, "listening", {{"address", parts_.config->edge.listen}});
    return absl::OkStatus();
  }

  absl::Status Ready() override {
    std::lock_guard lock(ready_mutex_);
    const absl::Time now = parts_.clock->Now();
    if (now - ready_at_ > kReadyKept) {
      ready_ = parts_.keys->Ping();
      ready_at_ = now;
    }
    return ready_;
  }

  void Drain(absl::Duration deadline) override {
    if (server_) server_->Stop(deadline);
  }

 private:
  const Parts parts_;
  App::Options app_options_;
  HttpServer::Options server_options_;
  std::unique_ptr<RequestMetrics> metrics_;
  std::unique_ptr<Pages> pages_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<App> app_;
  std::unique_ptr<HttpServer> server_;  // last: it stops before what its handler uses goes
  std::mutex ready_mutex_;
  absl::Time ready_at_ = absl::InfinitePast();
  absl::Status ready_;
};

}  // namespace

std::unique_ptr<Module> MakeModule(const Parts& parts) { return std::make_unique<EdgeModule>(parts); }

}  // namespace compagnon::edge
