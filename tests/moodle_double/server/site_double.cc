#include "moodle_double/server/site_double.h"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstring>

#include "moodle_double/server/core_answers.h"
#include "moodle_double/simulation/concat.h"
#include "moodle_double/simulation/json_text.h"
#include "platform/base/ids.h"

namespace compagnon::moodle_double {
namespace {

constexpr int64_t kMillisecond = 1'000;

SiteParameters EndingBefore(SiteParameters site, int64_t backlog) {
  // The backlog is made in the moments just before now, one row or so a millisecond; the history ends before it.
  site.now -= backlog / 1'000;
  return site;
}

}  // namespace

SiteDouble::SiteDouble(SiteDoubleOptions options, const Recordings* recordings, int64_t now_us)
    : options_(std::move(options)), recordings_(recordings), outbox_(SeedFor(options_.site.seed, options_.site.code)) {
  site_id_ = HexEncode(Sha256(Concat("site ", options_.site.seed, options_.site.code))).substr(0, 32);
  fingerprint_ = HexEncode(Sha256(Concat("fingerprint ", options_.site.seed, options_.site.code)));
  if (!options_.journal_path.empty() && Replay()) return;
  if (!options_.journal_path.empty()) {
    journal_ = std::fopen(options_.journal_path.c_str(), "wb");
    Note(Concat("start ", options_.site.now, " ", options_.site.learners, " ", options_.site.weeks, " ",
                options_.site.seed, " ", options_.backlog));
  }
  simulation_ = std::make_unique<SiteSimulation>(EndingBefore(options_.site, options_.backlog), &outbox_);
  simulation_->AdvanceTo(simulation_->parameters().now * 1'000'000);
  const int64_t wanted = outbox_.rows() + options_.backlog;
  for (int64_t at = simulation_->parameters().now * 1'000'000; outbox_.rows() < wanted;) {
    at = std::min(at + kMillisecond, now_us);
    if (!simulation_->ActNow(at)) break;
  }
}

SiteDouble::~SiteDouble() {
  if (journal_ != nullptr) std::fclose(journal_);
}

void SiteDouble::Note(const std::string& line) {
  if (journal_ == nullptr || replaying_) return;
  std::fwrite(line.data(), 1, line.size(), journal_);
  std::fputc('\n', journal_);
  std::fflush(journal_);
}

// The simulation is deterministic: the same calls in the same order give the same rows, so the calls are all that is
// kept.
bool SiteDouble::Replay() {
  std::FILE* in = std::fopen(options_.journal_path.c_str(), "rb");
  if (in == nullptr) return false;
  replaying_ = true;
  std::array<char, 4'096> line;
  while (std::fgets(line.data(), line.size(), in) != nullptr) {
    if (std::strchr(line.data(), '\n') == nullptr) break;  // a line cut off by a kill was not done
    std::array<char, 256> text{};
    int64_t us = 0, a = 0, b = 0, c = 0, d = 0;
    if (std::sscanf(line.data(), "start %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64, &us, &a, &b, &c,
                    &d) == 5) {
      SiteParameters site = options_.site;
      site.now = us;
      site.learners = static_cast<int>(a);
      site.weeks = static_cast<int>(b);
      site.seed = static_cast<uint64_t>(c);
      simulation_ = std::make_unique<SiteSimulation>(EndingBefore(site, d), &outbox_);
      simulation_->AdvanceTo(simulation_->parameters().now * 1'000'000);
      const int64_t wanted = outbox_.rows() + d;
      for (int64_t at = simulation_->parameters().now * 1'000'000; outbox_.rows() < wanted;) {
        at = std::min(at + kMillisecond, us * 1'000'000);
        if (!simulation_->ActNow(at)) break;
      }
      resumed_us_ = us * 1'000'000;
    } else if (simulation_ == nullptr) {
      break;
    } else if (std::sscanf(line.data(), "tick %" SCNd64 " %" SCNd64, &us, &a) == 2) {
      Tick(us, a);
      resumed_us_ = us;
    } else if (std::sscanf(line.data(), "call %" SCNd64 " %200s", &us, text.data()) == 2) {
      simulation_->mutable_world()->CallWebservice(text.data(), Moment{us, World::kServiceAccount, Origin::kMobile, 0});
    } else if (std::sscanf(line.data(), "own %" SCNd64, &us) == 1) {
      outbox_.CountOwnCall(us);
    } else if (std::sscanf(line.data(), "ack %" SCNd64 " %200s", &a, text.data()) == 2) {
      (void)outbox_.Pull(text.data(), outbox_.epoch(), outbox_.oldest() - 1, 1, 1, 0);
      while (outbox_.latest() < a && outbox_.unnumbered() > 0)
        (void)outbox_.Pull(text.data(), outbox_.epoch(), outbox_.oldest() - 1, 1, 1, 0);
      (void)outbox_.Ack(text.data(), outbox_.epoch(), a);
    } else if (std::sscanf(line.data(), "do %" SCNd64 " %200s", &us, text.data()) == 2) {
      const std::string given(text.data());
      const size_t query = given.find('?');
      (void)Control(given.substr(0, query), Form::Parse(query == std::string::npos ? "" : given.substr(query + 1)), us);
    }
  }
  std::fclose(in);
  replaying_ = false;
  if (simulation_ == nullptr) return false;
  // Numbers given before the restart must still be there: they follow the order of rows.
  while (outbox_.unnumbered() > 0) (void)outbox_.Pull("restart", outbox_.epoch(), outbox_.oldest() - 1, 1, 1, 0);
  outbox_.Forget("restart");
  journal_ = std::fopen(options_.journal_path.c_str(), "ab");
  return true;
}

void SiteDouble::Tick(int64_t now_us, int64_t rows) {
  std::unique_lock lock(mutex_, std::defer_lock);
  if (!replaying_) lock.lock();
  if (paused_) return;
  const int64_t before = outbox_.rows();
  simulation_->AdvanceTo(now_us);
  const int64_t planned = outbox_.rows() - before;
  while (outbox_.rows() - before - planned < rows && simulation_->ActNow(now_us)) {
  }
  if (outbox_.rows() != before) Note(Concat("tick ", now_us, " ", rows));
}

int64_t SiteDouble::AddRows(int64_t rows, int64_t now_us) {
  std::lock_guard lock(mutex_);
  const int64_t before = outbox_.rows();
  simulation_->AdvanceTo(now_us);
  const int64_t planned = outbox_.rows() - before;
  while (outbox_.rows() - before - planned < rows && simulation_->ActNow(now_us)) {
  }
  Note(Concat("tick ", now_us, " ", rows));
  return outbox_.rows() - before;
}

HttpReply SiteDouble::Recorded(std::string_view name) const {
  const HttpReply* found = recordings_->Find(name);
  if (found != nullptr) return *found;
  HttpReply reply;
  reply.status = 500;
  reply.body = Concat("no recording ", name);
  return reply;
}

HttpReply SiteDouble::Call(const Form& form, int64_t now_us) {
  std::lock_guard lock(mutex_);
  const std::string function = form.Text("wsfunction");
  ++calls_[function];
  for (const auto& [from, to] : offline_) {
    if (now_us < from || now_us >= to) continue;
    HttpReply gone;
    gone.delivery = HttpReply::Delivery::kClose;
    return gone;
  }
  const Fault fault = faults_.Take(function, false);
  // What replaces the whole answer happens before Moodle does anything.
  if (recordings_->Find(fault.name) != nullptr) return Recorded(fault.name);
  static constexpr std::string_view kBefore[] = {"unavailable", "throttled",   "html",    "exception",
                                                 "empty",       "wrong-shape", "endless", "closed"};
  if (std::find(std::begin(kBefore), std::end(kBefore), fault.name) != std::end(kBefore))
    return Spoiled(fault, HttpReply(), *recordings_);
  HttpReply reply = Answer(function, form, now_us);
  return fault.name.empty() ? reply : Spoiled(fault, std::move(reply), *recordings_);
}

HttpReply SiteDouble::Answer(const std::string& function, const Form& form, int64_t now_us) {
  if (!form.Has("wstoken")) return Recorded("error-missing-token");
  if (token_revoked_) return Recorded(token_state_);
  if (form.Text("wstoken") != options_.token) return Recorded("error-bad-token");
  if (function.empty()) return Recorded("error-missing-function");
  if (form.Text("moodlewsrestformat") != "json") return Recorded("error-xml-default-format");
  if (!DeclaresAll(function, form)) return Recorded("error-unexpected-key");
  if (function.starts_with("local_compagnon_")) {
    // Counted, and no row: outside the promise.
    outbox_.CountOwnCall(now_us);
    Note(Concat("own ", now_us));
    return AnswerBridge(std::string_view(function).substr(std::strlen("local_compagnon_")), form, now_us);
  }
  const auto answer = AnswerCore(function, CoreCall{simulation_->world(), form, *recordings_, options_.url});
  const HttpReply* recorded = recordings_->Find(function);
  if (!answer && recorded == nullptr) return Recorded("error-unknown-function");
  // Each call writes one row of its own in Moodle's log; a paused site stands still, so that several readers see the
  // same.
  if (!paused_) {
    simulation_->mutable_world()->CallWebservice(function, Moment{now_us, World::kServiceAccount, Origin::kMobile, 0});
    Note(Concat("call ", now_us, " ", function));
  }
  if (!answer) return *recorded;
  if (!answer->error.empty()) return Recorded(answer->error);
  HttpReply reply;
  reply.body = answer->body;
  return reply;
}

}  // namespace compagnon::moodle_double
