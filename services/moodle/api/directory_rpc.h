#ifndef COMPAGNON_MOODLE_API_DIRECTORY_RPC_H_
#define COMPAGNON_MOODLE_API_DIRECTORY_RPC_H_

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/service_type.h>

#include <memory>

#include "platform/rpc/call.h"
#include "platform/store/sql.h"

namespace compagnon::moodle {

// compagnon.moodle.v1.Directory. Both outlive the service.
std::unique_ptr<grpc::Service> NewDirectoryService(store::Database& database, const rpc::Guard& guard);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_API_DIRECTORY_RPC_H_
