#ifndef COMPAGNON_EDGE_CSV_H_
#define COMPAGNON_EDGE_CSV_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "absl/time/time.h"
#include "edge/http/message.h"
#include "platform/base/status.h"

namespace compagnon::edge {

// Makes a CSV (RFC 4180) safe to open in a spreadsheet while it streams through: a field that begins with = + - @ TAB
// or CR, and is no plain number, gets an apostrophe before it, so that no cell becomes a formula. Pieces may be cut
// anywhere. The byte order mark that makes spreadsheets read UTF-8 comes before the first byte.
class CsvNeutraliser {
 public:
  std::string Take(std::string_view piece);
  // What is left when the text ended without a line break.
  std::string End();

 private:
  void EndField(std::string* out);

  bool started_ = false;
  std::string field_;  // of the field being read, quotes and all: fields are short
  bool quoted_ = false;
};

// A source of pieces that is asked for its first piece before anybody is told that all is well. Runs the source on a
// thread of its own between Begin and the end of Copy (or the destructor), holding one piece at a time.
class CsvStream {
 public:
  using Source = std::function<absl::Status(const BodySink&)>;
  explicit CsvStream(Source source) : source_(std::move(source)) {}
  ~CsvStream();
  CsvStream(const CsvStream&) = delete;
  CsvStream& operator=(const CsvStream&) = delete;

  // Waits for the first piece; an error when the source ended with one before it.
  absl::Status Begin();
  // Hands every piece on, neutralised; the source's error when it broke off.
  absl::Status Copy(const BodySink& sink);

 private:
  const Source source_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::string> piece_;
  std::optional<absl::Status> ended_;
  bool abandoned_ = false;
};

// "sn1-4-A-2026-03-16.csv" of "sites/sn1/courses/4/cohorts/A": letters, digits, '.', '_' and '-' alone.
std::string CsvFileName(std::string_view name, absl::Time now);

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_CSV_H_
