#ifndef COMPAGNON_TESTS_UNIT_EDGE_MEMORY_KEYS_H_
#define COMPAGNON_TESTS_UNIT_EDGE_MEMORY_KEYS_H_

#include <map>
#include <mutex>
#include <string>

#include "platform/base/clock.h"
#include "platform/keys/keys.h"

namespace compagnon::edge {

// Time that moves when a test says so.
class TestClock : public Clock {
 public:
  absl::Time Now() const override { return now; }
  void Sleep(absl::Duration d) const override { now += d; }
  mutable absl::Time now = absl::FromUnixSeconds(1773945000);  // 19 March 2026, 18:30 UTC
};

// Keys in memory, in a test's time; `down` makes every call Unavailable.
class MemoryKeys : public keys::Keys {
 public:
  explicit MemoryKeys(const Clock& clock) : clock_(clock) {}

  absl::Status Set(std::string_view key, std::string_view value, absl::Duration ttl) override {
    if (down) return Down();
    values[std::string(key)] = {std::string(value), clock_.Now() + ttl};
    ++writes;
    return absl::OkStatus();
  }
  absl::StatusOr<bool> SetIfAbsent(std::string_view key, std::string_view value, absl::Duration ttl) override {
    if (down) return Down();
    if (Live(key) != nullptr) return false;
    return Set(key, value, ttl).ok();
  }
  absl::StatusOr<std::optional<std::string>> Get(std::string_view key) override {
    if (down) return Down();
    const Entry* entry = Live(key);
    return entry == nullptr ? std::nullopt : std::optional<std::string>(entry->value);
  }
  absl::StatusOr<std::optional<std::string>> Take(std::string_view key) override {
    auto value = Get(key);
    if (value.ok()) values.erase(std::string(key));
    return value;
  }
  absl::StatusOr<bool> Touch(std::string_view key, absl::Duration ttl) override {
    if (down) return Down();
    Entry* entry = Live(key);
    if (entry == nullptr) return false;
    entry->end = clock_.Now() + ttl;
    ++writes;
    return true;
  }
  absl::Status Delete(std::string_view key) override {
    if (down) return Down();
    values.erase(std::string(key));
    return absl::OkStatus();
  }
  absl::StatusOr<int64_t> Increment(std::string_view key, absl::Duration window) override {
    if (down) return Down();
    Entry* entry = Live(key);
    if (entry == nullptr) {
      values[std::string(key)] = {"1", clock_.Now() + window};
      return 1;
    }
    const int64_t next = std::stoll(entry->value) + 1;
    entry->value = std::to_string(next);
    return next;
  }
  absl::Status Ping() override { return down ? Down() : absl::OkStatus(); }

  struct Entry {
    std::string value;
    absl::Time end;
  };
  std::map<std::string, Entry> values;
  bool down = false;
  int writes = 0;

 private:
  static absl::Status Down() { return absl::UnavailableError("down for the test"); }
  Entry* Live(std::string_view key) {
    const auto found = values.find(std::string(key));
    if (found == values.end() || found->second.end <= clock_.Now()) return nullptr;
    return &found->second;
  }
  const Clock& clock_;
};

}  // namespace compagnon::edge

#endif  // COMPAGNON_TESTS_UNIT_EDGE_MEMORY_KEYS_H_
