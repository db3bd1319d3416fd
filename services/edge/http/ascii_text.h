#ifndef COMPAGNON_EDGE_HTTP_ASCII_TEXT_H_
#define COMPAGNON_EDGE_HTTP_ASCII_TEXT_H_

#include <string_view>
#include <vector>

namespace compagnon::edge {

// Header syntax over std::string_view; Debian's absl has a string_view of its own that does not convert.
bool EqualsIgnoreCase(std::string_view a, std::string_view b);
// Without blanks (space, TAB) at both ends.
std::string_view Trim(std::string_view text);
// Parts between separators, never none: "" gives {""}.
std::vector<std::string_view> SplitText(std::string_view text, char separator);

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_HTTP_ASCII_TEXT_H_
