#include "moodle/store/coverage.h"

#include <fmt/format.h>

#include "compagnon/event/v1/slim.pb.h"
#include "moodle/store/publication.h"

namespace compagnon::moodle {

absl::StatusOr<std::vector<CoverageSpan>> CoverageOf(store::Session& session, std::string_view site) {
  std::vector<CoverageSpan> spans;
  const store::Value params[] = {std::string(site)};
  RETURN_IF_ERROR(session.Query("SELECT source, from_us, to_us FROM coverage_span WHERE site = :p1 ORDER BY from_us",
                                params, [&](const store::Row& row) {
                                  spans.push_back({row.Text(0), row.Int(1), row.Int(2)});
                                  return absl::OkStatus();
                                }));
  return spans;
}

absl::Status AdvanceCoverage(store::Session& session, std::string_view site, std::string_view source, int64_t from_us,
                             int64_t to_us) {
  const store::Value params[] = {std::string(site)};
  // One writer at a time: a file's import and the poller may claim at the same moment.
  RETURN_IF_ERROR(
      session.Execute("INSERT INTO coverage_published (site, said) VALUES (:p1, '') ON CONFLICT DO NOTHING", params)
          .status());
  RETURN_IF_ERROR(session.Execute("UPDATE coverage_published SET said = said WHERE site = :p1", params).status());
  ASSIGN_OR_RETURN(std::vector<CoverageSpan> before, CoverageOf(session, site));
  const std::vector<CoverageSpan> after = ClaimCoverage(before, source, from_us, to_us);
  if (after == before) return absl::OkStatus();
  RETURN_IF_ERROR(session.Execute("DELETE FROM coverage_span WHERE site = :p1", params).status());
  std::vector<std::vector<store::Value>> rows;
  for (const CoverageSpan& span : after) rows.push_back({std::string(site), span.from_us, span.to_us, span.source});
  return session.BulkInsert("coverage_span", {"site", "from_us", "to_us", "source"}, rows);
}

absl::Status SetStreamMark(store::Session& session, std::string_view site, std::string_view stream, int64_t pos,
                           int64_t events) {
  const store::Value params[] = {std::string(site), std::string(stream), pos, events};
  return session
      .Execute(
          "INSERT INTO coverage_mark (site, stream, pos, events) VALUES (:p1, :p2, :p3, :p4) "
          "ON CONFLICT (site, stream) DO UPDATE SET pos = excluded.pos, events = excluded.events",
          params)
      .status();
}

absl::Status PublishCoverage(store::Session& session, std::string_view site) {
  const store::Value params[] = {std::string(site)};
  RETURN_IF_ERROR(
      session.Execute("INSERT INTO coverage_published (site, said) VALUES (:p1, '') ON CONFLICT DO NOTHING", params)
          .status());
  RETURN_IF_ERROR(session.Execute("UPDATE coverage_published SET said = said WHERE site = :p1", params).status());
  ASSIGN_OR_RETURN(const std::vector<CoverageSpan> spans, CoverageOf(session, site));

  event::v1::SlimEvent slim;
  event::v1::CoverageState& state = *slim.mutable_coverage();
  int64_t latest = 0;
  for (const CoverageSpan& span : spans) {
    event::v1::CoverageState::Span& said = *state.add_spans();
    said.set_source(span.source);
    said.mutable_span()->set_from_us(span.from_us);
    said.mutable_span()->set_to_us(span.to_us);
    latest = span.to_us;
  }
  RETURN_IF_ERROR(session.Query("SELECT stream, pos, events FROM coverage_mark WHERE site = :p1 ORDER BY stream",
                                params, [&](const store::Row& row) {
                                  event::v1::CoverageState::Mark& mark = *state.add_marks();
                                  mark.set_stream(row.Text(0));
                                  mark.set_pos(row.Int(1));
                                  mark.set_events(row.Int(2));
                                  return absl::OkStatus();
                                }));
  ASSIGN_OR_RETURN(const int64_t last_pos, LastSitePos(session, site));
  if (last_pos > 0) {
    event::v1::CoverageState::Mark& mark = *state.add_marks();
    mark.set_stream("site");
    mark.set_pos(last_pos);
    mark.set_events(last_pos);
  }

  // The state itself takes the next position, so the text kept speaks of the stream's end after it; else it would
  // answer itself for ever.
  const auto text_of = [&](int64_t own_positions) {
    std::string text;
    for (const CoverageSpan& span : spans) text += fmt::format("{} {} {}\n", span.source, span.from_us, span.to_us);
    for (const event::v1::CoverageState::Mark& mark : state.marks()) {
      if (mark.stream() != "site") text += fmt::format("{} {} {}\n", mark.stream(), mark.pos(), mark.events());
    }
    text += fmt::format("site {}\n", last_pos + own_positions);
    return text;
  };
  std::string before;
  RETURN_IF_ERROR(
      session.Query("SELECT said FROM coverage_published WHERE site = :p1", params, [&](const store::Row& row) {
        before = row.Text(0);
        return absl::OkStatus();
      }));
  if (text_of(0) == before) return absl::OkStatus();

  slim.set_stream("site");
  slim.set_occurred_us(latest);
  slim.set_recorded_us(latest);
  RETURN_IF_ERROR(PublishSlim(session, site, absl::MakeSpan(&slim, 1)));
  const store::Value keep[] = {std::string(site), text_of(1)};
  return session.Execute("UPDATE coverage_published SET said = :p2 WHERE site = :p1", keep).status();
}

}  // namespace compagnon::moodle
