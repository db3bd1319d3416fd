#ifndef COMPAGNON_MOODLE_DOMAIN_ADDRESS_H_
#define COMPAGNON_MOODLE_DOMAIN_ADDRESS_H_

#include <string_view>

namespace compagnon::moodle {

// True when an IP address (4 or 16 bytes, network order) is routed on the public Internet: not private, loopback,
// link-local, multicast or reserved (RFC 6890), and no such IPv4 address inside an IPv6 one.
bool IsPublicAddress(std::string_view bytes);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_DOMAIN_ADDRESS_H_
