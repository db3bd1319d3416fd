#ifndef COMPAGNON_ANALYTICS_API_FIGURES_SERVICE_H_
#define COMPAGNON_ANALYTICS_API_FIGURES_SERVICE_H_

#include "analytics/store/figures.h"
#include "compagnon/analytics/v1/figures.grpc.pb.h"
#include "platform/rpc/call.h"

namespace compagnon::analytics {

// The service Figures over what FigureReader reads. Thread-safe.
class FiguresService final : public v1::Figures::Service {
 public:
  FiguresService(FigureReader& reader, const rpc::Guard& guard) : reader_(reader), guard_(guard) {}

  grpc::Status ListCohortSummaries(grpc::ServerContext* context, const v1::ListCohortSummariesRequest* request,
                                   v1::ListCohortSummariesResponse* response) override;
  grpc::Status QueryFigures(grpc::ServerContext* context, const v1::QueryFiguresRequest* request,
                            v1::QueryFiguresResponse* response) override;
  grpc::Status ListLearners(grpc::ServerContext* context, const v1::ListLearnersRequest* request,
                            v1::ListLearnersResponse* response) override;
  grpc::Status ListFreshness(grpc::ServerContext* context, const v1::ListFreshnessRequest* request,
                             v1::ListFreshnessResponse* response) override;
  grpc::Status ExportFigures(grpc::ServerContext* context, const v1::ExportFiguresRequest* request,
                             grpc::ServerWriter<v1::ExportFiguresResponse>* writer) override;

 private:
  FigureReader& reader_;
  const rpc::Guard& guard_;
};

}  // namespace compagnon::analytics

#endif  // COMPAGNON_ANALYTICS_API_FIGURES_SERVICE_H_
