#ifndef COMPAGNON_EDGE_BACKEND_H_
#define COMPAGNON_EDGE_BACKEND_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "edge/http/message.h"
#include "edge/pages/models.h"
#include "platform/base/status.h"
#include "platform/rpc/principal.h"

namespace compagnon::edge {

// In whose name, and until when, the modules are asked.
struct Asker {
  rpc::Caller caller;
  absl::Time deadline = absl::InfiniteFuture();
  std::string locale = "fr";
};

// Where pages get what they show. A part whose module does not answer is said to be missing inside the page; an error
// is returned only when there is no page at all: NotFound, PermissionDenied. Thread-safe.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual HomePage LoadHome(const Asker& asker, const std::string& page_token) = 0;
  virtual absl::StatusOr<CohortPage> LoadCohort(const Asker& asker, const std::string& name,
                                                const std::string& learners_token) = 0;
  virtual FreshnessPage LoadFreshness(const Asker& asker) = 0;
  // Hands the CSV of figures over piece by piece, whole lines each, as the module sends it.
  virtual absl::Status Export(const Asker& asker, const std::string& name, const std::vector<std::string>& indicators,
                              const BodySink& sink) = 0;
};

// The modules behind their stubs. Calls of a page run side by side under one deadline.
struct GrpcBackendOptions {
  std::function<std::shared_ptr<grpc::Channel>(const std::string& module)> channel;
  // A person's token for calls to `audience`.
  std::function<std::string(const std::string& audience, const rpc::Caller& person)> token;
  absl::Duration call_deadline = absl::Seconds(5);
};
std::unique_ptr<Backend> NewGrpcBackend(GrpcBackendOptions options);

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_BACKEND_H_
