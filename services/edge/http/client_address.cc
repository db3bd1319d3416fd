#include "edge/http/client_address.h"

#include <arpa/inet.h>

#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "edge/http/ascii_text.h"

namespace compagnon::edge {
namespace {

// Everything is compared as IPv6, so that "::ffff:10.0.0.1" and "10.0.0.1" are one address.
bool ToSixteen(std::string_view text, std::array<uint8_t, 16>* out, bool* four = nullptr) {
  const std::string address(text);
  in_addr v4;
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) {
    out->fill(0);
    (*out)[10] = (*out)[11] = 0xff;
    std::memcpy(out->data() + 12, &v4, 4);
    if (four) *four = true;
    return true;
  }
  if (four) *four = false;
  return inet_pton(AF_INET6, address.c_str(), out->data()) == 1;
}

}  // namespace

absl::StatusOr<TrustedProxies> TrustedProxies::Parse(const std::vector<std::string>& networks) {
  TrustedProxies result;
  for (const std::string& text : networks) {
    const size_t slash = text.find('/');
    Network network;
    bool four = false;
    int bits = -1;
    const bool address_ok = ToSixteen(text.substr(0, slash), &network.address, &four);
    if (slash == std::string::npos) {
      bits = four ? 32 : 128;
    } else if (!absl::SimpleAtoi(text.substr(slash + 1), &bits)) {
      bits = -1;
    }
    if (!address_ok || bits < 0 || bits > (four ? 32 : 128)) {
      return absl::InvalidArgumentError(absl::StrCat("trusted_proxies: \"", text, "\" is no address or network"));
    }
    network.bits = four ? bits + 96 : bits;
    result.networks_.push_back(network);
  }
  return result;
}

bool TrustedProxies::Contains(std::string_view address) const {
  std::array<uint8_t, 16> bytes;
  if (!ToSixteen(address, &bytes)) return false;
  for (const Network& network : networks_) {
    const int whole = network.bits / 8, rest = network.bits % 8;
    if (std::memcmp(bytes.data(), network.address.data(), whole) != 0) continue;
    if (rest == 0) return true;
    const uint8_t mask = static_cast<uint8_t>(0xff << (8 - rest));
    if ((bytes[whole] & mask) == (network.address[whole] & mask)) return true;
  }
  return false;
}

std::string TrustedProxies::ClientOf(std::string_view peer, const Headers& headers) const {
  std::string client(peer);
  if (!Contains(client)) return client;
  std::vector<std::string> chain;
  for (const auto& [name, value] : headers.all()) {
    if (!EqualsIgnoreCase(name, "x-forwarded-for")) continue;
    for (std::string_view part : SplitText(value, ',')) chain.emplace_back(Trim(part));
  }
  for (auto entry = chain.rbegin(); entry != chain.rend(); ++entry) {
    std::array<uint8_t, 16> ignored;
    if (!ToSixteen(*entry, &ignored)) break;
    client = *entry;
    if (!Contains(client)) break;
  }
  return client;
}

}  // namespace compagnon::edge
