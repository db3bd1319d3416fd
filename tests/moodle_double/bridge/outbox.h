#ifndef COMPAGNON_TESTS_MOODLE_DOUBLE_BRIDGE_OUTBOX_H_
#define COMPAGNON_TESTS_MOODLE_DOUBLE_BRIDGE_OUTBOX_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "moodle_double/simulation/event.h"

namespace compagnon::moodle_double {

struct DayCount {
  std::string day;  // "YYYY-MM-DD", UTC day of `recorded`
  int64_t rows = 0;
};

// One answer of local_compagnon_pull_events.
struct OutboxPage {
  int64_t first = 0, latest = 0, oldest = 0, unnumbered = 0, faults = 0;
  int64_t rows = 0;
  std::vector<DayCount> counted;
  std::string escaped_events;  // the JSON lines, escaped for standing between a JSON string's quotes
};

// The plugin's outbox: rows are written by events, numbered by pulls (dense from 1 within an epoch), served until
// pruned. Rows are kept escaped, so that serving a page is copying. Not safe for concurrent use.
class Outbox : public EventSink {
 public:
  explicit Outbox(uint64_t seed);

  void OnEvent(const Event& event) override;
  // A row of any bytes at all: what only a broken plugin would write. `recorded_us` decides its day.
  void AppendBytes(std::string_view content, int64_t recorded_us);

  // Numbers at most 5,000 rows, then reads. INVALID_ARGUMENT for a limit or size out of range; FAILED_PRECONDITION
  // means the error cursorreset.
  absl::StatusOr<OutboxPage> Pull(const std::string& subscriber, const std::string& epoch, int64_t after, int64_t limit,
                                  int64_t max_bytes, int64_t now_us);
  // FAILED_PRECONDITION means cursorreset, NOT_FOUND unknownsubscriber. The mark never goes back.
  absl::Status Ack(const std::string& subscriber, const std::string& epoch, int64_t upto);

  struct Subscriber {
    int64_t upto = 0, last_pull_us = 0;
  };
  const std::map<std::string, Subscriber>& subscribers() const { return subscribers_; }
  int64_t lowest_mark() const;
  const std::string& epoch() const { return epoch_; }
  int64_t latest() const { return numbered_ - epoch_begin_; }
  int64_t oldest() const { return pruned_ - epoch_begin_ + 1; }
  int64_t unnumbered() const { return static_cast<int64_t>(rows_.size()) - numbered_; }
  int64_t rows() const { return static_cast<int64_t>(rows_.size()) - epoch_begin_; }
  int64_t bytes() const { return bytes_; }
  // `recorded` of the first row nobody slower has acknowledged, 0 when all are.
  int64_t oldest_unsent_us() const;
  std::vector<DayCount> counts() const;
  std::vector<DayCount> left_out() const;
  int64_t faults() const { return faults_; }

  // The stored bytes of every row of this epoch that is still kept, in order.
  void ForEach(const std::function<void(const std::string& content)>& take) const;

  // A call of the suite's own: counted, and no row.
  void CountOwnCall(int64_t now_us);
  void AddFault() { ++faults_; }
  void Forget(const std::string& subscriber) { subscribers_.erase(subscriber); }
  // Removes what can identify the person from every row that names them, pulled or not; original hashes stay.
  int64_t Redact(int64_t user);
  // Numbers only rows written from now on; the others are never served again.
  void NewEpoch();
  // A restored backup: rows after `latest` never were, and the epoch is still the old one.
  void ForgetAfter(int64_t latest);
  // Rows up to `upto` are no longer served.
  void Prune(int64_t upto);

 private:
  struct Row {
    std::string escaped;  // stored bytes after their opening brace, escaped
    std::string hash;     // hex SHA-256 of the stored bytes as first written
    uint32_t size = 0;    // of the stored bytes
    int64_t recorded_us = 0;
    int64_t user = 0, related_user = 0;
  };

  void NameEpoch();
  void Append(std::string_view content, int64_t recorded_us, int64_t user, int64_t related_user);

  const uint64_t seed_;
  int64_t epochs_ = 0;
  std::string epoch_;
  std::deque<Row> rows_;
  int64_t epoch_begin_ = 0;  // index of the row with seq 1
  int64_t numbered_ = 0;     // rows before this index have a number
  int64_t pruned_ = 0;       // rows before this index are gone
  int64_t bytes_ = 0, faults_ = 0;
  std::map<int64_t, int64_t> rows_of_day_, left_out_of_day_;  // by days since 1970
  std::map<std::string, Subscriber> subscribers_;
  std::string scratch_;
};

}  // namespace compagnon::moodle_double

#endif  // COMPAGNON_TESTS_MOODLE_DOUBLE_BRIDGE_OUTBOX_H_
