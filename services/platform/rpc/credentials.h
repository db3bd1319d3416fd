#ifndef COMPAGNON_PLATFORM_RPC_CREDENTIALS_H_
#define COMPAGNON_PLATFORM_RPC_CREDENTIALS_H_

#include <grpcpp/grpcpp.h>

#include <memory>

#include "platform/rpc/server.h"

namespace compagnon::rpc {

// gRPC credentials over watched files; plain ones when no files are given. A server requires a certificate of every
// caller.
std::shared_ptr<grpc::ServerCredentials> ServerCredentials(const TlsFiles& files);
std::shared_ptr<grpc::ChannelCredentials> ClientCredentials(const TlsFiles& files);

}  // namespace compagnon::rpc

#endif  // COMPAGNON_PLATFORM_RPC_CREDENTIALS_H_
