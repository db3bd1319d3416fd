#include "moodle_double/server/moodle_double.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <limits>

#include "moodle_double/simulation/concat.h"
#include "moodle_double/simulation/json_text.h"
#include "platform/base/log.h"

#ifndef MOODLE_DOUBLE_RECORDINGS
#error "the build names the folder of recordings"
#endif

namespace compagnon::moodle_double {
namespace {

HttpReply Plain(int status, std::string body) {
  HttpReply reply;
  reply.status = status;
  reply.body = std::move(body);
  return reply;
}

HttpReply Refused(const absl::Status& status) {
  std::string body;
  JsonObject(&body)
      .Raw("ok", "false")
      .Text("error", std::string_view(status.message().data(), status.message().size()))
      .Close();
  return Plain(absl::IsNotFound(status) ? 404 : 400, std::move(body));
}

}  // namespace

MoodleDouble::MoodleDouble(const DoubleOptions& options, const Clock& clock, Recordings recordings)
    : options_(options), clock_(clock), recordings_(std::move(recordings)) {}

absl::StatusOr<std::unique_ptr<MoodleDouble>> MoodleDouble::Start(const DoubleOptions& options, const Clock& clock) {
  if (options.sites.empty() || options.learners < 1 || options.weeks < 1 || options.speed < 1) {
    return absl::InvalidArgumentError("sites, learners, weeks and speed are at least one");
  }
  auto recordings =
      Recordings::Load(options.recordings_dir.empty() ? MOODLE_DOUBLE_RECORDINGS : options.recordings_dir);
  if (!recordings.ok()) return recordings.status();
  if (!options.state_dir.empty()) {
    std::error_code error;
    std::filesystem::create_directories(options.state_dir, error);
    if (error) return absl::UnavailableError(Concat("state folder: ", error.message()));
  }
  // With a state folder the port stays the same too: callers have registered the address.
  const std::string port_file = options.state_dir.empty() ? "" : options.state_dir + "/port";
  int port = options.port;
  if (port == 0 && !port_file.empty()) std::ifstream(port_file) >> port;
  auto self = std::unique_ptr<MoodleDouble>(new MoodleDouble(options, clock, std::move(*recordings)));
  auto handler = [me = self.get()](const HttpRequest& request) { return me->Handle(request); };
  auto server = HttpServer::Start(options.address, port, handler);
  if (!server.ok() && options.port == 0) server = HttpServer::Start(options.address, 0, handler);
  if (!server.ok()) return server.status();
  self->server_ = std::move(*server);
  if (!port_file.empty()) std::ofstream(port_file) << self->server_->port() << "\n";
  self->server_->Refuse();  // the port is ours; answers begin when the sites are there
  self->real_start_us_ = absl::ToUnixMicros(clock.Now());
  self->simulated_start_us_ = options.now == 0 ? self->real_start_us_ : options.now * 1'000'000;
  int64_t resumed_us = 0;
  for (const DoubleOptions::Site& site : options.sites) {
    SiteDoubleOptions given;
    given.site.code = site.code;
    given.site.title = site.title;
    given.site.country = site.country;
    given.site.zone = site.zone;
    given.site.learners = options.learners;
    given.site.weeks = options.weeks;
    given.site.seed = options.seed;
    given.site.suspensions = options.suspensions;
    given.site.now = self->simulated_start_us_ / 1'000'000;
    given.token = Concat("double-token-", site.code);
    given.url = Concat("http://", options.address, ":", self->server_->port(), "/", site.code);
    given.backlog = options.backlog;
    if (!options.state_dir.empty()) given.journal_path = Concat(options.state_dir, "/", site.code, ".journal");
    self->sites_.push_back(
        std::make_unique<SiteDouble>(std::move(given), &self->recordings_, self->simulated_start_us_));
    resumed_us = std::max(resumed_us, self->sites_.back()->resumed_us());
  }
  self->simulated_start_us_ = std::max(self->simulated_start_us_, resumed_us);
  for (const DoubleOptions::Offline& span : options.offline) {
    SiteDouble* site = self->site(span.code);
    if (site == nullptr) return absl::InvalidArgumentError(Concat("no site ", span.code));
    (void)site->Control("offline", Form::Parse(Concat("after=", span.after_s, "&seconds=", span.for_s)),
                        self->simulated_start_us_);
  }
  self->live_per_1000_s_ = options.live_per_1000_s;
  self->real_start_us_ = absl::ToUnixMicros(clock.Now());
  self->ready_ = true;
  if (absl::Status status = self->server_->Listen(); !status.ok()) return status;
  self->live_ = std::thread([me = self.get()] { me->Live(); });
  return self;
}

MoodleDouble::~MoodleDouble() {
  stopping_ = true;
  if (live_.joinable()) live_.join();
  server_.reset();
}

int64_t MoodleDouble::NowUs() const {
  return simulated_start_us_ + (absl::ToUnixMicros(clock_.Now()) - real_start_us_) * options_.speed;
}

void MoodleDouble::Live() {
  constexpr int64_t kStepMs = 50;
  int64_t last_us = absl::ToUnixMicros(clock_.Now());
  int64_t owed = 0;  // rows, in millionths of a thousandth
  size_t turn = 0;
  while (!stopping_) {
    std::this_thread::sleep_for(std::chrono::milliseconds(kStepMs));
    const int64_t real_us = absl::ToUnixMicros(clock_.Now());
    const int64_t again = listen_again_us_;
    if (refuse_.exchange(false)) {
      server_->Refuse();
    } else if (again != 0 && real_us >= again) {
      listen_again_us_ = 0;
      if (absl::Status status = server_->Listen(); !status.ok())
        Log(LogLevel::kError, "the double cannot listen again");
    }
    owed += std::min<int64_t>(real_us - last_us, 1'000'000) * live_per_1000_s_;
    last_us = real_us;
    constexpr int64_t kOneRow = 1'000'000'000;  // microseconds times rows in 1,000 seconds
    const int64_t rows = owed / kOneRow;
    owed -= rows * kOneRow;
    const int64_t now_us = NowUs();
    // Rows go round the sites, so that a low rate reaches each of them.
    const int64_t share = rows / static_cast<int64_t>(sites_.size()), rest = rows % static_cast<int64_t>(sites_.size());
    for (size_t i = 0; i < sites_.size(); ++i) {
      const bool extra = (i + sites_.size() - turn) % sites_.size() < static_cast<size_t>(rest);
      sites_[i]->Tick(now_us, share + (extra ? 1 : 0));
    }
    turn = (turn + static_cast<size_t>(rest)) % sites_.size();
  }
}

std::string MoodleDouble::Url(std::string_view code) const {
  return Concat("http://", options_.address, ":", port(), "/", code);
}
std::string MoodleDouble::Token(std::string_view code) const {
  return site(code) == nullptr ? "" : site(code)->token();
}

std::string MoodleDouble::File(std::string_view code, std::string_view name) const {
  SiteDouble* asked = site(code);
  return asked == nullptr ? "" : asked->File(name);
}

SiteDouble* MoodleDouble::site(std::string_view code) const {
  for (const auto& site : sites_) {
    if (site->code() == code) return site.get();
  }
  return nullptr;
}

HttpReply MoodleDouble::Control(std::string_view action, std::string_view query) {
  const Form form = Form::Parse(query);
  const int64_t now_us = NowUs();
  if (action == "rate") {
    const int64_t rate = form.Int("per_1000_s", form.Int("per_second", 0) * 1'000);
    if (rate < 0) return Refused(absl::InvalidArgumentError("rate"));
    live_per_1000_s_ = rate;
    return Plain(200, R"({"ok":true})");
  }
  if (action == "refuse") {
    // The whole port: connections are refused for so many real seconds. The caller's own connection ends with them.
    listen_again_us_ = absl::ToUnixMicros(clock_.Now()) + form.Int("seconds", 1) * 1'000'000;
    refuse_ = true;
    return Plain(200, R"({"ok":true})");
  }
  if (action == "errors") {
    std::string out = "[";
    for (const std::string& name : recordings_.Names("error-"))
      out += Concat(out.size() > 1 ? "," : "", "\"", name, "\"");
    return Plain(200, out + "]");
  }
  if (action == "state" || action.empty()) {
    std::string out = Concat("{\"now_us\":", now_us, ",\"live_per_1000_s\":", live_per_1000_s_.load(), ",\"sites\":[");
    for (size_t i = 0; i < sites_.size(); ++i) out += Concat(i == 0 ? "" : ",", sites_[i]->Describe(now_us));
    return Plain(200, out + "]}");
  }
  const std::string code = form.Text("site");
  if (action == "file") {
    HttpReply reply = Plain(200, File(code.empty() ? sites_.front()->code() : code, form.Text("name")));
    reply.type = "text/plain; charset=utf-8";
    return reply.body.empty() ? Refused(absl::NotFoundError("no such file")) : reply;
  }
  std::string answer;
  for (const auto& site : sites_) {
    if (!code.empty() && site->code() != code) continue;
    const auto done = site->Control(action, form, now_us);
    if (!done.ok()) return Refused(done.status());
    answer = *done;
  }
  if (answer.empty()) return Refused(absl::NotFoundError(Concat("no site ", code)));
  return Plain(200, answer);
}

HttpReply MoodleDouble::Handle(const HttpRequest& request) {
  if (!ready_) return Plain(503, "");
  std::string_view path = request.target;
  std::string_view query;
  if (const size_t at = path.find('?'); at != std::string_view::npos) {
    query = path.substr(at + 1);
    path = path.substr(0, at);
  }
  if (options_.control && (path == "/control" || path.starts_with("/control/"))) {
    std::string given(query);
    if (!request.body.empty()) given += (given.empty() ? "" : "&") + request.body;
    return Control(path == "/control" ? "" : path.substr(9), given);
  }
  SiteDouble* asked = sites_.front().get();
  for (const auto& site : sites_) {
    const std::string prefix = Concat("/", site->code(), "/");
    if (!path.starts_with(prefix)) continue;
    asked = site.get();
    path.remove_prefix(prefix.size() - 1);
  }
  if (path != "/webservice/rest/server.php") {
    HttpReply missing = Plain(404, "<!DOCTYPE html>\n<html><body><h1>Not Found</h1></body></html>");
    missing.type = "text/html; charset=utf-8";
    return missing;
  }
  return asked->Call(Form::Parse(request.method == "GET" ? query : std::string_view(request.body)), NowUs());
}

}  // namespace compagnon::moodle_double
