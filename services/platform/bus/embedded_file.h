#ifndef COMPAGNON_PLATFORM_BUS_EMBEDDED_FILE_H_
#define COMPAGNON_PLATFORM_BUS_EMBEDDED_FILE_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "platform/base/status.h"
#include "platform/bus/bus.h"

namespace compagnon::bus {

// The SQLite file under the embedded bus: queues as tables, one row per message and queue. Each queue numbers its
// messages from 1 in the order of the commits and never gives a number twice, so a reader may remember how far it came.
// Thread-safe.
class EmbeddedFile {
 public:
  struct Stored {
    int64_t id = 0;
    Message message;
  };
  struct Appended {
    std::vector<PublishOutcome> outcomes;
    std::set<int64_t> queues;  // that got something
  };

  // Reads one queue over a connection of its own, beside the writer. Not thread-safe; must not outlive the file.
  class Reader {
   public:
    virtual ~Reader() = default;
    // Messages with first <= id <= last in order, at most `limit` and not more than one beyond `max_bytes` of data.
    virtual absl::StatusOr<std::vector<Stored>> Read(int64_t first, int64_t last, int limit, size_t max_bytes) = 0;
  };

  virtual ~EmbeddedFile() = default;
  virtual absl::Status Declare(const Topology& topology) = 0;
  // All or nothing, on disk when it returns.
  virtual absl::StatusOr<Appended> Append(absl::Span<const Message> messages) = 0;
  // NotFound when never declared.
  virtual absl::StatusOr<int64_t> QueueId(std::string_view name) = 0;
  virtual absl::StatusOr<std::unique_ptr<Reader>> NewReader(int64_t queue) = 0;
  // Messages with a lower number were there when the file was opened: an earlier process may have handed them over.
  virtual int64_t FirstNewId(int64_t queue) const = 0;
  virtual absl::Status Remove(int64_t queue, int64_t first, int64_t last) = 0;
  virtual absl::StatusOr<int64_t> Depth(int64_t queue) = 0;
};

absl::StatusOr<std::unique_ptr<EmbeddedFile>> OpenEmbeddedFile(const EmbeddedOptions& options);

}  // namespace compagnon::bus

#endif  // COMPAGNON_PLATFORM_BUS_EMBEDDED_FILE_H_
