#ifndef COMPAGNON_ANALYTICS_DOMAIN_POSITION_SET_H_
#define COMPAGNON_ANALYTICS_DOMAIN_POSITION_SET_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "platform/base/status.h"

namespace compagnon::analytics {

// The store keeps the positions of a stream in blocks of this many, so that a stream with many gaps does not rewrite a
// long text for each batch.
inline constexpr int64_t kPositionBlock = int64_t{1} << 18;

// The positions of a stream that were already taken, kept as ranges: "1-412000,412007,412009-412010". It stands in for
// an index with one entry per event. Positions are >= 1.
class PositionSet {
 public:
  // InvalidArgument when the text is not what Format() writes (ascending, disjoint, not touching).
  static absl::StatusOr<PositionSet> Parse(std::string_view text);
  std::string Format() const;

  // Adds all of them; fresh[i] says whether positions[i] was new. Of a position named twice only the first is new. Any
  // order.
  std::vector<bool> Take(absl::Span<const int64_t> positions);

  // Adds [first, last]; answers how many of them were new.
  int64_t TakeRange(int64_t first, int64_t last);

  bool Contains(int64_t position) const;
  // How many taken positions are <= `position`.
  int64_t CountUpTo(int64_t position) const;
  int64_t size() const;
  size_t range_count() const { return ranges_.size(); }

 private:
  struct Range {
    int64_t first, last;
  };
  std::vector<Range> ranges_;  // ascending, at least one position apart
};

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_DOMAIN_POSITION_SET_H_
