#ifndef COMPAGNON_EDGE_HTTP_ENCODING_H_
#define COMPAGNON_EDGE_HTTP_ENCODING_H_

#include <string>
#include <string_view>

namespace compagnon::edge {

enum class Coding { kIdentity, kGzip, kBrotli };

// The best coding an Accept-Encoding allows (RFC 9110, 12.5.3): brotli before gzip at equal weight; q=0 forbids; "*"
// counts.
Coding ChooseCoding(std::string_view accept_encoding);
// "br", "gzip", "".
std::string_view NameOf(Coding coding);

enum class Effort { kQuick, kBest };  // pages made for one request; assets compressed once

// `bytes` in the coding. Never fails: memory gone stops the process.
std::string Encode(Coding coding, std::string_view bytes, Effort effort);

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_HTTP_ENCODING_H_
