#include "moodle_double/bridge/export.h"
#include "moodle_double/server/site_double.h"
#include "moodle_double/simulation/concat.h"
#include "moodle_double/simulation/json_text.h"

namespace compagnon::moodle_double {
namespace {

constexpr int64_t kMaxBytes = 4 << 20;
constexpr int64_t kCeilingBytes = int64_t{2} << 30;

HttpReply Exception(std::string_view cls, std::string_view code, std::string_view message) {
  HttpReply reply;
  JsonObject(&reply.body).Text("exception", cls).Text("errorcode", code).Text("message", message).Close();
  return reply;
}

HttpReply MoodleException(std::string_view code, std::string_view message) {
  return Exception("core\\exception\\moodle_exception", code, message);
}

std::string Days(const std::vector<DayCount>& days) {
  std::string out = "[";
  for (const DayCount& day : days) {
    if (out.size() > 1) out.push_back(',');
    JsonObject(&out).Text("day", day.day).Int("rows", day.rows).Close();
  }
  out.push_back(']');
  return out;
}

}  // namespace

std::string SiteDouble::Header() const {
  std::string out = "\"protocol\":1,\"site\":\"" + site_id_ + "\",\"epoch\":\"" + outbox_.epoch() +
                    "\",\"fingerprint\":\"" + fingerprint_ + "\"";
  return out;
}

HttpReply SiteDouble::AnswerBridge(std::string_view function, const Form& form, int64_t now_us) {
  if (function == "pull_events") return PullEvents(form, now_us);
  if (function == "ack") return AckEvents(form);
  if (function == "export") return ExportRows(form);
  if (function == "status") return Status(now_us);
  // Writing is off until somebody switches it on, in a service of its own.
  if (function == "apply") return Recorded("error-function-not-in-service");
  return Recorded("error-unknown-function");
}

HttpReply SiteDouble::PullEvents(const Form& form, int64_t now_us) {
  if (!form.Has("subscriber") || !form.Has("after")) return Recorded("error-missing-required-parameter");
  auto page = outbox_.Pull(form.Text("subscriber"), form.Text("epoch"), form.Int("after", 0), form.Int("limit", 5'000),
                           form.Int("maxbytes", kMaxBytes), now_us);
  if (absl::IsInvalidArgument(page.status())) return Recorded("error-invalid-parameter-type");
  if (!page.ok()) return MoodleException("cursorreset", "The cursor does not fit this site's events.");
  const Fault fault = page->rows == 0 ? Fault() : faults_.Take("local_compagnon_pull_events", true);
  if (!fault.name.empty()) page->escaped_events = SpoiledPage(fault, std::move(page->escaped_events));
  HttpReply reply;
  std::string& out = reply.body;
  out.reserve(page->escaped_events.size() + 1'024);
  out.push_back('{');
  out += Header();
  out += Concat(",\"first\":", page->first, ",\"latest\":", page->latest, ",\"oldest\":", page->oldest,
                ",\"unnumbered\":", page->unnumbered, ",\"faults\":", page->faults,
                ",\"counted\":", Days(page->counted), ",\"events\":\"");
  out += page->escaped_events;
  out += "\"}";
  return reply;
}

HttpReply SiteDouble::AckEvents(const Form& form) {
  if (!form.Has("subscriber") || !form.Has("upto")) return Recorded("error-missing-required-parameter");
  const std::string subscriber = form.Text("subscriber");
  const absl::Status status = outbox_.Ack(subscriber, form.Text("epoch"), form.Int("upto", -1));
  if (absl::IsNotFound(status)) return MoodleException("unknownsubscriber", "This subscriber has never pulled.");
  if (!status.ok()) return MoodleException("cursorreset", "The mark does not fit this site's events.");
  const int64_t upto = outbox_.subscribers().at(subscriber).upto;
  Note(Concat("ack ", upto, " ", subscriber));
  HttpReply reply;
  JsonObject(&reply.body).Text("epoch", outbox_.epoch()).Int("upto", upto).Int("lowest", outbox_.lowest_mark()).Close();
  return reply;
}

HttpReply SiteDouble::ExportRows(const Form& form) {
  const std::string kind = form.Text("kind");
  const int64_t after = form.Int("after_id", 0), limit = form.Int("limit", 1'000), course = form.Int("courseid", 0);
  if (kind.empty()) return Recorded("error-missing-required-parameter");
  if (after < 0 || limit < 1 || limit > 5'000 || course < 0) return Recorded("error-invalid-parameter-type");
  const int64_t as_of = outbox_.latest();  // read before the rows, as the protocol says
  const auto page = Export(simulation_->world(), kind, after, limit, form.Int("hashes", 0) == 1, course);
  if (!page.ok()) return MoodleException("invalidkind", "No such kind of object.");
  HttpReply reply;
  std::string& out = reply.body;
  out.reserve(page->rows.size() * 5 / 4 + 512);
  out.push_back('{');
  out += Header();
  out += Concat(",\"kind\":\"", kind, "\",\"as_of\":", as_of, ",\"next\":", page->next,
                ",\"done\":", page->done ? 1 : 0, ",\"total\":", page->total, ",\"rows\":\"");
  AppendEscaped(page->rows, &out);
  out += "\"}";
  return reply;
}

HttpReply SiteDouble::Status(int64_t now_us) {
  std::string subscribers = "[";
  for (const auto& [name, subscriber] : outbox_.subscribers()) {
    if (subscribers.size() > 1) subscribers.push_back(',');
    JsonObject(&subscribers)
        .Text("name", name)
        .Int("upto", subscriber.upto)
        .Int("lastpull", subscriber.last_pull_us)
        .Close();
  }
  subscribers.push_back(']');
  std::string sends = "[";
  for (const auto& [family, on] :
       {std::pair("views", true), {"states", true}, {"posts_text", false}, {"feedback_text", false}}) {
    if (sends.size() > 1) sends.push_back(',');
    JsonObject(&sends).Text("family", family).Int("on", on).Close();
  }
  sends.push_back(']');
  HttpReply reply;
  std::string& out = reply.body;
  out.push_back('{');
  out += Header();
  const auto own_calls = outbox_.left_out();
  const int64_t today = own_calls.empty() ? 0 : own_calls.back().rows;
  out += Concat(
      ",\"pluginversion\":2026052000,\"moodleversion\":2024100706,\"release\":\"4.5.6 (Build: "
      "20250811)\",\"dbfamily\":\"postgres\"",
      ",\"latest\":", outbox_.latest(), ",\"oldest\":", outbox_.oldest(), ",\"unnumbered\":", outbox_.unnumbered(),
      ",\"depth\":", outbox_.rows() - outbox_.lowest_mark(), ",\"oldest_unsent\":", outbox_.oldest_unsent_us());
  out += Concat(",\"counts\":", Days(outbox_.counts()), ",\"leftout\":", Days(outbox_.left_out()),
                ",\"faults\":", outbox_.faults(), ",\"log_rows_per_day\":", today, ",\"subscribers\":", subscribers,
                ",\"sends\":", sends, ",\"bytes\":", outbox_.bytes(), ",\"ceiling_bytes\":", kCeilingBytes,
                ",\"warnings\":[]}");
  return reply;
}

}  // namespace compagnon::moodle_double
