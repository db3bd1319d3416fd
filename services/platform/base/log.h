#ifndef COMPAGNON_PLATFORM_BASE_LOG_H_
#define COMPAGNON_PLATFORM_BASE_LOG_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace compagnon {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// One field of a log line. No personal data: ids of modules, sites, streams, counts, codes and pseudonyms at most.
struct LogField {
  std::string_view key;
  std::variant<std::string_view, int64_t, double, bool> value;
};

// Writes one JSON line to standard error: {"ts","level","module","msg",fields...,"trace"}. Never blocks on another
// thread for longer than the write; lines of different threads never mix. `module` is set once per thread by
// ScopedLogModule.
void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

// Lines under `level` are dropped. Default: info. Safe from any thread.
void SetLogLevel(LogLevel level);

// Names the module, and the W3C trace id, of the lines this thread writes while it lives.
class ScopedLogModule {
 public:
  explicit ScopedLogModule(std::string_view module, std::string_view trace_id = {});
  ~ScopedLogModule();
  ScopedLogModule(const ScopedLogModule&) = delete;
  ScopedLogModule& operator=(const ScopedLogModule&) = delete;

 private:
  std::string module_before_;
  std::string trace_before_;
};

// The trace id this thread works for, "" when none.
std::string_view CurrentTraceId();

}  // namespace compagnon

#endif  // COMPAGNON_PLATFORM_BASE_LOG_H_
