#ifndef COMPAGNON_EDGE_HTTP_CLIENT_ADDRESS_H_
#define COMPAGNON_EDGE_HTTP_CLIENT_ADDRESS_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "edge/http/message.h"
#include "platform/base/status.h"

namespace compagnon::edge {

// The proxies whose X-Forwarded-For is believed. Immutable, so safe from any thread.
class TrustedProxies {
 public:
  // "10.0.0.0/8", "::1", ...; InvalidArgument names the first that is not an address or a network.
  static absl::StatusOr<TrustedProxies> Parse(const std::vector<std::string>& networks);
  bool Contains(std::string_view address) const;

  // Who asks. The peer, unless it is trusted; then X-Forwarded-For is read from its right end, and the first address
  // that is no trusted proxy is the client. A malformed entry ends the reading at the last address believed: what
  // stands left of it was written by whoever sent it.
  std::string ClientOf(std::string_view peer, const Headers& headers) const;

 private:
  struct Network {
    std::array<uint8_t, 16> address;  // IPv4 mapped into ::ffff:0:0/96
    int bits;
  };
  std::vector<Network> networks_;
};

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_HTTP_CLIENT_ADDRESS_H_
