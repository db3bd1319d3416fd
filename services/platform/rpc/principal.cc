#include "platform/rpc/principal.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "compagnon/access/v1/rights.pb.h"

namespace compagnon::rpc {
namespace {

constexpr int64_t kLifeUs = 60'000'000;
constexpr int64_t kSkewUs = 5'000'000;
// A person's scopes are the only part that grows. Beyond this the metadata limit of the servers would refuse the call
// anyway.
constexpr size_t kMaxTokenBytes = 8 << 10;
constexpr size_t kSignatureBytes = 64;
// Separates these signatures from anything else the same key might ever sign.
constexpr std::string_view kContext{"compagnon-principal-v1\0", 23};

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;
using Bio = std::unique_ptr<BIO, FreeBio>;
using Digest = std::unique_ptr<EVP_MD_CTX, FreeDigest>;

const unsigned char* Raw(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

std::string Contents(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

Key ParsePublic(const std::string& pem) {
  Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Key key(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  if (key && EVP_PKEY_id(key.get()) != EVP_PKEY_ED25519) key.reset();
  return key;
}

bool SignatureFits(EVP_PKEY* key, std::string_view bytes, std::string_view signature) {
  Digest context(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), Raw(signature), signature.size(), Raw(bytes), bytes.size()) == 1;
}

absl::Status Refused(std::string_view reason, std::string_view message) {
  return WithReason(absl::UnauthenticatedError(absl::string_view(message.data(), message.size())), reason);
}

std::string Signed(const SigningKey& key, const access::v1::Principal& principal) {
  access::v1::PrincipalToken token;
  if (!principal.SerializeToString(token.mutable_principal())) Die("a principal cannot be serialised");
  token.set_signature(key.Sign(token.principal()));
  return token.SerializeAsString();
}

access::v1::Principal Fresh(std::string_view issuer, std::string_view audience, absl::Time now) {
  access::v1::Principal principal;
  principal.set_issuer(std::string(issuer));
  principal.set_audience(std::string(audience));
  principal.set_issued_at_us(absl::ToUnixMicros(now));
  principal.set_expires_at_us(absl::ToUnixMicros(now) + kLifeUs);
  return principal;
}

bool HasUnknownFields(const google::protobuf::Message& message) {
  return !message.GetReflection()->GetUnknownFields(message).empty();
}

}  // namespace

bool ScopeCovers(std::string_view held, std::string_view asked) {
  if (held.empty()) return false;
  if (held == "*") return true;
  return asked.substr(0, held.size()) == held && (asked.size() == held.size() || asked[held.size()] == '/');
}

bool AnyScopeCovers(absl::Span<const std::string> held, std::string_view asked) {
  return std::any_of(held.begin(), held.end(), [&](const std::string& scope) { return ScopeCovers(scope, asked); });
}

struct SigningKey::Impl {
  Key key;
};

SigningKey SigningKey::Generate() {
  SigningKey made;
  made.impl_ = std::make_shared<Impl>();
  made.impl_->key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (!made.impl_->key) Die("OpenSSL makes no Ed25519 key");
  return made;
}

absl::StatusOr<SigningKey> SigningKey::Load(const std::string& pem_file) {
  std::unique_ptr<FILE, int (*)(FILE*)> file(fopen(pem_file.c_str(), "re"), &fclose);
  if (!file) return absl::ErrnoToStatus(errno, absl::StrCat("signing key ", pem_file));
  SigningKey loaded;
  loaded.impl_ = std::make_shared<Impl>();
  loaded.impl_->key.reset(PEM_read_PrivateKey(file.get(), nullptr, nullptr, nullptr));
  if (!loaded.impl_->key || EVP_PKEY_id(loaded.impl_->key.get()) != EVP_PKEY_ED25519) {
    return WithReason(absl::InvalidArgumentError(absl::StrCat(pem_file, " holds no Ed25519 private key in PEM")),
                      "signing_key_invalid");
  }
  return loaded;
}

absl::Status SigningKey::Save(const std::string& pem_file) const {
  Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), impl_->key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return absl::InternalError("an Ed25519 key cannot be written as PEM");
  }
  const std::string pem = Contents(bio.get());
  // O_EXCL and the mode at creation: the key is never readable by others, not even for an instant, and never replaces
  // another.
  const int fd = ::open(pem_file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("signing key ", pem_file));
  const bool written = ::write(fd, pem.data(), pem.size()) == static_cast<ssize_t>(pem.size()) && ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  if (!written) return absl::ErrnoToStatus(error, absl::StrCat("signing key ", pem_file));
  return absl::OkStatus();
}

std::string SigningKey::PublicPem() const {
  Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PUBKEY(bio.get(), impl_->key.get()) != 1) Die("an Ed25519 key has no public half");
  return Contents(bio.get());
}

std::string SigningKey::Sign(std::string_view bytes) const {
  const std::string message =
      absl::StrCat(absl::string_view(kContext.data(), kContext.size()), absl::string_view(bytes.data(), bytes.size()));
  Digest context(EVP_MD_CTX_new());
  std::string signature(kSignatureBytes, '\0');
  size_t size = signature.size();
  if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, impl_->key.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, Raw(message),
                     message.size()) != 1) {
    Die("Ed25519 does not sign");
  }
  return signature;
}

std::string SignPerson(const SigningKey& edge_key, std::string_view audience, const Caller& person, absl::Time now) {
  access::v1::Principal principal = Fresh("edge", audience, now);
  principal.set_person(person.person);
  principal.set_session(person.session);
  for (const std::string& permission : person.permissions) principal.add_permissions(permission);
  for (const std::string& scope : person.scopes) principal.add_scopes(scope);
  return Signed(edge_key, principal);
}

std::string SignService(const SigningKey& key, std::string_view issuer, std::string_view audience, absl::Time now) {
  return Signed(key, Fresh(issuer, audience, now));
}

struct Verifier::Impl {
  std::string audience;
  std::map<std::string, Key, std::less<>> keys;
};

Verifier::Verifier(std::string audience, std::map<std::string, std::string> public_pem_by_issuer)
    : impl_(std::make_unique<Impl>()) {
  impl_->audience = std::move(audience);
  for (const auto& [issuer, pem] : public_pem_by_issuer) {
    Key key = ParsePublic(pem);
    if (!key) Die(absl::StrCat("the public key of issuer ", issuer, " is no Ed25519 key in PEM"));
    impl_->keys.emplace(issuer, std::move(key));
  }
}

Verifier::~Verifier() = default;

absl::StatusOr<Caller> Verifier::Verify(std::string_view token, absl::Time now) const {
  if (token.empty()) return Refused("token_missing", "no principal token");
  if (token.size() > kMaxTokenBytes) return Refused("token_too_long", "principal token is too long");
  access::v1::PrincipalToken outer;
  access::v1::Principal principal;
  // Serialised again it must give the same bytes: a field met twice, or one nobody knows, would be a second spelling.
  if (!outer.ParseFromArray(token.data(), static_cast<int>(token.size())) || outer.SerializeAsString() != token ||
      HasUnknownFields(outer) || outer.signature().size() != kSignatureBytes ||
      !principal.ParseFromString(outer.principal()) || HasUnknownFields(principal)) {
    return Refused("token_malformed", "principal token cannot be read");
  }
  const auto key = impl_->keys.find(principal.issuer());
  if (key == impl_->keys.end()) return Refused("token_issuer_unknown", "principal token of an unknown issuer");
  const std::string message = absl::StrCat(absl::string_view(kContext.data(), kContext.size()), outer.principal());
  if (!SignatureFits(key->second.get(), message, outer.signature())) {
    return Refused("token_signature_wrong", "principal token's signature does not fit");
  }
  if (principal.audience() != impl_->audience) {
    return Refused("token_audience_wrong", "principal token was made for another module");
  }
  const int64_t now_us = absl::ToUnixMicros(now), issued = principal.issued_at_us(),
                expires = principal.expires_at_us();
  if (issued <= 0 || expires <= issued || expires > issued + kLifeUs) {
    return Refused("token_malformed", "principal token lives too long");
  }
  if (issued > now_us + kSkewUs) return Refused("token_from_the_future", "principal token is not valid yet");
  if (expires + kSkewUs <= now_us) return Refused("token_expired", "principal token has expired");

  Caller caller;
  if (principal.person().empty()) {
    // A service acts for nobody: what it may do stands in the callers of each rpc, never in its token.
    if (principal.permissions_size() > 0 || principal.scopes_size() > 0 || !principal.session().empty()) {
      return Refused("token_malformed", "service principal carries a person's rights");
    }
    caller.module = principal.issuer();
    return caller;
  }
  if (principal.issuer() != "edge") return Refused("token_issuer_wrong", "persons' tokens come from the edge only");
  caller.person = principal.person();
  caller.session = principal.session();
  caller.permissions.assign(principal.permissions().begin(), principal.permissions().end());
  caller.scopes.assign(principal.scopes().begin(), principal.scopes().end());
  return caller;
}

}  // namespace compagnon::rpc
