#ifndef COMPAGNON_TESTS_MOODLE_DOUBLE_SERVER_FAULTS_H_
#define COMPAGNON_TESTS_MOODLE_DOUBLE_SERVER_FAULTS_H_

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "moodle_double/server/http_server.h"
#include "moodle_double/server/recordings.h"

namespace compagnon::moodle_double {

// What the next calls of a function suffer. Names: every recording "error-..."; of transport: unavailable (503 with
// Retry-After), throttled (429), html, exception, empty, bad-json, wrong-shape, endless, cut, slow, closed, late; of a
// page of events: see PageFaults().
struct Fault {
  std::string name;
  std::string function = "*";  // exact name, or "*" for all, or a prefix ended by "*"
  int64_t times = 1;           // -1 = until cleared
  int64_t amount =
      0;  // seconds (unavailable), bytes (cut), bytes a second (slow), milliseconds (late), position of the row
  std::string text;  // errorcode (exception)
};

// Faults that spoil the rows of a pulled page on its way: bad-row, bad-utf8, no-seq, missing-seq, duplicate-seq,
// out-of-order, bad-hash, cut-row. What lies in the outbox stays whole: the next pull of the page is right.
const std::vector<std::string_view>& PageFaults();
const std::vector<std::string_view>& TransportFaults();

class FaultQueue {
 public:
  // INVALID_ARGUMENT for a name nobody knows.
  absl::Status Add(Fault fault, const Recordings& recordings);
  void Clear();
  // The first fault waiting for this function, used up by one; "" name when none. `page` picks page faults, else the
  // others.
  Fault Take(std::string_view function, bool page);
  const std::list<Fault>& waiting() const { return faults_; }

 private:
  std::list<Fault> faults_;
};

// The answer that a fault puts in the place of `whole`.
HttpReply Spoiled(const Fault& fault, HttpReply whole, const Recordings& recordings);

// The page's escaped lines, spoiled.
std::string SpoiledPage(const Fault& fault, std::string escaped_events);

}  // namespace compagnon::moodle_double

#endif  // COMPAGNON_TESTS_MOODLE_DOUBLE_SERVER_FAULTS_H_
