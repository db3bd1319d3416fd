#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "platform/keys/keys.h"
#include "platform/keys/limits.h"

namespace compagnon::keys {
namespace {

constexpr size_t kMaxIdle = 16;

// Scripts run whole: the counter cannot outlive its window because a process died between two commands.
constexpr std::string_view kIncrement =
    "local n = redis.call('INCR', KEYS[1]) if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end return n";
constexpr std::string_view kTake =
    "local v = redis.call('GET', KEYS[1]) if v then redis.call('DEL', KEYS[1]) end return v";

struct ContextCloser {
  void operator()(redisContext* context) const { redisFree(context); }
};
using Context = std::unique_ptr<redisContext, ContextCloser>;
struct ReplyCloser {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, ReplyCloser>;

std::string_view TextOf(const redisReply& reply) {
  return reply.str == nullptr ? std::string_view() : std::string_view(reply.str, static_cast<size_t>(reply.len));
}

// Error replies name commands and types; the rest of the text may quote a value and stays here.
absl::Status ErrorOf(const redisReply& reply) {
  const std::string_view text = TextOf(reply);
  const std::string code(text.substr(0, text.find(' ')));
  if (code == "OOM") return absl::ResourceExhaustedError("redis: out of memory");
  if (code == "NOAUTH" || code == "WRONGPASS" || code == "NOPERM") return absl::PermissionDeniedError("redis: " + code);
  if (code == "WRONGTYPE" || text.find("not an integer") != std::string_view::npos) {
    return absl::FailedPreconditionError("the key holds no counter");
  }
  if (code == "LOADING" || code == "READONLY" || code == "MISCONF" || code == "MASTERDOWN" || code == "BUSY" ||
      code == "CLUSTERDOWN") {
    return absl::UnavailableError("redis: " + code);
  }
  return absl::InternalError("redis: " + code);
}

class RedisKeys final : public Keys {
 public:
  explicit RedisKeys(RedisOptions options) : options_(std::move(options)) {}

  absl::Status Set(std::string_view key, std::string_view value, absl::Duration ttl) override {
    RETURN_IF_ERROR(CheckKey(key));
    RETURN_IF_ERROR(CheckValue(value));
    RETURN_IF_ERROR(CheckTtl(ttl));
    return Run({"SET", key, value, "PX", Milliseconds(ttl)}, Repeat::kMay).status();
  }

  absl::StatusOr<bool> SetIfAbsent(std::string_view key, std::string_view value, absl::Duration ttl) override {
    RETURN_IF_ERROR(CheckKey(key));
    RETURN_IF_ERROR(CheckValue(value));
    RETURN_IF_ERROR(CheckTtl(ttl));
    ASSIGN_OR_RETURN(const Reply reply, Run({"SET", key, value, "PX", Milliseconds(ttl), "NX"}, Repeat::kMustNot));
    return reply->type != REDIS_REPLY_NIL;
  }

  absl::StatusOr<std::optional<std::string>> Get(std::string_view key) override {
    RETURN_IF_ERROR(CheckKey(key));
    ASSIGN_OR_RETURN(const Reply reply, Run({"GET", key}, Repeat::kMay));
    return ValueOf(*reply);
  }

  absl::StatusOr<std::optional<std::string>> Take(std::string_view key) override {
    RETURN_IF_ERROR(CheckKey(key));
    ASSIGN_OR_RETURN(const Reply reply, Run({"EVAL", kTake, "1", key}, Repeat::kMustNot));
    return ValueOf(*reply);
  }

  absl::StatusOr<bool> Touch(std::string_view key, absl::Duration ttl) override {
    RETURN_IF_ERROR(CheckKey(key));
    RETURN_IF_ERROR(CheckTtl(ttl));
    ASSIGN_OR_RETURN(const Reply reply, Run({"PEXPIRE", key, Milliseconds(ttl)}, Repeat::kMay));
    return reply->integer == 1;
  }

  absl::Status Delete(std::string_view key) override {
    RETURN_IF_ERROR(CheckKey(key));
    return Run({"DEL", key}, Repeat::kMay).status();
  }

  absl::StatusOr<int64_t> Increment(std::string_view key, absl::Duration window) override {
    RETURN_IF_ERROR(CheckKey(key));
    RETURN_IF_ERROR(CheckTtl(window));
    ASSIGN_OR_RETURN(const Reply reply, Run({"EVAL", kIncrement, "1", key, Milliseconds(window)}, Repeat::kMustNot));
    return static_cast<int64_t>(reply->integer);
  }

  absl::Status Ping() override { return Run({"PING"}, Repeat::kMay).status(); }

 private:
  // Whether a command whose answer was lost may be sent again: a counter would count twice, a one-time link serve
  // nobody.
  enum class Repeat { kMay, kMustNot };

  static std::string Milliseconds(absl::Duration ttl) {
    return std::to_string(absl::ToInt64Milliseconds(absl::Ceil(ttl, absl::Milliseconds(1))));
  }

  static std::optional<std::string> ValueOf(const redisReply& reply) {
    if (reply.type == REDIS_REPLY_NIL) return std::nullopt;
    return std::string(TextOf(reply));
  }

  absl::StatusOr<Reply> Run(std::initializer_list<std::string_view> words, Repeat repeat) {
    for (int attempt = 0;; ++attempt) {
      ASSIGN_OR_RETURN(Context context, Lease());
      absl::StatusOr<Reply> reply = Send(*context, words);
      if (context->err == 0) {
        GiveBack(std::move(context));
        return reply;
      }
      if (repeat == Repeat::kMustNot || attempt > 0) return reply;
    }
  }

  // After an error the context is dead for good and must not be used again.
  static absl::StatusOr<Reply> Send(redisContext& context, absl::Span<const std::string_view> words) {
    std::vector<const char*> texts;
    std::vector<size_t> sizes;
    for (const std::string_view word : words) {
      texts.push_back(word.data());
      sizes.push_back(word.size());
    }
    Reply reply(static_cast<redisReply*>(
        redisCommandArgv(&context, static_cast<int>(texts.size()), texts.data(), sizes.data())));
    if (reply == nullptr) return absl::UnavailableError(fmt::format("redis: {}", context.errstr));
    if (reply->type == REDIS_REPLY_ERROR) return ErrorOf(*reply);
    return reply;
  }

  absl::StatusOr<Context> Lease() {
    while (true) {
      Context context;
      {
        const std::lock_guard lock(mutex_);
        if (idle_.empty()) break;
        context = std::move(idle_.back());
        idle_.pop_back();
      }
      // A server that restarted has closed it meanwhile: seen before anything is sent, so that nothing is sent twice.
      char byte;
      const ssize_t waiting = recv(context->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
      if (waiting < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return context;
    }
    return Connect();
  }

  void GiveBack(Context context) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < kMaxIdle) idle_.push_back(std::move(context));
  }

  absl::StatusOr<Context> Connect() const {
    const timeval timeout = absl::ToTimeval(options_.timeout);
    Context context(options_.unix_socket.empty()
                        ? redisConnectWithTimeout(options_.host.c_str(), options_.port, timeout)
                        : redisConnectUnixWithTimeout(options_.unix_socket.c_str(), timeout));
    if (context == nullptr) return absl::ResourceExhaustedError("redis: no memory for a connection");
    if (context->err != 0) return absl::UnavailableError(fmt::format("redis: cannot connect: {}", context->errstr));
    if (redisSetTimeout(context.get(), timeout) != REDIS_OK)
      return absl::UnavailableError("redis: cannot set a timeout");
    if (!options_.password.empty()) {
      const std::string_view user_form[] = {"AUTH", options_.user, options_.password};
      const std::string_view old_form[] = {"AUTH", options_.password};
      RETURN_IF_ERROR(
          Send(*context, options_.user.empty() ? absl::MakeConstSpan(old_form) : absl::MakeConstSpan(user_form))
              .status());
    }
    return context;
  }

  const RedisOptions options_;
  std::mutex mutex_;
  std::vector<Context> idle_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Keys>> NewRedisKeys(const RedisOptions& options) {
  if (options.unix_socket.empty() && (options.host.empty() || options.port < 1 || options.port > 65535)) {
    return absl::InvalidArgumentError("keys: neither a socket nor a host and port of Redis");
  }
  return std::make_unique<RedisKeys>(options);
}

}  // namespace compagnon::keys
