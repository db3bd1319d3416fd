#include "moodle/api/ws_client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "moodle/domain/address.h"
#include "moodle/domain/breaker.h"
#include "moodle/intake/ws_answer.h"

namespace compagnon::moodle {
namespace {

void AppendEncoded(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  for (unsigned char c : text) {
    if (std::isalnum(c) || c == '-' || c == '_' || c == '.' || c == '~') {
      out.push_back(static_cast<char>(c));
    } else {
      out.push_back('%');
      out.push_back(kHex[c >> 4]);
      out.push_back(kHex[c & 15]);
    }
  }
}

void Flatten(std::string& out, const std::string& key, const nlohmann::json& value) {
  if (value.is_null()) return;
  if (value.is_object()) {
    for (const auto& [k, v] : value.items()) Flatten(out, key.empty() ? k : absl::StrCat(key, "[", k, "]"), v);
    return;
  }
  if (value.is_array()) {
    for (size_t i = 0; i < value.size(); ++i) Flatten(out, absl::StrCat(key, "[", i, "]"), value[i]);
    return;
  }
  if (!out.empty()) out.push_back('&');
  AppendEncoded(out, key);
  out.push_back('=');
  if (value.is_boolean()) {
    out.push_back(value.get<bool>() ? '1' : '0');
  } else if (value.is_string()) {
    AppendEncoded(out, value.get_ref<const std::string&>());
  } else {
    AppendEncoded(out, value.dump());
  }
}

// What one transfer's callbacks write to.
struct Transfer {
  std::string body;
  size_t max_bytes = 0;
  bool too_large = false;
  bool refused_private = false;
  bool allow_private = false;
  std::string retry_after;
  const std::atomic<bool>* cancelled = nullptr;
};

int OnProgress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(user)->cancelled->load() ? 1 : 0;
}

size_t OnBody(char* data, size_t size, size_t count, void* user) {
  auto* transfer = static_cast<Transfer*>(user);
  const size_t bytes = size * count;
  if (transfer->body.size() + bytes > transfer->max_bytes) {
    transfer->too_large = true;
    return 0;
  }
  transfer->body.append(data, bytes);
  return bytes;
}

size_t OnHeader(char* data, size_t size, size_t count, void* user) {
  auto* transfer = static_cast<Transfer*>(user);
  const std::string_view line(data, size * count);
  constexpr std::string_view kName = "retry-after:";
  if (line.size() > kName.size() &&
      absl::EqualsIgnoreCase(absl::string_view(line.data(), kName.size()), "retry-after:")) {
    transfer->retry_after = std::string(
        absl::StripAsciiWhitespace(absl::string_view(line.data() + kName.size(), line.size() - kName.size())));
  }
  return size * count;
}

// Called with the address a name resolved to: a name of ours that points inside the network cannot make us call there.
curl_socket_t OnOpenSocket(void* user, curlsocktype, curl_sockaddr* address) {
  auto* transfer = static_cast<Transfer*>(user);
  if (!transfer->allow_private) {
    bool is_public = false;
    if (address->family == AF_INET) {
      const auto* in = reinterpret_cast<const sockaddr_in*>(&address->addr);
      is_public = IsPublicAddress(std::string_view(reinterpret_cast<const char*>(&in->sin_addr), 4));
    } else if (address->family == AF_INET6) {
      const auto* in = reinterpret_cast<const sockaddr_in6*>(&address->addr);
      is_public = IsPublicAddress(std::string_view(reinterpret_cast<const char*>(&in->sin6_addr), 16));
    }
    if (!is_public) {
      transfer->refused_private = true;
      return CURL_SOCKET_BAD;
    }
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

std::string_view CodeOf(CURLcode result, const Transfer& transfer) {
  if (transfer.refused_private) return "private_address";
  if (transfer.too_large) return "answer_too_large";
  switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return "dns";
    case CURLE_COULDNT_CONNECT:
      return "connect";
    case CURLE_OPERATION_TIMEDOUT:
      return "timeout";
    case CURLE_ABORTED_BY_CALLBACK:
      return "cancelled";
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return "tls";
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return "bad_url";
    default:
      return "connection_cut";
  }
}

class CurlClient final : public WsClient {
 public:
  CurlClient(WsOptions options, const Clock& clock, WsObserver observer)
      : options_(std::move(options)),
        clock_(clock),
        observer_(std::move(observer)),
        endpoint_(absl::StrCat(std::string(absl::StripSuffix(options_.url, "/")), "/webservice/rest/server.php")),
        breaker_(options_.breaker_failures, options_.breaker_first, options_.breaker_longest),
        bucket_(options_.calls_per_second, options_.burst),
        random_(std::random_device{}()) {
    static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (global != CURLE_OK) Die("libcurl does not initialise");
  }
  ~CurlClient() override {
    for (CURL* handle : idle_) curl_easy_cleanup(handle);
  }

  absl::StatusOr<std::string> Read(std::string_view function, const nlohmann::json& params) override {
    return Call(function, params, std::max(1, options_.attempts));
  }
  absl::StatusOr<std::string> Write(std::string_view function, const nlohmann::json& params) override {
    return Call(function, params, 1);
  }
  void Cancel() override { cancelled_ = true; }
  std::string_view BreakerState() const override {
    std::lock_guard lock(mutex_);
    switch (breaker_.state()) {
      case Breaker::State::kClosed:
        return "closed";
      case Breaker::State::kOpen:
        return "open";
      case Breaker::State::kHalfOpen:
        return "half_open";
    }
    return "closed";
  }

 private:
  double Jitter() { return std::uniform_real_distribution<double>(0.0, 1.0)(random_); }

  absl::StatusOr<std::string> Call(std::string_view function, const nlohmann::json& params, int attempts) {
    std::string form;
    AppendEncoded(form.append("wstoken="), options_.token);
    AppendEncoded(form.append("&wsfunction="), function);
    form.append("&moodlewsrestformat=json");
    if (const std::string flat = FlattenPhp(params); !flat.empty()) form.append("&").append(flat);

    absl::Duration backoff = options_.first_backoff;
    for (int attempt = 1;; ++attempt) {
      absl::Duration wait, closed_for;
      {
        std::lock_guard lock(mutex_);
        closed_for = breaker_.Ask(clock_.Now());
        if (closed_for == absl::ZeroDuration()) wait = bucket_.Take(clock_.Now());
      }
      if (closed_for > absl::ZeroDuration())
        return FaultStatus({FaultCategory::kRetry, "circuit_open", closed_for}, "");
      if (!Wait(wait)) return FaultStatus({FaultCategory::kRetry, "cancelled", {}}, "");

      absl::StatusOr<std::string> answer = Exchange(function, form);
      WsFault fault;
      if (!answer.ok()) fault = FaultOf(answer.status());
      {
        std::lock_guard lock(mutex_);
        if (!answer.ok() && fault.category == FaultCategory::kRetry) {
          breaker_.Failed(clock_.Now(), fault.retry_after, Jitter());
        } else {
          breaker_.Succeeded();  // the site answered, if only to refuse
        }
        wait = std::max(fault.retry_after, backoff * (0.5 + Jitter()));
      }
      if (answer.ok() || fault.category != FaultCategory::kRetry) return answer;
      if (attempt >= attempts || wait > options_.longest_wait) return answer;
      if (!Wait(wait)) return FaultStatus({FaultCategory::kRetry, "cancelled", {}}, "");
      backoff *= 2;
    }
  }

  // Sleeps in slices, so that a process that stops does not wait for a back-off to end. False when cancelled.
  bool Wait(absl::Duration wait) const {
    while (wait > absl::ZeroDuration() && !cancelled_) {
      const absl::Duration slice = std::min(wait, absl::Milliseconds(200));
      clock_.Sleep(slice);
      wait -= slice;
    }
    return !cancelled_;
  }

  absl::StatusOr<std::string> Exchange(std::string_view function, const std::string& form) {
    CURL* handle = nullptr;
    {
      std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        handle = idle_.back();
        idle_.pop_back();
      }
    }
    if (handle == nullptr) handle = curl_easy_init();
    if (handle == nullptr) return FaultStatus({FaultCategory::kRetry, "connect", {}}, "no curl handle");
    curl_easy_reset(handle);  // keeps connections and the DNS cache

    Transfer transfer;
    transfer.max_bytes = options_.max_answer_bytes;
    transfer.allow_private = options_.allow_private_addresses;
    transfer.cancelled = &cancelled_;
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, &OnProgress);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &transfer);
    curl_easy_setopt(handle, CURLOPT_URL, endpoint_.c_str());
    // A token over plain HTTP is readable on the way: only where private addresses are allowed, which is a laboratory.
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, options_.allow_private_addresses ? "http,https" : "https");
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(handle, CURLOPT_ACCEPT_ENCODING, "gzip");
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(form.size()));
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, form.data());
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(absl::ToInt64Milliseconds(options_.connect_timeout)));
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(absl::ToInt64Milliseconds(options_.total_timeout)));
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 100L);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME,
                     static_cast<long>(std::max<int64_t>(1, absl::ToInt64Seconds(options_.stalled_after))));
    curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, 256L * 1024);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &OnBody);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &OnHeader);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, &transfer);
    curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, &OnOpenSocket);
    curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, &transfer);
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "Compagnon");
    // Without this curl waits a second for "100 Continue" on bodies over 1 KiB.
    curl_slist* headers = curl_slist_append(nullptr, "Expect:");
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);

    const absl::Time began = absl::Now();
    const CURLcode result = curl_easy_perform(handle);
    const double seconds = absl::ToDoubleSeconds(absl::Now() - began);
    long http_status = 0;
    char* content_type = nullptr;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &http_status);
    curl_easy_getinfo(handle, CURLINFO_CONTENT_TYPE, &content_type);

    absl::Status status;
    if (result != CURLE_OK) {
      const std::string_view code = CodeOf(result, transfer);
      status = FaultStatus({CategoryOf(code), std::string(code), absl::ZeroDuration()}, curl_easy_strerror(result));
    } else {
      status = CheckAnswer(static_cast<int>(http_status), content_type == nullptr ? "" : content_type,
                           transfer.retry_after, transfer.body, clock_.Now());
    }
    curl_slist_free_all(headers);
    {
      std::lock_guard lock(mutex_);
      idle_.push_back(handle);
    }
    if (observer_)
      observer_(function, status.ok() ? std::string() : FaultOf(status).code, seconds, transfer.body.size());
    if (!status.ok()) return status;
    return std::move(transfer.body);
  }

  const WsOptions options_;
  const Clock& clock_;
  const WsObserver observer_;
  const std::string endpoint_;
  std::atomic<bool> cancelled_ = false;
  mutable std::mutex mutex_;
  Breaker breaker_;
  TokenBucket bucket_;
  std::mt19937_64 random_;
  std::vector<CURL*> idle_;
};

}  // namespace

std::string FlattenPhp(const nlohmann::json& params) {
  std::string out;
  Flatten(out, "", params);
  return out;
}

std::unique_ptr<WsClient> NewWsClient(WsOptions options, const Clock& clock, WsObserver observer) {
  return std::make_unique<CurlClient>(std::move(options), clock, std::move(observer));
}

}  // namespace compagnon::moodle
