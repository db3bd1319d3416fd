#ifndef COMPAGNON_PLATFORM_BASE_TRACE_H_
#define COMPAGNON_PLATFORM_BASE_TRACE_H_

#include <string>
#include <string_view>

namespace compagnon {

// W3C Trace Context, version 00: "00-<trace id, 32 hex>-<parent id, 16 hex>-<flags>". It travels in the metadata of
// calls and the headers of messages; the trace id stands in every log line (ScopedLogModule).

// Continues the trace this thread works for, or starts one.
std::string NewTraceparent();

// The trace id inside; "" when the text is no traceparent. Points into `traceparent`.
std::string_view TraceIdOf(std::string_view traceparent);

}  // namespace compagnon

#endif  // COMPAGNON_PLATFORM_BASE_TRACE_H_
