#ifndef COMPAGNON_MOODLE_API_SITES_RPC_H_
#define COMPAGNON_MOODLE_API_SITES_RPC_H_

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/service_type.h>

#include <memory>

#include "platform/rpc/call.h"
#include "platform/store/sql.h"

namespace compagnon::moodle {

// compagnon.moodle.v1.Sites. Both outlive the service.
std::unique_ptr<grpc::Service> NewSitesService(store::Database& database, const rpc::Guard& guard);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_API_SITES_RPC_H_
