#include "analytics/cli.h"

#include <fmt/format.h>

#include "analytics/api/export.h"
#include "analytics/store/dictionary.h"
#include "analytics/store/digest.h"
#include "analytics/store/figures.h"
#include "analytics/store/recompute.h"
#include "analytics/store/schema.h"

namespace compagnon::analytics {

absl::StatusOr<std::string> DigestLines(store::Database& database, bool across_runs) {
  RETURN_IF_ERROR(store::Migrate(database, "analytics", Migrations()));
  ASSIGN_OR_RETURN(const std::vector<LayerDigest> layers,
                   Digests(database, across_runs ? DigestOf::kRun : DigestOf::kDatabase));
  std::string text;
  for (const LayerDigest& layer : layers) {
    text +=
        fmt::format("{{\"layer\":\"{}\",\"rows\":{},\"digest\":\"{:016x}\"}}\n", layer.layer, layer.rows, layer.sum);
  }
  return text;
}

absl::Status WriteFigures(store::Database& database, const std::string& parent,
                          absl::FunctionRef<absl::Status(std::string piece)> piece) {
  const std::optional<Scope> scope = ParseScope(parent);
  if (!scope) {
    return WithReason(absl::InvalidArgumentError("figures are of sites/<code>, a course or a cohort of it"),
                      "parent_invalid");
  }
  RETURN_IF_ERROR(store::Migrate(database, "analytics", Migrations()));
  Dictionary dictionary(database);
  FigureReader reader(database, dictionary);
  return ExportCsv(reader, *scope, {}, piece);
}

absl::Status AskRebuild(store::Database& database, const std::string& site) {
  RETURN_IF_ERROR(store::Migrate(database, "analytics", Migrations()));
  Dictionary dictionary(database);
  return Recompute(database, dictionary).AskRebuild(site);
}

}  // namespace compagnon::analytics
