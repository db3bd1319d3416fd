#include <google/protobuf/stubs/common.h>
#include <grpcpp/grpcpp.h>
#include <openssl/crypto.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "compagnon/verbs.h"

namespace compagnon {

void AddVersion(CLI::App& app, Invocation& invocation) {
  CLI::App* verb = app.add_subcommand("version", invocation.Say("dit la version", "tells the version"));
  verb->callback([&invocation] {
    invocation.run = []() -> absl::Status {
      std::cout << "compagnon " << COMPAGNON_VERSION << "\ngRPC " << grpc::Version() << ", protobuf "
                << google::protobuf::internal::VersionString(GOOGLE_PROTOBUF_VERSION) << ", "
                << OpenSSL_version(OPENSSL_VERSION) << "\n";
      return absl::OkStatus();
    };
  });
}

}  // namespace compagnon
