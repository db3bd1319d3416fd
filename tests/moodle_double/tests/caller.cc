#include "moodle_double/tests/caller.h"

#include <curl/curl.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cctype>

#include "moodle_double/tests/recorded_events.h"

namespace compagnon::moodle_double {
namespace {

struct Sink {
  std::string body;
  size_t largest = 0;
};

size_t TakeBody(char* data, size_t size, size_t count, void* to) {
  auto* sink = static_cast<Sink*>(to);
  if (sink->body.size() + size * count > sink->largest) return 0;
  sink->body.append(data, size * count);
  return size * count;
}

size_t TakeHeader(char* data, size_t size, size_t count, void* to) {
  const std::string_view line(data, size * count);
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size * count;
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == '\r' || value.back() == '\n')) value.remove_suffix(1);
  (*static_cast<std::map<std::string, std::string>*>(to))[name] = std::string(value);
  return size * count;
}

}  // namespace

std::string Answered::ErrorCode() const {
  const auto json = Json();
  return json.is_object() && json.contains("errorcode") ? json["errorcode"].get<std::string>() : "";
}

Answered Post(const std::string& url, const Fields& fields, long seconds, size_t largest) {
  Answered out;
  CURL* curl = curl_easy_init();
  std::string form;
  for (const auto& [name, value] : fields) {
    char* n = curl_easy_escape(curl, name.c_str(), static_cast<int>(name.size()));
    char* v = curl_easy_escape(curl, value.c_str(), static_cast<int>(value.size()));
    form += (form.empty() ? "" : "&") + std::string(n) + "=" + v;
    curl_free(n);
    curl_free(v);
  }
  Sink sink{"", largest};
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_POST, 1L);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form.c_str());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(form.size()));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, seconds);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, TakeBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &sink);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, TakeHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &out.headers);
  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) out.failure = curl_easy_strerror(code);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out.status);
  curl_easy_cleanup(curl);
  out.body = std::move(sink.body);
  out.type = out.headers["content-type"];
  return out;
}

DoubleOptions Caller::Small() {
  DoubleOptions options;
  options.learners = 25;
  options.weeks = 4;
  options.seed = 3;
  options.now = kTestNow;
  return options;
}

Caller::Caller(DoubleOptions options) {
  auto started = MoodleDouble::Start(options, SystemClock());
  if (!started.ok()) FAIL(started.status().message());
  double_ = std::move(*started);
}

Answered Caller::Call(const std::string& function, Fields fields, std::string_view site) {
  fields.insert(fields.begin(),
                {{"wstoken", double_->Token(site)}, {"wsfunction", function}, {"moodlewsrestformat", "json"}});
  return Post(double_->Url(site) + "/webservice/rest/server.php", fields);
}

nlohmann::json Caller::Pull(int64_t after, int64_t limit, int64_t max_bytes, std::string_view subscriber) {
  const Answered answer =
      Call("local_compagnon_pull_events",
           {{"subscriber", std::string(subscriber)}, {"epoch", ""}, {"after", "0"}, {"limit", "1"}, {"maxbytes", "1"}});
  const std::string epoch = answer.Json()["epoch"];
  return Call("local_compagnon_pull_events", {{"subscriber", std::string(subscriber)},
                                              {"epoch", epoch},
                                              {"after", std::to_string(after)},
                                              {"limit", std::to_string(limit)},
                                              {"maxbytes", std::to_string(max_bytes)}})
      .Json();
}

std::vector<nlohmann::json> Caller::Rows(const nlohmann::json& page) {
  std::vector<nlohmann::json> rows;
  const std::string events = page["events"];
  for (size_t at = 0; at < events.size();) {
    const size_t end = events.find('\n', at);
    rows.push_back(nlohmann::json::parse(events.substr(at, end - at), nullptr, false));
    at = end + 1;
  }
  return rows;
}

nlohmann::json Caller::Control(std::string_view action, std::string_view query) {
  return nlohmann::json::parse(double_->Control(action, query).body);
}

}  // namespace compagnon::moodle_double
