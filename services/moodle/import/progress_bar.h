#ifndef COMPAGNON_MOODLE_IMPORT_PROGRESS_BAR_H_
#define COMPAGNON_MOODLE_IMPORT_PROGRESS_BAR_H_

#include <ostream>
#include <string>

#include "absl/time/time.h"
#include "moodle/import/import_log.h"

namespace compagnon::moodle {

// Shows how far an import is: a bar redrawn in place on a terminal, at most five times a second; without one a line
// every ten seconds.
class ProgressBar {
 public:
  // `terminal` null: lines go to `lines`, which may be null too.
  ProgressBar(std::ostream* terminal, std::ostream* lines, std::string locale, absl::Time start)
      : terminal_(terminal), lines_(lines), locale_(std::move(locale)), start_(start), shown_(start) {}
  void Show(const ImportState& state, absl::Time now);
  // Leaves the bar full and goes to the next line.
  void End(const ImportState& state, absl::Time now);

 private:
  std::string Text(const ImportState& state, absl::Time now) const;

  std::ostream* terminal_;
  std::ostream* lines_;
  std::string locale_;
  absl::Time start_, shown_;
  bool drawn_ = false;
};

// 1234567 -> "1 234 567" (French, no-break spaces) or "1,234,567".
std::string GroupedNumber(int64_t number, std::string_view locale);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_IMPORT_PROGRESS_BAR_H_
