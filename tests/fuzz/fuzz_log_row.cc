// A row of a log export, as JSON or as CSV fields: any bytes give an event or an error, and ids stay ids.
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "moodle/intake/log_row.h"
#include "platform/base/status.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace compagnon;
  const std::string text(reinterpret_cast<const char*>(data), size);
  moodle::LogRowReader reader;
  moodle::MoodleEvent event;
  std::string padded = text;
  padded.append(moodle::kJsonPadding, '\0');
  if (reader.FromJson(std::string_view(padded).substr(0, text.size()), &event).ok() && event.seq < 0)
    Die("a negative id was accepted");
  const std::vector<std::string> header = {"id",       "eventname", "timecreated",   "userid",
                                           "courseid", "other",     "relateduserid", "anonymous"};
  if (!reader.SetColumns(header).ok()) Die("the fuzzer's own header was refused");
  std::vector<std::string> fields = absl::StrSplit(text, '\x1f');
  reader.FromCsv(fields, &event).IgnoreError();
  return 0;
}
