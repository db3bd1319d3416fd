#include "analytics/store/recompute.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "analytics/domain/coverage.h"
#include "analytics/domain/indicators.h"
#include "analytics/domain/local_time.h"
#include "analytics/domain/position_set.h"
#include "analytics/store/layers.h"
#include "analytics/store/schema.h"
#include "platform/base/log.h"

namespace compagnon::analytics {
namespace {

// A coverage older than this many newer ones is of no use any more.
constexpr int64_t kStatedKept = 64;
// Few, so that nobody waits long for a course's row or for SQLite's one writer.
constexpr size_t kCoursesPerTransaction = 8;
// A rebuild merges the actions it holds into learner-days each time it has read so many.
constexpr size_t kMergeActionsAt = 500000;

absl::StatusOr<int64_t> TakenUpTo(store::Session& session, int64_t site, std::string_view stream, int64_t pos) {
  int64_t count = 0;
  const int64_t block = pos / kPositionBlock;
  RETURN_IF_ERROR(
      session.Query("SELECT coalesce(sum(t.n), 0) FROM taken t JOIN stream s ON s.id = t.stream"
                    " WHERE s.site = :p1 AND s.name = :p2 AND t.block < :p3",
                    {site, std::string(stream), block}, [&](const store::Row& row) {
                      count += row.Int(0);
                      return absl::OkStatus();
                    }));
  RETURN_IF_ERROR(
      session.Query("SELECT t.ranges FROM taken t JOIN stream s ON s.id = t.stream"
                    " WHERE s.site = :p1 AND s.name = :p2 AND t.block = :p3",
                    {site, std::string(stream), block}, [&](const store::Row& row) -> absl::Status {
                      ASSIGN_OR_RETURN(const PositionSet taken, PositionSet::Parse(row.Text(0)));
                      count += taken.CountUpTo(pos);
                      return absl::OkStatus();
                    }));
  return count;
}

absl::Status MarkSite(store::Session& session, int64_t site) {
  return session.Execute("INSERT INTO dirty (site, course, week, person) VALUES (:p1, 0, -1, 0)", {site}).status();
}

}  // namespace

absl::StatusOr<PassReport> Recompute::Pass() {
  struct Site {
    int64_t id;
    bool rebuild, stated;
  };
  RETURN_IF_ERROR(counter_.Prepare());
  PassReport report;
  std::vector<Site> sites;
  bool site_marks = false;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    sites.clear();
    report = {};
    RETURN_IF_ERROR(session.Query(
        "SELECT id, CASE WHEN zone = '' THEN 0 ELSE rebuild END,"
        " CASE WHEN EXISTS (SELECT 1 FROM coverage_stated c WHERE c.site = site.id) THEN 1 ELSE 0 END, code,"
        " watermark_us FROM site",
        {}, [&](const store::Row& row) {
          sites.push_back({row.Int(0), row.Int(1) != 0, row.Int(2) != 0});
          report.watermarks.emplace_back(row.Text(3), row.Int(4));
          return absl::OkStatus();
        }));
    return session.Query("SELECT 1 FROM dirty WHERE course = 0 LIMIT 1", {}, [&](const store::Row&) {
      site_marks = true;
      return absl::OkStatus();
    });
  }));
  // What fails for one site or course holds back no other; the first error is the pass's.
  absl::Status failed;
  const auto note = [&](const absl::Status& status, int64_t site, int64_t course) {
    if (status.ok()) return true;
    Log(LogLevel::kError, "figures not counted",
        {{"site_number", site}, {"course", course}, {"reason", ReasonOf(status)}});
    failed.Update(status);
    return false;
  };
  for (const Site& site : sites) {
    if (site.rebuild && note(Rebuild(site.id), site.id, 0)) {
      site_marks = true;
      ++report.rebuilt;
    }
    if (site.stated) {
      const int64_t before = report.believed;
      note(Believe(site.id, report), site.id, 0);
      site_marks = site_marks || report.believed > before;
    }
  }
  if (site_marks) RETURN_IF_ERROR(SpreadSiteMarks());

  std::vector<std::pair<int64_t, int64_t>> due;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    due.clear();
    return session.Query(
        "SELECT d.site, d.course FROM (SELECT DISTINCT site, course FROM dirty WHERE course <> 0) d JOIN site s ON "
        "s.id = d.site"
        " WHERE s.zone <> '' AND s.rebuild = 0 AND s.spans_pos > 0"
        " UNION SELECT c.site, c.course FROM course c JOIN site s ON s.id = c.site"
        " WHERE c.next_change_us <= s.watermark_us AND s.zone <> '' AND s.rebuild = 0 AND s.spans_pos > 0 ORDER BY 1, "
        "2",
        {}, [&](const store::Row& row) {
          due.emplace_back(row.Int(0), row.Int(1));
          return absl::OkStatus();
        });
  }));
  const auto count = [&](size_t at, size_t end) -> absl::Status {
    int64_t full = 0, cells = 0;
    RETURN_IF_ERROR(database_.Write([&](store::Session& session) -> absl::Status {
      full = cells = 0;
      if (session.dialect() == store::Dialect::kPostgresql) {
        // Figures lost in a crash come back: the marks are deleted in the same transaction.
        RETURN_IF_ERROR(session.Execute("SET LOCAL synchronous_commit = off").status());
      }
      for (size_t i = at; i < end; ++i) {
        ASSIGN_OR_RETURN(const CourseReport counted, counter_.Count(session, due[i].first, due[i].second));
        full += counted.full;
        cells += counted.cells;
      }
      return absl::OkStatus();
    }));
    report.courses += static_cast<int64_t>(end - at);
    report.full_courses += full;
    report.cells += cells;
    return absl::OkStatus();
  };
  for (size_t at = 0; at < due.size(); at += kCoursesPerTransaction) {
    const size_t end = std::min(due.size(), at + kCoursesPerTransaction);
    if (count(at, end).ok()) continue;
    for (size_t i = at; i < end; ++i) note(count(i, i + 1), due[i].first, due[i].second);
  }
  if (!failed.ok()) return failed;
  return report;
}

absl::Status Recompute::SpreadSiteMarks() {
  return database_.Write([&](store::Session& session) -> absl::Status {
    RETURN_IF_ERROR(
        session
            .Execute("INSERT INTO dirty (site, course, week, person) SELECT c.site, c.course, -1, 0 FROM course c"
                     " WHERE c.site IN (SELECT site FROM dirty WHERE course = 0)")
            .status());
    return session.Execute("DELETE FROM dirty WHERE course = 0").status();
  });
}

absl::Status Recompute::Believe(int64_t site, PassReport& report) {
  bool moved = false;
  RETURN_IF_ERROR(database_.Write([&](store::Session& session) -> absl::Status {
    moved = false;
    std::vector<CoverageSpan> before;
    int64_t believed_pos = 0, watermark = 0;
    RETURN_IF_ERROR(session.Query(
        fmt::format("SELECT spans, spans_pos, watermark_us FROM site WHERE id = :p1{}", ForUpdate(session)), {site},
        [&](const store::Row& row) -> absl::Status {
          ASSIGN_OR_RETURN(before, ParseSpans(row.Text(0)));
          believed_pos = row.Int(1);
          watermark = row.Int(2);
          return absl::OkStatus();
        }));
    std::vector<Interval> holes;
    RETURN_IF_ERROR(
        session.Query("SELECT from_us, to_us FROM lost WHERE site = :p1", {site}, [&](const store::Row& row) {
          holes.push_back({row.Int(0), row.Int(1)});
          return absl::OkStatus();
        }));
    const Intervals lost = Merge(std::move(holes));
    struct Stated {
      int64_t pos, stated_us;
      std::string spans, marks;
    };
    std::vector<Stated> newest_first;
    RETURN_IF_ERROR(
        session.Query("SELECT pos, stated_us, spans, marks FROM coverage_stated WHERE site = :p1 ORDER BY pos DESC",
                      {site}, [&](const store::Row& row) {
                        newest_first.push_back({row.Int(0), row.Int(1), row.Text(2), row.Text(3)});
                        return absl::OkStatus();
                      }));
    int64_t done_pos = believed_pos;
    for (const Stated& stated : newest_first) {
      if (stated.pos <= believed_pos) break;
      ASSIGN_OR_RETURN(const std::vector<CoverageMark> marks, ParseMarks(stated.marks));
      absl::Status failed;
      const bool believable = Believable(
          marks, [&](std::string_view stream, int64_t pos) { return TakenUpTo(session, site, stream, pos); }, &failed);
      RETURN_IF_ERROR(failed);
      if (!believable) continue;
      ASSIGN_OR_RETURN(const std::vector<CoverageSpan> said, ParseSpans(stated.spans));
      const std::vector<CoverageSpan> spans = WithoutLost(said, lost);
      const int64_t t = WatermarkOf(spans, stated.stated_us);
      if (!OnlyGrows(before, spans) || t < watermark) RETURN_IF_ERROR(MarkSite(session, site));
      RETURN_IF_ERROR(
          session
              .Execute("UPDATE site SET spans = :p2, spans_pos = :p3, watermark_us = :p4, known_from_us = :p5,"
                       " version = version + 1 WHERE id = :p1",
                       {site, FormatSpans(spans), stated.pos, t, spans.empty() ? int64_t{0} : spans.front().span.from})
              .status());
      moved = true;
      done_pos = stated.pos;
      break;
    }
    if (newest_first.size() > kStatedKept) done_pos = std::max(done_pos, newest_first[kStatedKept].pos);
    return session.Execute("DELETE FROM coverage_stated WHERE site = :p1 AND pos <= :p2", {site, done_pos}).status();
  }));
  report.believed += moved;
  return absl::OkStatus();
}

absl::Status Recompute::Rebuild(int64_t site) {
  ASSIGN_OR_RETURN(const NameNumbers names, ReadNameNumbers(dictionary_));
  absl::Status status = database_.Write([&](store::Session& session) -> absl::Status {
    std::string zone_name;
    RETURN_IF_ERROR(session.Query(fmt::format("SELECT zone FROM site WHERE id = :p1{}", ForUpdate(session)), {site},
                                  [&](const store::Row& row) {
                                    zone_name = row.Text(0);
                                    return absl::OkStatus();
                                  }));
    ASSIGN_OR_RETURN(const Zone zone, Zone::Load(zone_name));
    int64_t from = 0, to = -1;
    const std::string_view extent = session.dialect() == store::Dialect::kPostgresql
                                        ? "SELECT min(month), max(month), count(*) FROM month_made"
                                        : "SELECT min(min_us), max(max_us), count(*) FROM raw_span";
    RETURN_IF_ERROR(session.Query(extent, {}, [&](const store::Row& row) {
      if (row.Int(2) == 0) return absl::OkStatus();
      from = session.dialect() == store::Dialect::kPostgresql ? row.Int(0) : UtcMonth(row.Int(0));
      to = session.dialect() == store::Dialect::kPostgresql ? row.Int(1) : UtcMonth(row.Int(1));
      return absl::OkStatus();
    }));
    RETURN_IF_ERROR(session.Execute("DELETE FROM learner_day WHERE site = :p1", {site}).status());
    RETURN_IF_ERROR(session.Execute("DELETE FROM completed WHERE site = :p1", {site}).status());
    for (int64_t month = from; month <= to; ++month) {
      std::vector<LearnerDay> days;
      std::vector<std::array<int64_t, 5>> completed;
      size_t merge_at = kMergeActionsAt;
      RETURN_IF_ERROR(ReadRaw(session, site, UtcMonthStart(static_cast<int32_t>(month)),
                              UtcMonthStart(static_cast<int32_t>(month + 1)), [&](const Activity& e) {
                                const NameKind kind = names.KindOf(e.name);
                                if (const int64_t person = CompletedPerson(e, kind); person != 0) {
                                  completed.push_back({site, e.course, person, e.stream, e.occurred_us});
                                }
                                if (const int32_t action = ActionKind(e, kind); action != 0) {
                                  days.push_back(
                                      {{site, e.course, zone.DayOf(e.occurred_us), e.person, action, e.stream},
                                       1,
                                       e.occurred_us,
                                       e.occurred_us});
                                }
                                if (days.size() >= merge_at) {
                                  days = Aggregate(std::move(days));
                                  merge_at = days.size() + kMergeActionsAt;
                                }
                                return absl::OkStatus();
                              }));
      RETURN_IF_ERROR(AddLearnerDays(session, Aggregate(std::move(days))));
      RETURN_IF_ERROR(AddCompleted(session, std::move(completed)));
    }
    RETURN_IF_ERROR(MarkSite(session, site));
    return session.Execute("UPDATE site SET rebuild = 0, version = version + 1 WHERE id = :p1", {site}).status();
  });
  counter_.Forget();
  return status;
}

absl::Status Recompute::AskRebuild(const std::string& site) {
  return database_.Write([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(const int64_t changed, session.Execute("UPDATE site SET rebuild = 1 WHERE code = :p1", {site}));
    if (changed == 0) return WithReason(absl::NotFoundError(fmt::format("no site {}", site)), "site_not_found");
    return absl::OkStatus();
  });
}

}  // namespace compagnon::analytics
