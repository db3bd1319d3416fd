#ifndef COMPAGNON_MOODLE_INTAKE_BRIDGE_PARSER_H_
#define COMPAGNON_MOODLE_INTAKE_BRIDGE_PARSER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "moodle/domain/bridge.h"
#include "platform/base/status.h"

namespace compagnon::moodle {

// Keeps its buffers from one answer to the next; one per thread.
class BridgeParser {
 public:
  BridgeParser();
  ~BridgeParser();
  // `after` is the cursor the page was asked for. `keep_raw`: events carry their line for the full publication.
  // InvalidArgument when the answer as a whole is unreadable ("not_json") or not of this protocol ("protocol"); a bad
  // line never is.
  absl::StatusOr<PullPage> Pull(std::string body, int64_t after, bool keep_raw);
  absl::StatusOr<BridgeStatus> Status(std::string body);
  absl::StatusOr<ExportPage> Export(std::string body);
  // Highest seq the plugin has noted for us.
  absl::StatusOr<int64_t> Ack(std::string body);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Lines over this are set aside unread: the plugin replaces states over 256 KiB.
constexpr size_t kMaxRowBytes = size_t{1} << 20;

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_INTAKE_BRIDGE_PARSER_H_
