#include "moodle_double/server/faults.h"

#include <algorithm>

#include "moodle_double/simulation/concat.h"
#include "moodle_double/simulation/json_text.h"

namespace compagnon::moodle_double {
namespace {

bool Knows(const std::vector<std::string_view>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::string> Lines(std::string_view escaped) {
  std::vector<std::string> lines;
  while (!escaped.empty()) {
    const size_t end = std::min(escaped.find("}\\n{\\\"seq"), escaped.size() - 3) + 3;
    lines.emplace_back(escaped.substr(0, end));
    escaped.remove_prefix(end);
  }
  return lines;
}

}  // namespace

const std::vector<std::string_view>& PageFaults() {
  static const std::vector<std::string_view> kNames = {"bad-row",       "bad-utf8",     "no-seq",   "missing-seq",
                                                       "duplicate-seq", "out-of-order", "bad-hash", "cut-row"};
  return kNames;
}

const std::vector<std::string_view>& TransportFaults() {
  static const std::vector<std::string_view> kNames = {"unavailable", "throttled", "html",        "exception",
                                                       "empty",       "bad-json",  "wrong-shape", "endless",
                                                       "cut",         "slow",      "closed",      "late"};
  return kNames;
}

absl::Status FaultQueue::Add(Fault fault, const Recordings& recordings) {
  const bool known =
      Knows(PageFaults(), fault.name) || Knows(TransportFaults(), fault.name) || recordings.Find(fault.name) != nullptr;
  if (!known) return absl::InvalidArgumentError(Concat("no such fault: ", fault.name));
  faults_.push_back(std::move(fault));
  return absl::OkStatus();
}

void FaultQueue::Clear() { faults_.clear(); }

Fault FaultQueue::Take(std::string_view function, bool page) {
  for (auto it = faults_.begin(); it != faults_.end(); ++it) {
    if (Knows(PageFaults(), it->name) != page) continue;
    const std::string_view pattern = it->function;
    const bool fits =
        pattern.ends_with('*') ? function.starts_with(pattern.substr(0, pattern.size() - 1)) : function == pattern;
    if (!fits) continue;
    Fault taken = *it;
    if (it->times > 0 && --it->times == 0) faults_.erase(it);
    return taken;
  }
  return {};
}

HttpReply Spoiled(const Fault& fault, HttpReply whole, const Recordings& recordings) {
  using Delivery = HttpReply::Delivery;
  HttpReply reply;
  if (fault.name == "unavailable" || fault.name == "throttled") {
    reply.status = fault.name == "throttled" ? 429 : 503;
    reply.type = "text/html; charset=utf-8";
    reply.headers.emplace_back("Retry-After", std::to_string(fault.amount > 0 ? fault.amount : 1));
    reply.body = "<html><body><h1>Service Unavailable</h1></body></html>";
  } else if (fault.name == "html") {
    reply.type = "text/html; charset=utf-8";
    reply.body =
        "<!DOCTYPE html>\n<html><head><title>Redirection</title></head><body>Veuillez vous connecter.</body></html>";
  } else if (fault.name == "exception") {
    JsonObject(&reply.body)
        .Text("exception", "core\\exception\\moodle_exception")
        .Text("errorcode", fault.text.empty() ? "unknownerror" : std::string_view(fault.text))
        .Text("message", "Provoked by the test")
        .Close();
  } else if (fault.name == "empty") {
    reply.body.clear();
  } else if (fault.name == "bad-json") {
    reply = std::move(whole);
    reply.body.resize(reply.body.size() * 2 / 3);
  } else if (fault.name == "wrong-shape") {
    reply.body = R"([{"unexpected":true}])";
  } else if (fault.name == "endless") {
    reply.delivery = Delivery::kEndless;
    reply.body = std::string(65'536, ' ');
    reply.amount = fault.amount;
  } else if (fault.name == "cut") {
    reply = std::move(whole);
    reply.delivery = Delivery::kCut;
    reply.amount = fault.amount > 0 ? fault.amount : static_cast<int64_t>(reply.body.size() / 2);
  } else if (fault.name == "slow") {
    reply = std::move(whole);
    reply.delivery = Delivery::kSlow;
    reply.amount = fault.amount > 0 ? fault.amount : 2'000;
  } else if (fault.name == "late") {
    reply = std::move(whole);
    reply.wait_ms = fault.amount > 0 ? fault.amount : 2'000;
  } else if (fault.name == "closed") {
    reply.delivery = Delivery::kClose;
  } else {
    reply = *recordings.Find(fault.name);
  }
  return reply;
}

std::string SpoiledPage(const Fault& fault, std::string escaped_events) {
  std::vector<std::string> lines = Lines(escaped_events);
  if (lines.empty()) return escaped_events;
  const size_t at = std::min(static_cast<size_t>(std::max<int64_t>(0, fault.amount)), lines.size() - 1);
  std::string& line = lines[at];
  if (fault.name == "bad-row") {
    line = "{\\\"seq\\\": this is no JSON\\n";
  } else if (fault.name == "cut-row") {
    line = line.substr(0, line.size() / 2) + "\\n";
  } else if (fault.name == "bad-utf8") {
    const size_t name = line.find("\\\"component\\\":\\\"");
    if (name != std::string::npos) line.insert(name + 17, "\xC3\x28\xFF");
  } else if (fault.name == "no-seq") {
    line = "{" + line.substr(line.find(',') + 1);
  } else if (fault.name == "missing-seq") {
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(at));
  } else if (fault.name == "duplicate-seq") {
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(at), std::string(line));
  } else if (fault.name == "out-of-order") {
    std::reverse(lines.begin(), lines.end());
  } else if (fault.name == "bad-hash") {
    const size_t hash = line.find("\\\"hash\\\":\\\"");
    if (hash != std::string::npos) line[hash + 12] = line[hash + 12] == '0' ? '1' : '0';
  }
  std::string out;
  for (const std::string& l : lines) out += l;
  return out;
}

}  // namespace compagnon::moodle_double
