#ifndef COMPAGNON_PLATFORM_STORE_BINARY_FORMAT_H_
#define COMPAGNON_PLATFORM_STORE_BINARY_FORMAT_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

// PostgreSQL's binary forms: big-endian numbers, arrays, and the stream of COPY ... WITH (FORMAT binary).
// Source: PostgreSQL 15 documentation, "COPY", "Binary Format", and array_send()/array_recv().
namespace compagnon::store {

// Object ids of the built-in types this store speaks.
enum Oid : unsigned {
  kBoolOid = 16,
  kByteaOid = 17,
  kInt8Oid = 20,
  kInt2Oid = 21,
  kInt4Oid = 23,
  kTextOid = 25,
  kJsonOid = 114,
  kFloat4Oid = 700,
  kFloat8Oid = 701,
  kBpcharOid = 1042,
  kVarcharOid = 1043,
  kNumericOid = 1700
};

template <typename Unsigned>
inline Unsigned BigEndian(Unsigned value) {
  static_assert(std::endian::native == std::endian::little);
  if constexpr (sizeof(Unsigned) == 8) return __builtin_bswap64(value);
  if constexpr (sizeof(Unsigned) == 4) return __builtin_bswap32(value);
  return __builtin_bswap16(value);
}

template <typename Unsigned>
inline void AppendBigEndian(std::string* out, Unsigned value) {
  const Unsigned swapped = BigEndian(value);
  out->append(reinterpret_cast<const char*>(&swapped), sizeof(swapped));
}

// What a COPY stream begins and ends with.
inline constexpr std::string_view kCopyHeader("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
inline constexpr std::string_view kCopyTrailer("\377\377", 2);

// int8[] of one dimension; `null` marks an element that is NULL.
std::string BinaryInt8Array(absl::Span<const int64_t> values, int64_t null);

// Appends rows [begin, end) of integer columns to a COPY stream. widths[c] is 2, 4 or 8 bytes. False when a value does
// not fit its column: `out` is then of no use.
bool AppendIntRows(std::string* out, absl::Span<const std::vector<int64_t>> values, absl::Span<const int> widths,
                   size_t begin, size_t end, int64_t null);

}  // namespace compagnon::store

#endif  // COMPAGNON_PLATFORM_STORE_BINARY_FORMAT_H_
