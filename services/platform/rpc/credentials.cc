#include "platform/rpc/credentials.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdio>
#include <ctime>

#include "absl/strings/str_cat.h"

namespace compagnon::rpc {
namespace {

using grpc::experimental::FileWatcherCertificateProvider;

std::shared_ptr<FileWatcherCertificateProvider> Watch(const TlsFiles& files) {
  const auto seconds = static_cast<unsigned>(std::max<int64_t>(1, absl::ToInt64Seconds(files.refresh)));
  return std::make_shared<FileWatcherCertificateProvider>(files.key, files.cert, files.ca, seconds);
}

using File = std::unique_ptr<FILE, int (*)(FILE*)>;
File Open(const std::string& path) { return File(fopen(path.c_str(), "re"), &fclose); }

using Certificate = std::unique_ptr<X509, void (*)(X509*)>;
Certificate ReadCertificate(const std::string& path) {
  const File file = Open(path);
  return Certificate(file ? PEM_read_X509(file.get(), nullptr, nullptr, nullptr) : nullptr, &X509_free);
}

absl::Status Wrong(std::string_view what, const std::string& file) {
  return WithReason(absl::InvalidArgumentError(absl::StrCat(file, ": ", absl::string_view(what.data(), what.size()))),
                    "tls_files_invalid");
}

}  // namespace

std::shared_ptr<grpc::ServerCredentials> ServerCredentials(const TlsFiles& files) {
  if (!files.given()) return grpc::InsecureServerCredentials();
  grpc::experimental::TlsServerCredentialsOptions options(Watch(files));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  return grpc::experimental::TlsServerCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> ClientCredentials(const TlsFiles& files) {
  if (!files.given()) return grpc::InsecureChannelCredentials();
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(Watch(files));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  return grpc::experimental::TlsCredentials(options);
}

absl::StatusOr<absl::Time> CheckTlsFiles(const TlsFiles& files, absl::Time now) {
  if (!ReadCertificate(files.ca)) return Wrong("no certificate in PEM", files.ca);
  const Certificate certificate = ReadCertificate(files.cert);
  if (!certificate) return Wrong("no certificate in PEM", files.cert);
  const File file = Open(files.key);
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(
      file ? PEM_read_PrivateKey(file.get(), nullptr, nullptr, nullptr) : nullptr, &EVP_PKEY_free);
  if (!key) return Wrong("no private key in PEM", files.key);
  if (X509_check_private_key(certificate.get(), key.get()) != 1)
    return Wrong("does not fit the certificate", files.key);
  struct tm end {};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) != 1)
    return Wrong("has no end of validity", files.cert);
  const absl::Time expires = absl::FromTM(end, absl::UTCTimeZone());
  if (expires <= now) return Wrong("has expired", files.cert);
  time_t seconds = absl::ToTimeT(now);
  if (X509_cmp_time(X509_get0_notBefore(certificate.get()), &seconds) > 0) return Wrong("is not valid yet", files.cert);
  return expires;
}

}  // namespace compagnon::rpc
