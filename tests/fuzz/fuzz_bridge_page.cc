// What a site answers, in each form the bridge has: any bytes give a page or an error, and a page moves the cursor
// forwards only.
#include <cstdint>
#include <string>

#include "moodle/intake/bridge_parser.h"
#include "moodle/intake/ws_answer.h"
#include "platform/base/status.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace compagnon;
  const std::string body(reinterpret_cast<const char*>(data), size);
  moodle::BridgeParser parser;
  constexpr int64_t kAfter = 41;
  if (const auto page = parser.Pull(body, kAfter, true); page.ok()) {
    if (page->next < kAfter) Die("the cursor moved backwards");
    int64_t last = kAfter;
    for (const moodle::MoodleEvent& event : page->events) {
      if (event.seq <= last || event.seq > page->next) Die("events are not in rising order between the cursors");
      last = event.seq;
    }
  }
  parser.Status(body).IgnoreError();
  parser.Export(body).IgnoreError();
  parser.Ack(body).IgnoreError();
  const absl::Time now = absl::FromUnixSeconds(1'780'000'000);
  // The header, too, is the site's: the first line stands for it.
  const std::string header = body.substr(0, body.find('\n'));
  for (const int status : {200, 302, 404, 503})
    moodle::CheckAnswer(status, "application/json", header, body, now).IgnoreError();
  return 0;
}
