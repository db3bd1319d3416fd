#include "platform/base/trace.h"

#include "absl/strings/str_cat.h"
#include "platform/base/ids.h"
#include "platform/base/log.h"

namespace compagnon {

std::string NewTraceparent() {
  const std::string_view current = CurrentTraceId();
  const std::string trace = current.size() == 32 ? std::string(current) : HexEncode(RandomBytes(16));
  return absl::StrCat("00-", trace, "-", HexEncode(RandomBytes(8)), "-01");
}

std::string_view TraceIdOf(std::string_view traceparent) {
  if (traceparent.size() != 55 || traceparent.substr(0, 3) != "00-" || traceparent[35] != '-' || traceparent[52] != '-')
    return {};
  const std::string_view trace = traceparent.substr(3, 32);
  if (trace.find_first_not_of("0123456789abcdef") != std::string_view::npos) return {};
  if (trace.find_first_not_of('0') == std::string_view::npos) return {};
  return trace;
}

}  // namespace compagnon
