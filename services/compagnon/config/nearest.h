#ifndef COMPAGNON_COMPAGNON_CONFIG_NEAREST_H_
#define COMPAGNON_COMPAGNON_CONFIG_NEAREST_H_

#include <string>
#include <string_view>

#include "absl/types/span.h"

namespace compagnon {

// The word of `known` that a misspelt `word` probably means, by edit distance; "" when none is near enough.
std::string Nearest(std::string_view word, absl::Span<const std::string> known);

}  // namespace compagnon

#endif  // COMPAGNON_COMPAGNON_CONFIG_NEAREST_H_
