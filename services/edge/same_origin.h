#ifndef COMPAGNON_EDGE_SAME_ORIGIN_H_
#define COMPAGNON_EDGE_SAME_ORIGIN_H_

#include <string>
#include <string_view>

#include "edge/http/message.h"
#include "platform/base/status.h"

namespace compagnon::edge {

// Where people reach the edge, from config.edge.public_url.
struct PublicAddress {
  std::string scheme;     // "https", or "http" on loopback
  std::string authority;  // "compagnon.example.org", "127.0.0.1:8400"
  bool loopback = false;

  // InvalidArgument for anything but http(s)://authority[/], and for http outside loopback.
  static absl::StatusOr<PublicAddress> Parse(std::string_view url);
  // The Host a request names is ours. On loopback any loopback name and port will do: the port in use may be a
  // forwarded one, while a foreign name that was made to resolve to loopback stays refused.
  bool Serves(std::string_view host) const;
};

// A POST came from a page of ours. Sec-Fetch-Site decides when the browser sends it; else Origin must be ours; a
// request with neither comes from no browser of this decade and is refused.
bool IsSameOrigin(const PublicAddress& address, const Request& request);

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_SAME_ORIGIN_H_
