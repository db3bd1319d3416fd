#include "platform/base/log.h"

#include <unistd.h>

#include <atomic>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace compagnon {
namespace {

std::atomic<LogLevel> minimum_level{LogLevel::kInfo};
thread_local std::string current_module;
thread_local std::string current_trace;

std::string_view NameOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

void AppendQuoted(std::string& line, std::string_view text) {
  line.push_back('"');
  for (const unsigned char c : text) {
    if (c == '"' || c == '\\') {
      line.push_back('\\');
      line.push_back(static_cast<char>(c));
    } else if (c < 0x20 || c == 0x7f) {
      // Escaped so that a hostile value can neither break the line nor move a terminal's cursor.
      static constexpr char kHex[] = "0123456789abcdef";
      line.append("\\u00");
      line.push_back(kHex[c >> 4]);
      line.push_back(kHex[c & 15]);
    } else {
      line.push_back(static_cast<char>(c));
    }
  }
  line.push_back('"');
}

}  // namespace

void SetLogLevel(LogLevel level) { minimum_level.store(level, std::memory_order_relaxed); }

std::string_view CurrentTraceId() { return current_trace; }

void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (level < minimum_level.load(std::memory_order_relaxed)) return;
  std::string line = "{\"ts\":";
  AppendQuoted(line, absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::Now(), absl::UTCTimeZone()));
  line.append(",\"level\":");
  AppendQuoted(line, NameOf(level));
  if (!current_module.empty()) {
    line.append(",\"module\":");
    AppendQuoted(line, current_module);
  }
  line.append(",\"msg\":");
  AppendQuoted(line, message);
  for (const LogField& field : fields) {
    line.push_back(',');
    AppendQuoted(line, field.key);
    line.push_back(':');
    if (const auto* text = std::get_if<std::string_view>(&field.value)) {
      AppendQuoted(line, *text);
    } else if (const auto* number = std::get_if<int64_t>(&field.value)) {
      absl::StrAppend(&line, *number);
    } else if (const auto* real = std::get_if<double>(&field.value)) {
      absl::StrAppend(&line, *real);
    } else {
      line.append(std::get<bool>(field.value) ? "true" : "false");
    }
  }
  if (!current_trace.empty()) {
    line.append(",\"trace\":");
    AppendQuoted(line, current_trace);
  }
  line.append("}\n");
  // One write per line: lines up to PIPE_BUF are atomic, and a full pipe loses a log line rather than the service.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

ScopedLogModule::ScopedLogModule(std::string_view module, std::string_view trace_id)
    : module_before_(current_module), trace_before_(current_trace) {
  current_module = std::string(module);
  current_trace = std::string(trace_id);
}

ScopedLogModule::~ScopedLogModule() {
  current_module = module_before_;
  current_trace = trace_before_;
}

}  // namespace compagnon
