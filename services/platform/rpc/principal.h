#ifndef COMPAGNON_PLATFORM_RPC_PRINCIPAL_H_
#define COMPAGNON_PLATFORM_RPC_PRINCIPAL_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "platform/base/status.h"

namespace compagnon::rpc {

// Who calls, after the token was verified. A service principal has a module and no person.
struct Caller {
  std::string person;
  std::string module;  // of a service principal
  std::string session;
  std::vector<std::string> permissions;
  std::vector<std::string> scopes;
};

// "*" covers everything; "sites/sn1" covers itself and "sites/sn1/courses/4", never "sites/sn10".
bool ScopeCovers(std::string_view held, std::string_view asked);
bool AnyScopeCovers(absl::Span<const std::string> held, std::string_view asked);

// Ed25519 key pair of one signer (edge for persons, each module for itself). PEM files; private ones 0600.
class SigningKey {
 public:
  static absl::StatusOr<SigningKey> Load(const std::string& pem_file);
  static SigningKey Generate();
  absl::Status Save(const std::string& pem_file) const;
  std::string PublicPem() const;
  std::string Sign(std::string_view bytes) const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// Makes a token for metadata "compagnon-principal-bin": serialised compagnon.access.v1.PrincipalToken, 60 s.
std::string SignPerson(const SigningKey& edge_key, std::string_view audience, const Caller& person, absl::Time now);
std::string SignService(const SigningKey& key, std::string_view issuer, std::string_view audience, absl::Time now);

// Verifies tokens shown to `audience`. Persons only from issuer "edge". Unauthenticated with a reason when anything is
// off.
class Verifier {
 public:
  Verifier(std::string audience, std::map<std::string, std::string> public_pem_by_issuer);
  ~Verifier();
  absl::StatusOr<Caller> Verify(std::string_view token, absl::Time now) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace compagnon::rpc

#endif  // COMPAGNON_PLATFORM_RPC_PRINCIPAL_H_
