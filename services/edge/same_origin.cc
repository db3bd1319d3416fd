#include "edge/same_origin.h"

#include <arpa/inet.h>

#include "edge/http/ascii_text.h"

namespace compagnon::edge {
namespace {

// Strict, unlike platform's IsLoopback, which reads configuration: "127.0.0.1.example.org" is a name anybody can own.
bool IsLoopbackHost(std::string_view host) {
  if (host == "[::1]" || host.starts_with("[::1]:")) return true;
  const std::string name(host.substr(0, host.find(':')));
  if (EqualsIgnoreCase(name, "localhost")) return true;
  in_addr address;
  return inet_pton(AF_INET, name.c_str(), &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

}  // namespace

absl::StatusOr<PublicAddress> PublicAddress::Parse(std::string_view url) {
  PublicAddress address;
  const size_t colon = url.find("://");
  if (colon == std::string_view::npos) return absl::InvalidArgumentError("edge.public_url: no scheme");
  address.scheme = std::string(url.substr(0, colon));
  std::string_view rest = url.substr(colon + 3);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.empty() || rest.find_first_of("/?#@ ") != std::string_view::npos) {
    return absl::InvalidArgumentError("edge.public_url: scheme and host alone are expected");
  }
  address.authority = std::string(rest);
  address.loopback = IsLoopbackHost(rest);
  if (address.scheme != "https" && !(address.scheme == "http" && address.loopback)) {
    return absl::InvalidArgumentError("edge.public_url: https, or http on loopback alone");
  }
  return address;
}

bool PublicAddress::Serves(std::string_view host) const {
  if (EqualsIgnoreCase(host, authority)) return true;
  return loopback && IsLoopbackHost(host);
}

bool IsSameOrigin(const PublicAddress& address, const Request& request) {
  const std::string_view fetch_site = request.headers.Get("sec-fetch-site");
  if (!fetch_site.empty()) return fetch_site == "same-origin";
  const std::string_view origin = request.headers.Get("origin");
  // The Host was found to be ours before.
  return !origin.empty() && EqualsIgnoreCase(origin, address.scheme + "://" + std::string(request.headers.Get("host")));
}

}  // namespace compagnon::edge
