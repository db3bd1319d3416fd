#include "platform/store/binary_format.h"

#include <algorithm>

namespace compagnon::store {
namespace {

template <typename Unsigned>
char* Put(char* at, Unsigned value) {
  const Unsigned swapped = BigEndian(value);
  std::memcpy(at, &swapped, sizeof(swapped));
  return at + sizeof(swapped);
}

}  // namespace

std::string BinaryInt8Array(absl::Span<const int64_t> values, int64_t null) {
  const bool nulls = std::find(values.begin(), values.end(), null) != values.end();
  std::string out(20 + values.size() * 12, '\0');
  char* at = out.data();
  at = Put<uint32_t>(at, values.empty() ? 0 : 1);  // dimensions
  at = Put<uint32_t>(at, nulls ? 1 : 0);
  at = Put<uint32_t>(at, kInt8Oid);
  if (values.empty()) {
    out.resize(at - out.data());
    return out;
  }
  at = Put<uint32_t>(at, static_cast<uint32_t>(values.size()));
  at = Put<uint32_t>(at, 1);  // lower bound
  for (const int64_t value : values) {
    if (nulls && value == null) {
      at = Put<uint32_t>(at, UINT32_MAX);
      continue;
    }
    at = Put<uint32_t>(at, 8);
    at = Put<uint64_t>(at, static_cast<uint64_t>(value));
  }
  out.resize(at - out.data());
  return out;
}

bool AppendIntRows(std::string* out, absl::Span<const std::vector<int64_t>> values, absl::Span<const int> widths,
                   size_t begin, size_t end, int64_t null) {
  size_t row = 2;
  for (const int width : widths) row += 4 + width;
  const size_t start = out->size();
  out->resize(start + row * (end - begin));
  char* at = out->data() + start;
  for (size_t r = begin; r < end; ++r) {
    at = Put<uint16_t>(at, static_cast<uint16_t>(values.size()));
    for (size_t c = 0; c < values.size(); ++c) {
      const int64_t value = values[c][r];
      if (value == null) {
        at = Put<uint32_t>(at, UINT32_MAX);
      } else if (widths[c] == 8) {
        at = Put<uint32_t>(at, 8);
        at = Put<uint64_t>(at, static_cast<uint64_t>(value));
      } else if (widths[c] == 4) {
        if (value != static_cast<int32_t>(value)) return false;
        at = Put<uint32_t>(at, 4);
        at = Put<uint32_t>(at, static_cast<uint32_t>(value));
      } else {
        if (value != static_cast<int16_t>(value)) return false;
        at = Put<uint32_t>(at, 2);
        at = Put<uint16_t>(at, static_cast<uint16_t>(value));
      }
    }
  }
  out->resize(at - out->data());
  return true;
}

}  // namespace compagnon::store
