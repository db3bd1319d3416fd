#include "compagnon/serve.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <malloc.h>
#include <prometheus/gauge.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "compagnon/modules.h"
#include "compagnon/parts.h"
#include "compagnon/text.h"
#include "platform/base/log.h"

namespace compagnon {
namespace {

constexpr absl::Duration kReadinessInterval = absl::Seconds(1);
constexpr absl::Duration kCertificateInterval = absl::Minutes(1);

LogLevel LevelOf(const std::string& name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  return LogLevel::kInfo;
}

// Libraries' own lines become lines of the log. Their texts speak of sockets and formats.
void LogLibraries() {
  gpr_set_log_function([](gpr_log_func_args* args) {
    Log(args->severity == GPR_LOG_SEVERITY_ERROR ? LogLevel::kWarning : LogLevel::kDebug, "grpc",
        {{"text", args->message}});
  });
  google::protobuf::SetLogHandler([](google::protobuf::LogLevel level, const char*, int, const std::string& text) {
    Log(level >= google::protobuf::LOGLEVEL_ERROR ? LogLevel::kWarning : LogLevel::kDebug, "protobuf",
        {{"text", text}});
  });
}

// The signals that end the process, taken by the main thread alone.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    signal(SIGPIPE, SIG_IGN);
  }
  // Waits for one; false when `timeout` passed without.
  bool Wait(absl::Duration timeout) {
    if (stopped_) return true;
    const timespec limit = absl::ToTimespec(timeout);
    int got = 0;
    do {
      got = sigtimedwait(&set_, nullptr, &limit);
    } while (got < 0 && errno == EINTR);
    stopped_ = got > 0;
    return stopped_;
  }
  // From here on another one kills, as if nobody had asked for patience.
  void Release() { pthread_sigmask(SIG_UNBLOCK, &set_, nullptr); }

 private:
  sigset_t set_;
  bool stopped_ = false;
};

bool MayComeUp(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) || absl::IsAborted(status);
}

// Calls `f` until it is OK or waiting cannot help; Cancelled when a signal came first.
absl::Status KeepTrying(StopSignals& signals, std::string_view what, const std::function<absl::Status()>& f) {
  absl::Duration pause = absl::Milliseconds(100);
  for (;;) {
    const absl::Status status = f();
    if (status.ok()) return status;
    if (!MayComeUp(status)) {
      return WithReason(absl::Status(status.code(),
                                     absl::StrCat(absl::string_view(what.data(), what.size()), ": ", status.message())),
                        ReasonOf(status));
    }
    Log(LogLevel::kWarning, "not up yet",
        {{"what", what}, {"error", std::string_view(status.message().data(), status.message().size())}});
    if (signals.Wait(pause)) return absl::CancelledError("stopped while waiting");
    pause = std::min(pause * 2, absl::Seconds(5));
  }
}

class Process {
 public:
  Process(const Config& config, std::vector<std::string> here, std::ostream& out)
      : config_(config), here_(std::move(here)), out_(out), start_(absl::Now()) {}

  absl::Status Run() {
    absl::Status status = Up();
    if (status.ok()) Watch();
    if (absl::IsCancelled(status)) status = absl::OkStatus();
    Down();
    return status;
  }

 private:
  struct Running {
    std::unique_ptr<Module> module;
    prometheus::Gauge* ready_gauge = nullptr;
    bool prepared = false;
    bool ready = false;
  };

  absl::Status Up() {
    RETURN_IF_ERROR(MakeDataDir(config_));
    if (!config_.metrics.listen.empty()) {
      const absl::Status exposed = metrics_.Expose(config_.metrics.listen);
      if (!exposed.ok())
        Log(LogLevel::kError, "no metrics",
            {{"error", std::string_view(exposed.message().data(), exposed.message().size())}});
    }
    rpc::ServerOptions options;
    // All modules in one process call each other in the process: nothing listens for them.
    const bool alone = here_.size() == config_.modules.size() && config_.rpc.addresses.empty();
    options.listen = alone ? "" : config_.rpc.listen;
    options.health_listen = config_.rpc.health_listen;
    options.tls = TlsOf(config_);
    options.max_message_bytes = config_.rpc.max_message_bytes;
    options.max_threads = config_.rpc.max_threads;
    ASSIGN_OR_RETURN(server_, rpc::Server::Open(options));

    RETURN_IF_ERROR(KeepTrying(signals_, "bus", [&]() -> absl::Status {
      ASSIGN_OR_RETURN(bus_, OpenBus(config_));
      return bus_->Declare(TopologyOf(config_.modules));
    }));
    RETURN_IF_ERROR(KeepTrying(signals_, "keys", [&]() -> absl::Status {
      ASSIGN_OR_RETURN(keys_, OpenKeys(config_, SystemClock()));
      return absl::OkStatus();
    }));
    ASSIGN_OR_RETURN(parts_, ProcessParts::Make(config_, here_, SystemClock(), metrics_, *bus_, *keys_));

    std::vector<grpc::Service*> services;
    for (const ModuleEntry& entry : AllModules()) {
      const std::string name(entry.name);
      if (std::find(here_.begin(), here_.end(), name) == here_.end()) continue;
      const ScopedLogModule scope(name);
      Running& running = running_.emplace_back();
      running.module = entry.make(parts_->For(name));
      running.ready_gauge =
          &metrics_.Gauge("compagnon_ready", "1 while the module can do its work.", {{"module", name}});
      server_->SetServing(name, false);
      RETURN_IF_ERROR(KeepTrying(signals_, name, [&] { return running.module->Prepare(); }));
      running.prepared = true;
      for (grpc::Service* service : running.module->Services()) services.push_back(service);
    }
    RETURN_IF_ERROR(server_->Serve(services));
    parts_->SetServer(server_.get());
    for (Running& running : running_) {
      const ScopedLogModule scope(running.module->name());
      RETURN_IF_ERROR(running.module->Start());
    }
    return absl::OkStatus();
  }

  // Asks every module how it is, until a signal comes.
  void Watch() {
    bool said = false;
    for (;;) {
      const bool all = CheckReadiness();
      CheckCertificate();
      if (all && !said) {
        said = true;
        // What start-up needed and idleness does not goes back to the system.
        malloc_trim(0);
        out_ << absl::StrFormat("ready in %.3f s: %s%s\n", absl::ToDoubleSeconds(absl::Now() - start_),
                                absl::StrJoin(here_, ", "),
                                server_->port() == 0 ? "" : absl::StrCat(" (gRPC ", server_->port(), ")"))
             << std::flush;
      }
      if (signals_.Wait(said ? kReadinessInterval : absl::Milliseconds(20))) return;
    }
  }

  bool CheckReadiness() {
    bool all = true;
    for (Running& running : running_) {
      const absl::Status status = running.module->Ready();
      const std::string name = running.module->name();
      if (status.ok() != running.ready) {
        Log(status.ok() ? LogLevel::kInfo : LogLevel::kWarning, status.ok() ? "ready" : "not ready",
            {{"of", name}, {"why", std::string_view(status.message().data(), status.message().size())}});
      }
      running.ready = status.ok();
      running.ready_gauge->Set(status.ok() ? 1 : 0);
      server_->SetServing(name, status.ok());
      all = all && status.ok();
    }
    server_->SetServing("ready", all);
    server_->SetServing("", all);
    return all;
  }

  // Says when this process's certificate ends; one that cannot be read or has ended says 0.
  void CheckCertificate() {
    const absl::Time now = absl::Now();
    const rpc::TlsFiles files = TlsOf(config_);
    if (!files.given() || now < next_certificate_check_) return;
    next_certificate_check_ = now + kCertificateInterval;
    const auto end = rpc::CheckTlsFiles(files, now);
    if (!end.ok())
      Log(LogLevel::kError, "certificate",
          {{"error", std::string_view(end.status().message().data(), end.status().message().size())}});
    metrics_
        .Gauge("compagnon_certificate_end_seconds",
               "Unix time at which this process's certificate ends; 0 = it is no good.")
        .Set(end.ok() ? static_cast<double>(absl::ToUnixSeconds(*end)) : 0);
  }

  void Down() {
    signals_.Release();
    if (server_ == nullptr) return;
    const absl::Duration patience = absl::Milliseconds(config_.rpc.drain_ms);
    Log(LogLevel::kInfo, "draining");
    server_->Announce();
    for (auto running = running_.rbegin(); running != running_.rend(); ++running) {
      const ScopedLogModule scope(running->module->name());
      if (running->prepared) running->module->Drain(patience);
    }
    server_->Drain(absl::Milliseconds(config_.rpc.lame_duck_ms), patience);
    server_.reset();
    running_.clear();
    Log(LogLevel::kInfo, "stopped");
  }

  const Config& config_;
  const std::vector<std::string> here_;
  std::ostream& out_;
  const absl::Time start_;
  absl::Time next_certificate_check_ = absl::InfinitePast();
  StopSignals signals_;
  // In the order of need: what stands first outlives what stands below. The server goes before the modules whose
  // services it holds.
  Metrics metrics_;
  std::unique_ptr<bus::Bus> bus_;
  std::unique_ptr<keys::Keys> keys_;
  std::unique_ptr<ProcessParts> parts_;
  std::vector<Running> running_;
  std::unique_ptr<rpc::Server> server_;
};

}  // namespace

absl::Status Serve(const Config& config, std::vector<std::string> here, std::string_view locale, std::ostream& out) {
  RETURN_IF_ERROR(CheckModules(config, here, locale));
  if (here.empty()) here = config.modules;
  SetLogLevel(LevelOf(config.log_level));
  LogLibraries();
  // An arena per thread would keep megabytes that a few dozen mostly idle threads never use.
  mallopt(M_ARENA_MAX, 4);
  return Process(config, std::move(here), out).Run();
}

}  // namespace compagnon
