// Tokens in metadata come from anybody: none but a signed one is ever accepted.
#include <cstdint>
#include <string_view>

#include "platform/base/status.h"
#include "platform/rpc/principal.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace compagnon;
  static const rpc::Verifier* const verifier =
      new rpc::Verifier("analytics", {{"edge", rpc::SigningKey::Generate().PublicPem()}});
  const std::string_view token(reinterpret_cast<const char*>(data), size);
  if (verifier->Verify(token, absl::FromUnixSeconds(1'780'000'000)).ok()) Die("an unsigned token was accepted");
  return 0;
}
