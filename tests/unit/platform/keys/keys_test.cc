#include "platform/keys/keys.h"

#include <hiredis/hiredis.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "platform/base/ids.h"

namespace compagnon::keys {
namespace {

// SQLite's time is this clock's; Redis has its own, so passing time there means waiting.
class StepClock final : public Clock {
 public:
  absl::Time Now() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  void Sleep(absl::Duration d) const override {
    const std::lock_guard lock(mutex_);
    now_ += d;
  }

 private:
  mutable std::mutex mutex_;
  mutable absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
};

class Backend {
 public:
  explicit Backend(bool redis) : redis_(redis), prefix_("test:" + HexEncode(RandomBytes(6)) + ":") {
    if (!redis) {
      path_ = ".run/tests/keys-" + HexEncode(RandomBytes(6));
    } else {
      const char* address = std::getenv("COMPAGNON_TEST_REDIS");
      if (address == nullptr)
        FAIL("no Redis to test on: run ./dev services start, then eval \"$(./dev services env)\"");
      const std::string text = address;
      options_.host = text.substr(0, text.rfind(':'));
      options_.port = std::stoi(text.substr(text.rfind(':') + 1));
    }
    keys_ = Open();
  }
  ~Backend() {
    keys_.reset();
    std::error_code ignored;
    if (!redis_) std::filesystem::remove_all(path_, ignored);
  }

  std::unique_ptr<Keys> Open() const {
    absl::StatusOr<std::unique_ptr<Keys>> keys =
        redis_ ? NewRedisKeys(options_) : NewSqliteKeys(path_ + "/keys.db", clock_);
    if (!keys.ok()) FAIL(keys.status().ToString());
    return std::move(*keys);
  }
  Keys& keys() { return *keys_; }
  std::string Key(std::string_view name) const { return prefix_ + std::string(name); }
  void Pass(absl::Duration d) const { redis_ ? absl::SleepFor(d) : clock_.Sleep(d); }
  const RedisOptions& redis_options() const { return options_; }

 private:
  const bool redis_;
  const std::string prefix_;
  std::string path_;
  RedisOptions options_;
  StepClock clock_;
  std::unique_ptr<Keys> keys_;
};

}  // namespace

#define KEYS_NAME_INNER(a, b) a##b
#define KEYS_NAME(a, b) KEYS_NAME_INNER(a, b)
#define KEYS_CONTRACT(sentence)                                 \
  static void KEYS_NAME(Contract, __LINE__)(Backend & backend); \
  TEST_CASE(sentence " (SQLite)", "[keys]") {                   \
    Backend backend(false);                                     \
    KEYS_NAME(Contract, __LINE__)(backend);                     \
  }                                                             \
  TEST_CASE(sentence " (Redis)", "[keys][services]") {          \
    Backend backend(true);                                      \
    KEYS_NAME(Contract, __LINE__)(backend);                     \
  }                                                             \
  static void KEYS_NAME(Contract, __LINE__)(Backend & backend)

KEYS_CONTRACT("a value of any bytes comes back until it is deleted") {
  const std::string key = backend.Key("bytes");
  for (const std::string& value : {std::string("\0\xff\r\n\0", 5), std::string(), std::string(1 << 20, '\xfe')}) {
    REQUIRE(backend.keys().Set(key, value, absl::Minutes(1)).ok());
    CHECK((backend.keys().Get(key).value() == value));
  }
  REQUIRE(backend.keys().Delete(key).ok());
  CHECK(backend.keys().Get(key).value() == std::nullopt);
  CHECK(backend.keys().Delete(key).ok());
}

KEYS_CONTRACT("a value dies at the end of its life and Touch puts that off") {
  REQUIRE(backend.keys().Set(backend.Key("short"), "a", absl::Milliseconds(300)).ok());
  REQUIRE(backend.keys().Set(backend.Key("touched"), "b", absl::Milliseconds(300)).ok());
  CHECK(backend.keys().Touch(backend.Key("touched"), absl::Minutes(5)).value());
  backend.Pass(absl::Milliseconds(400));
  CHECK(backend.keys().Get(backend.Key("short")).value() == std::nullopt);
  CHECK_FALSE(backend.keys().Touch(backend.Key("short"), absl::Minutes(1)).value());
  CHECK(backend.keys().Take(backend.Key("short")).value() == std::nullopt);
  CHECK(backend.keys().Get(backend.Key("touched")).value() == "b");
}

KEYS_CONTRACT("only the first of two sets a key that is absent") {
  const std::string key = backend.Key("once");
  CHECK(backend.keys().SetIfAbsent(key, "first", absl::Milliseconds(300)).value());
  CHECK_FALSE(backend.keys().SetIfAbsent(key, "second", absl::Minutes(1)).value());
  CHECK(backend.keys().Get(key).value() == "first");
  backend.Pass(absl::Milliseconds(400));
  CHECK(backend.keys().SetIfAbsent(key, "third", absl::Minutes(1)).value());
  CHECK(backend.keys().Get(key).value() == "third");
}

KEYS_CONTRACT("a one-time value serves one of many callers") {
  const std::string key = backend.Key("link");
  for (int round = 0; round < 20; ++round) {
    REQUIRE(backend.keys().Set(key, "ticket", absl::Minutes(1)).ok());
    std::atomic<int> served = 0;
    std::vector<std::thread> callers;
    for (int i = 0; i < 4; ++i) {
      callers.emplace_back([&] {
        if (backend.keys().Take(key).value() == "ticket") ++served;
      });
    }
    for (std::thread& caller : callers) caller.join();
    REQUIRE(served == 1);
  }
}

KEYS_CONTRACT("a counter counts every caller and dies a window after its first") {
  const std::string key = backend.Key("rate");
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int n = 0; n < 25; ++n) (void)backend.keys().Increment(key, absl::Minutes(1));
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(backend.keys().Increment(key, absl::Minutes(1)).value() == 101);
  CHECK(backend.keys().Get(key).value() == "101");

  const std::string window = backend.Key("window");
  CHECK(backend.keys().Increment(window, absl::Milliseconds(500)).value() == 1);
  backend.Pass(absl::Milliseconds(300));
  CHECK(backend.keys().Increment(window, absl::Milliseconds(500)).value() == 2);
  backend.Pass(absl::Milliseconds(300));  // past the first one's window, not the second's
  CHECK(backend.keys().Increment(window, absl::Milliseconds(500)).value() == 1);
}

KEYS_CONTRACT("a value that is no number is no counter") {
  REQUIRE(backend.keys().Set(backend.Key("text"), "abc", absl::Minutes(1)).ok());
  CHECK(backend.keys().Increment(backend.Key("text"), absl::Minutes(1)).status().code() ==
        absl::StatusCode::kFailedPrecondition);
  CHECK(backend.keys().Get(backend.Key("text")).value() == "abc");
}

KEYS_CONTRACT("what a restarted process opens is what the last one left") {
  REQUIRE(backend.keys().Set(backend.Key("session"), "kept", absl::Minutes(1)).ok());
  const std::unique_ptr<Keys> another = backend.Open();
  CHECK(another->Get(backend.Key("session")).value() == "kept");
  CHECK(another->Ping().ok());
}

KEYS_CONTRACT("keys and lives out of bounds are refused") {
  CHECK(absl::IsInvalidArgument(backend.keys().Set("", "x", absl::Minutes(1))));
  CHECK(absl::IsInvalidArgument(backend.keys().Set("a b", "x", absl::Minutes(1))));
  CHECK(absl::IsInvalidArgument(backend.keys().Set(std::string(513, 'k'), "x", absl::Minutes(1))));
  CHECK(
      absl::IsInvalidArgument(backend.keys().Set(backend.Key("k"), std::string((1 << 20) + 1, 'v'), absl::Minutes(1))));
  CHECK(absl::IsInvalidArgument(backend.keys().Set(backend.Key("k"), "x", absl::ZeroDuration())));
  CHECK(absl::IsInvalidArgument(backend.keys().Set(backend.Key("k"), "x", absl::InfiniteDuration())));
}

TEST_CASE("expired keys leave the SQLite file within a minute of writing", "[keys]") {
  const std::string folder = ".run/tests/keys-" + HexEncode(RandomBytes(6));
  const StepClock clock;
  const std::string value(100'000, 'v');
  {
    const std::unique_ptr<Keys> keys = NewSqliteKeys(folder + "/keys.db", clock).value();
    for (int i = 0; i < 100; ++i) {
      REQUIRE(keys->Set("k" + std::to_string(i), value, absl::Minutes(1)).ok());
      clock.Sleep(absl::Seconds(30));
    }
  }
  // Closed, so all of it is in the one file: four minutes' worth at most was alive or waiting for the broom, eight of a
  // hundred values.
  CHECK(std::filesystem::file_size(folder + "/keys.db") < 20 * value.size());
  std::filesystem::remove_all(folder);
}

TEST_CASE("a connection Redis cut is replaced at the next call", "[keys][services]") {
  Backend backend(true);
  RedisOptions options = backend.redis_options();
  redisContext* admin = redisConnect(options.host.c_str(), options.port);
  REQUIRE((admin != nullptr && admin->err == 0));
  // A user of its own, so that nobody else's connections are cut.
  options.user = "cut-" + HexEncode(RandomBytes(6));
  options.password = "right";
  freeReplyObject(redisCommand(admin, "ACL SETUSER %s on >right ~* +@all", options.user.c_str()));
  {
    const std::unique_ptr<Keys> keys = NewRedisKeys(options).value();
    REQUIRE(keys->Set(backend.Key("a"), "1", absl::Minutes(1)).ok());
    auto* killed = static_cast<redisReply*>(redisCommand(admin, "CLIENT KILL USER %s", options.user.c_str()));
    CHECK(killed->integer == 1);
    freeReplyObject(killed);
    CHECK(keys->Increment(backend.Key("n"), absl::Minutes(1)).value() == 1);
    freeReplyObject(redisCommand(admin, "CLIENT KILL USER %s", options.user.c_str()));
    CHECK(keys->Get(backend.Key("a")).value() == "1");
  }
  freeReplyObject(redisCommand(admin, "ACL DELUSER %s", options.user.c_str()));
  redisFree(admin);
}

TEST_CASE("a Redis that is not there is Unavailable and not an error at start", "[keys]") {
  RedisOptions options;
  options.port = 1;  // nothing listens there
  options.timeout = absl::Milliseconds(500);
  const std::unique_ptr<Keys> keys = NewRedisKeys(options).value();
  CHECK(absl::IsUnavailable(keys->Ping()));
  CHECK(absl::IsUnavailable(keys->Set("a", "b", absl::Minutes(1))));
  CHECK(absl::IsUnavailable(keys->Get("a").status()));
}

TEST_CASE("a wrong Redis password is told as such", "[keys][services]") {
  Backend backend(true);
  RedisOptions options = backend.redis_options();
  options.user = "nobody";
  options.password = "wrong";
  CHECK(absl::IsPermissionDenied(NewRedisKeys(options).value()->Ping()));
}

}  // namespace compagnon::keys
