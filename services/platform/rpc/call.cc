#include "platform/rpc/call.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "platform/base/ids.h"
#include "platform/base/trace.h"
#include "platform/rpc/messages.h"

namespace compagnon::rpc {
namespace {

constexpr std::string_view kDomain = "compagnon";

google::rpc::Status DetailsOf(const grpc::Status& status) {
  google::rpc::Status details;
  // Garbage from a foreign server reads as no details: the code alone still says enough.
  if (!details.ParseFromString(status.error_details())) details.Clear();
  return details;
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status, std::string_view locale) {
  if (status.ok()) return grpc::Status::OK;
  const std::string reason = ReasonOf(status);
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));  // both are google.rpc.Code
  details.set_message(std::string(status.message()));
  google::rpc::ErrorInfo info;
  info.set_domain(std::string(kDomain));
  info.set_reason(reason);
  details.add_details()->PackFrom(info);
  google::rpc::LocalizedMessage told;
  told.set_locale(locale.empty() ? "fr" : std::string(locale));
  told.set_message(std::string(MessageFor(status.code(), reason, locale)));
  details.add_details()->PackFrom(told);
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), details.message(), details.SerializeAsString());
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  const google::rpc::Status details = DetailsOf(status);
  for (const auto& detail : details.details()) {
    google::rpc::ErrorInfo info;
    if (detail.UnpackTo(&info) && info.domain() == kDomain && !info.reason().empty())
      return WithReason(result, info.reason());
  }
  return result;
}

std::string LocalizedMessageOf(const grpc::Status& status) {
  const google::rpc::Status details = DetailsOf(status);
  for (const auto& detail : details.details()) {
    google::rpc::LocalizedMessage told;
    if (detail.UnpackTo(&told)) return told.message();
  }
  return "";
}

void Prepare(grpc::ClientContext& context, const CallOptions& options) {
  context.set_deadline(absl::ToChronoTime(absl::Now() + options.deadline));
  context.AddMetadata("traceparent", NewTraceparent());
  if (!options.token.empty()) context.AddMetadata("compagnon-principal-bin", options.token);
  if (!options.locale.empty()) context.AddMetadata("compagnon-locale", options.locale);
}

}  // namespace compagnon::rpc
