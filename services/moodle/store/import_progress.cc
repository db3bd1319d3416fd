#include "moodle/store/import_progress.h"

namespace compagnon::moodle {

absl::StatusOr<ImportProgress> ClaimImport(store::Session& session, std::string_view site, std::string_view name,
                                           std::string_view owner, int64_t now_us, int64_t until_us) {
  const store::Value make[] = {std::string(site), std::string(name)};
  RETURN_IF_ERROR(
      session
          .Execute(
              "INSERT INTO log_import (site, name, rows_taken, published, highest_id, owner, lease_until_us, term) "
              "VALUES (:p1, :p2, 0, 0, 0, '', 0, 0) ON CONFLICT DO NOTHING",
              make)
          .status());
  const store::Value claim[] = {std::string(site), std::string(name), std::string(owner), now_us, until_us};
  RETURN_IF_ERROR(session
                      .Execute("UPDATE log_import SET owner = :p3, lease_until_us = :p5, term = term + 1 "
                               "WHERE site = :p1 AND name = :p2 AND (owner = '' OR lease_until_us <= :p4)",
                               claim)
                      .status());
  ImportProgress progress;
  RETURN_IF_ERROR(
      session.Query("SELECT rows_taken, published, highest_id, owner, lease_until_us, term FROM log_import WHERE site "
                    "= :p1 AND name = :p2",
                    make, [&](const store::Row& row) {
                      progress = {row.Int(0), row.Int(1), row.Int(2), row.Text(3), row.Int(4), row.Int(5)};
                      return absl::OkStatus();
                    }));
  return progress;
}

absl::StatusOr<TakenIds> LoadTaken(store::Session& session, std::string_view site, std::string_view name) {
  TakenIds taken;
  const store::Value params[] = {std::string(site), std::string(name)};
  RETURN_IF_ERROR(session.Query(
      "SELECT block, ranges FROM log_taken WHERE site = :p1 AND name = :p2", params, [&](const store::Row& row) {
        return taken.Decode(row.Int(0), row.Text(1)) ? absl::OkStatus()
                                                     : absl::DataLossError("log_taken: ranges that are none");
      }));
  return taken;
}

absl::Status SaveImport(store::Session& session, std::string_view site, std::string_view name,
                        const ImportProgress& progress, const TakenIds& taken, const std::set<int64_t>& blocks) {
  const store::Value params[] = {std::string(site),   std::string(name),       progress.rows_taken, progress.published,
                                 progress.highest_id, progress.lease_until_us, progress.owner,      progress.term};
  ASSIGN_OR_RETURN(
      const int64_t rows,
      session.Execute("UPDATE log_import SET rows_taken = :p3, published = :p4, highest_id = :p5, lease_until_us = :p6 "
                      "WHERE site = :p1 AND name = :p2 AND owner = :p7 AND term = :p8",
                      params));
  if (rows != 1)
    return WithReason(absl::FailedPreconditionError("another import of this log has taken over"), "fenced");
  for (int64_t block : blocks) {
    const store::Value block_params[] = {std::string(site), std::string(name), block, taken.Encode(block)};
    RETURN_IF_ERROR(session
                        .Execute("INSERT INTO log_taken (site, name, block, ranges) VALUES (:p1, :p2, :p3, :p4) "
                                 "ON CONFLICT (site, name, block) DO UPDATE SET ranges = excluded.ranges",
                                 block_params)
                        .status());
  }
  return absl::OkStatus();
}

absl::Status ReleaseImport(store::Session& session, std::string_view site, std::string_view name,
                           const ImportProgress& progress) {
  const store::Value params[] = {std::string(site), std::string(name), progress.owner, progress.term};
  return session
      .Execute(
          "UPDATE log_import SET owner = '', lease_until_us = 0 WHERE site = :p1 AND name = :p2 AND owner = :p3 AND "
          "term = :p4",
          params)
      .status();
}

}  // namespace compagnon::moodle
