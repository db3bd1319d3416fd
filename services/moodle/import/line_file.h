#ifndef COMPAGNON_MOODLE_IMPORT_LINE_FILE_H_
#define COMPAGNON_MOODLE_IMPORT_LINE_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/status.h"

namespace compagnon::moodle {

// A line of a file; `text` is valid until the next one is read, and at least 64 bytes behind it may be read.
struct Line {
  std::string_view text;  // without its end (LF or CRLF), without a BOM on the first line
  int64_t number = 0;     // from 1
  bool ended = true;      // false: the file stops here without an end of line
  bool too_long = false;  // `text` is empty then
};

// Lines of a file, plain or gzip (told by its first bytes). Memory is bounded by `longest_line`: longer ones are
// skipped and said so.
class LineFile {
 public:
  static absl::StatusOr<std::unique_ptr<LineFile>> Open(const std::string& path,
                                                        size_t longest_line = size_t{16} << 20);
  ~LineFile();

  // False at the end. DataLoss at the end of a gzip file that was cut short or damaged: every line before that has been
  // given.
  absl::StatusOr<bool> Next(Line* line);

  // Bytes of the file on disk, and how many of them have been read: for a progress bar.
  int64_t size() const;
  int64_t consumed() const;

 private:
  struct Impl;
  explicit LineFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Records of a CSV file (RFC 4180; the separator is the comma, semicolon or tab that the first line holds most of). A
// quoted field may hold line ends.
class CsvFile {
 public:
  explicit CsvFile(LineFile& lines) : lines_(lines) {}

  struct Record {
    std::vector<std::string> fields;
    int64_t line = 0;      // where it begins
    bool ended = true;     // false: the file stops in it or right after it, without an end of line
    bool refused = false;  // a quote that never ends, or a line too long; `fields` is empty
    bool cut_off = false;  // it is the file's last and not whole
  };
  // False at the end. The first record is the header. Empty lines are skipped.
  absl::StatusOr<bool> Next(Record* record);

  // Puts a line back that was read to see what the file is.
  void Unread(std::string text, int64_t number, bool ended) { kept_.push_back({std::move(text), number, ended}); }

 private:
  absl::StatusOr<bool> Raw(std::string* text, int64_t* number, bool* ended, bool* too_long);

  LineFile& lines_;
  char separator_ = 0;
  struct Kept {
    std::string text;
    int64_t number;
    bool ended;
  };
  std::vector<Kept>
      kept_;  // lines read ahead for a quote that never ended, to be read again as lines of their own; last first
};

// Splits one record. False when a quote in it does not end.
bool SplitCsv(std::string_view text, char separator, std::vector<std::string>* fields);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_IMPORT_LINE_FILE_H_
