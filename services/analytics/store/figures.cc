#include "analytics/store/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "analytics/store/schema.h"

namespace compagnon::analytics {
namespace {

// Bounds what the answers kept weigh: a figure is about 160 bytes.
constexpr size_t kKeptFigures = 200000;

absl::Status NotFound(std::string_view reason) { return WithReason(absl::NotFoundError(std::string(reason)), reason); }

std::optional<int32_t> OptionalDay(const store::Row& row, size_t column) {
  if (row.IsNull(column)) return std::nullopt;
  return static_cast<int32_t>(row.Int(column));
}

constexpr std::string_view kSiteColumns = "s.id, s.code, s.zone, s.watermark_us, s.known_from_us, s.version, s.spans";

// Up to when a course's figures are counted. T of the site is ahead of it between the moment coverage is believed and
// the end of the pass that counts: figures never state a T they were not counted for. Of (s, c).
constexpr std::string_view kCountedTo =
    "CASE WHEN c.next_change_us <= s.watermark_us OR EXISTS (SELECT 1 FROM dirty d WHERE d.site = s.id AND d.course IN "
    "(0, c.course)) THEN c.counted_us ELSE s.watermark_us END";

absl::StatusOr<SiteKnowledge> SiteOf(const store::Row& row, size_t at = 0) {
  SiteKnowledge site;
  site.id = row.Int(at);
  site.code = row.Text(at + 1);
  if (const std::string zone = row.Text(at + 2); !zone.empty()) {
    ASSIGN_OR_RETURN(site.zone, Zone::Load(zone));
  }
  site.watermark_us = row.Int(at + 3);
  site.known_from_us = row.Int(at + 4);
  site.version = row.Int(at + 5);
  ASSIGN_OR_RETURN(site.spans, ParseSpans(row.Text(at + 6)));
  return site;
}

absl::StatusOr<SiteKnowledge> ReadSite(store::Session& session, const std::string& code) {
  std::optional<SiteKnowledge> site;
  RETURN_IF_ERROR(session.Query(fmt::format("SELECT {} FROM site s WHERE s.code = :p1", kSiteColumns), {code},
                                [&](const store::Row& row) -> absl::Status {
                                  ASSIGN_OR_RETURN(site, SiteOf(row));
                                  return absl::OkStatus();
                                }));
  if (!site) return NotFound("site_not_found");
  return *std::move(site);
}

// Moves the site's T back to where this course's figures stand.
absl::StatusOr<CourseKnowledge> ReadCourse(store::Session& session, SiteKnowledge& site, int64_t course) {
  std::optional<CourseKnowledge> known;
  RETURN_IF_ERROR(session.Query(
      fmt::format(
          "SELECT c.short_name, c.full_name, c.start_day, c.end_day, c.version, {} FROM course c JOIN site s ON "
          "s.id = c.site WHERE c.site = :p1 AND c.course = :p2",
          kCountedTo),
      {site.id, course}, [&](const store::Row& row) {
        known = {course, row.Text(0), row.Text(1), OptionalDay(row, 2), OptionalDay(row, 3), row.Int(4)};
        site.watermark_us = row.Int(5);
        return absl::OkStatus();
      }));
  if (!known) return NotFound("course_not_found");
  return *std::move(known);
}

CourseFrame FrameOf(const SiteKnowledge& site, const CourseKnowledge& course) {
  CourseFrame frame;
  frame.known_from_us = site.known_from_us;
  frame.watermark_us = site.watermark_us;
  if (site.zone && course.start_day) frame.opens_us = site.zone->Midnight(*course.start_day);
  if (site.zone && course.end_day) frame.ends_us = site.zone->Midnight(*course.end_day + 1);
  return frame;
}

absl::StatusOr<CompletenessDays> ReadCompleteness(store::Session& session, int64_t site, int32_t first, int32_t last) {
  CompletenessDays days;
  RETURN_IF_ERROR(
      session.Query("SELECT day, pulled, counted FROM completeness WHERE site = :p1 AND day BETWEEN :p2 AND :p3",
                    {site, int64_t{first}, int64_t{last}}, [&](const store::Row& row) {
                      days[static_cast<int32_t>(row.Int(0))] = {std::min(row.Int(1), row.Int(2)), row.Int(2)};
                      return absl::OkStatus();
                    }));
  return days;
}

Cell SumOf(const CompletenessDays& days, int32_t first, int32_t last) {
  Cell sum;
  for (auto day = days.lower_bound(first); day != days.end() && day->first <= last; ++day) {
    sum.numerator += day->second.numerator;
    sum.denominator += day->second.denominator;
  }
  return sum;
}

absl::StatusOr<std::optional<Cell>> ReadRecentCompleteness(store::Session& session, const SiteKnowledge& site) {
  const int32_t today = UtcDay(site.watermark_us);
  ASSIGN_OR_RETURN(const CompletenessDays days, ReadCompleteness(session, site.id, today - 6, today));
  const Cell sum = SumOf(days, today - 6, today);
  return sum.denominator > 0 ? std::optional<Cell>(sum) : std::nullopt;
}

int32_t CompletenessOf(const SiteKnowledge& site, const CompletenessDays& days, int64_t from_us, int64_t to_us) {
  if (to_us <= from_us) return -1;
  const Cell sum = SumOf(days, UtcDay(from_us), UtcDay(to_us - 1));
  return CompletenessBp(site.spans, from_us, to_us, sum.numerator, sum.denominator);
}

// The span a figure speaks of: its week, or the course from its opening, up to T.
int32_t CompletenessOfWeek(const SiteKnowledge& site, const CourseFrame& frame, const CompletenessDays& days,
                           int32_t week) {
  if (!site.zone) return -1;
  if (week == kWholeHistory) {
    const int64_t from = frame.opens_us == INT64_MIN ? frame.known_from_us : frame.opens_us;
    return CompletenessOf(site, days, from, std::min(frame.watermark_us, frame.ends_us));
  }
  const WeekSpan span = SpanOfWeek(*site.zone, week);
  return CompletenessOf(site, days, span.from_us, std::min(span.to_us, frame.watermark_us));
}

bool Provisional(const CourseFrame& frame) { return frame.ends_us > frame.watermark_us; }

// A condition on (s.code, c.course, w.text) that holds inside the scopes, with its parameters appended.
std::string InsideScopes(const std::vector<std::string>& held, std::vector<store::Value>& params) {
  std::string sql;
  const auto bind = [&](store::Value value) {
    params.push_back(std::move(value));
    return fmt::format(":p{}", params.size());
  };
  for (const std::string& path : held) {
    if (path == "*") return "1 = 1";
    const std::optional<Scope> scope = ParseScope(path);
    if (!scope) continue;
    std::string one = fmt::format("s.code = {}", bind(scope->site));
    if (scope->course) one += fmt::format(" AND c.course = {}", bind(*scope->course));
    if (scope->cohort) one += fmt::format(" AND w.text = {}", bind(*scope->cohort));
    sql += fmt::format("{}({})", sql.empty() ? "" : " OR ", one);
  }
  return sql.empty() ? "1 = 0" : sql;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const FigureSet>> FigureReader::Query(const FigureQuery& query) {
  if (!query.scope.course)
    return WithReason(absl::InvalidArgumentError("figures are asked for a course or a cohort"), "parent_invalid");
  const std::string key =
      fmt::format("{}|{}|{}|{}{}{}{}|{}", query.scope.site, *query.scope.course,
                  query.scope.cohort ? "c" + *query.scope.cohort : "", query.by.sex, query.by.age_band,
                  query.by.country, query.weekly, fmt::join(query.indicators, ","));
  struct Read {
    FigureRow row;
    std::array<int32_t, 3> words;
  };
  std::vector<Read> rows;
  FigureSet set;
  std::shared_ptr<const FigureSet> kept;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    rows.clear();
    kept.reset();
    ASSIGN_OR_RETURN(set.site, ReadSite(session, query.scope.site));
    ASSIGN_OR_RETURN(set.course, ReadCourse(session, set.site, *query.scope.course));
    {
      absl::MutexLock lock(&mutex_);
      const auto found = kept_.find(key);
      if (found != kept_.end() && found->second.course_version == set.course.version &&
          found->second.site_version == set.site.version &&
          found->second.set->site.watermark_us == set.site.watermark_us) {
        kept = found->second.set;
        return absl::OkStatus();
      }
    }
    const bool split = query.by.sex || query.by.age_band || query.by.country;
    std::vector<store::Value> params = {set.site.id, set.course.course};
    std::string where = fmt::format("site = :p1 AND course = :p2 AND split = {} AND indicator < 200", split ? 1 : 0);
    if (!query.weekly) where += " AND week = -1";
    if (query.scope.cohort) {
      params.emplace_back(*query.scope.cohort);
      bool known = false;
      RETURN_IF_ERROR(
          session.Query("SELECT 1 FROM cohort h JOIN word w ON w.id = h.cohort WHERE h.site = :p1 AND h.course = :p2 "
                        "AND w.text = :p3",
                        params, [&](const store::Row&) {
                          known = true;
                          return absl::OkStatus();
                        }));
      if (!known) return NotFound("cohort_not_found");
      where += " AND cohort = (SELECT id FROM word WHERE text = :p3)";
    }
    const std::string groups = fmt::format("week, indicator{}{}{}", query.by.sex ? ", sex" : "",
                                           query.by.age_band ? ", age" : "", query.by.country ? ", country" : "");
    RETURN_IF_ERROR(session.Query(
        fmt::format("SELECT week, indicator, sum(numerator), sum(denominator){}{}{} FROM cell WHERE {} GROUP BY {}",
                    query.by.sex ? ", sex" : "", query.by.age_band ? ", age" : "", query.by.country ? ", country" : "",
                    where, groups),
        params, [&](const store::Row& row) {
          Read read{{}, {kAllValues, kAllValues, kAllValues}};
          read.row.week = static_cast<int32_t>(row.Int(0));
          read.row.indicator = static_cast<int32_t>(row.Int(1));
          if (!query.indicators.empty() && std::find(query.indicators.begin(), query.indicators.end(),
                                                     read.row.indicator) == query.indicators.end()) {
            return absl::OkStatus();
          }
          read.row.cell = {row.Int(2), row.Int(3)};
          size_t column = 4;
          if (query.by.sex) read.words[0] = static_cast<int32_t>(row.Int(column++));
          if (query.by.age_band) read.words[1] = static_cast<int32_t>(row.Int(column++));
          if (query.by.country) read.words[2] = static_cast<int32_t>(row.Int(column++));
          rows.push_back(std::move(read));
          return absl::OkStatus();
        }));
    const CourseFrame frame = FrameOf(set.site, set.course);
    set.provisional = Provisional(frame);
    ASSIGN_OR_RETURN(const CompletenessDays days, ReadCompleteness(session, set.site.id, INT32_MIN, INT32_MAX));
    std::map<int32_t, int32_t> completeness;
    for (Read& read : rows) {
      const auto [known, added] = completeness.try_emplace(read.row.week, 0);
      if (added) known->second = CompletenessOfWeek(set.site, frame, days, read.row.week);
      read.row.completeness_bp = known->second;
    }
    // Nobody counts yet: said as 0 / 0, never left out of totals.
    if (split) return absl::OkStatus();
    const int32_t whole = CompletenessOfWeek(set.site, frame, days, kWholeHistory);
    for (const int32_t indicator : {kEnrolled, kOpen, kStarted, kCompleted, kDroppedOut}) {
      const bool asked = query.indicators.empty() || std::find(query.indicators.begin(), query.indicators.end(),
                                                               indicator) != query.indicators.end();
      const bool there = std::any_of(rows.begin(), rows.end(), [&](const Read& r) {
        return r.row.indicator == indicator && r.row.week == kWholeHistory;
      });
      if (!asked || there) continue;
      Read read{{}, {kAllValues, kAllValues, kAllValues}};
      read.row.indicator = indicator;
      read.row.completeness_bp = whole;
      rows.push_back(std::move(read));
    }
    return absl::OkStatus();
  }));
  if (kept) return kept;

  for (Read& read : rows) {
    std::optional<std::string>* texts[] = {&read.row.sex, &read.row.age_band, &read.row.country};
    for (size_t i = 0; i < 3; ++i) {
      if (read.words[i] == kAllValues) continue;
      ASSIGN_OR_RETURN(*texts[i], dictionary_.Word(read.words[i]));
    }
    set.figures.push_back(std::move(read.row));
  }
  std::sort(set.figures.begin(), set.figures.end(), [](const FigureRow& a, const FigureRow& b) {
    return std::make_tuple(IndicatorCode(a.indicator), a.week, std::cref(a.sex), std::cref(a.age_band),
                           std::cref(a.country)) < std::make_tuple(IndicatorCode(b.indicator), b.week, std::cref(b.sex),
                                                                   std::cref(b.age_band), std::cref(b.country));
  });
  auto shared = std::make_shared<const FigureSet>(std::move(set));
  if (!query.keep) return shared;
  absl::MutexLock lock(&mutex_);
  const size_t weight = shared->figures.size() + 1;
  if (kept_weight_ + weight > kKeptFigures) {
    kept_.clear();
    kept_weight_ = 0;
  }
  Kept& place = kept_[key];
  if (place.set != nullptr) kept_weight_ -= place.set->figures.size() + 1;
  kept_weight_ += weight;
  place = {shared->course.version, shared->site.version, shared};
  return shared;
}

absl::StatusOr<std::vector<int64_t>> FigureReader::CoursesOf(const std::string& site) {
  std::vector<int64_t> courses;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    courses.clear();
    ASSIGN_OR_RETURN(const SiteKnowledge known, ReadSite(session, site));
    return session.Query("SELECT DISTINCT course FROM cohort WHERE site = :p1 ORDER BY course", {known.id},
                         [&](const store::Row& row) {
                           courses.push_back(row.Int(0));
                           return absl::OkStatus();
                         });
  }));
  return courses;
}

absl::StatusOr<std::vector<std::string>> FigureReader::CohortsOf(const std::string& site, int64_t course) {
  std::vector<std::string> cohorts;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    cohorts.clear();
    ASSIGN_OR_RETURN(const SiteKnowledge known, ReadSite(session, site));
    return session.Query(
        "SELECT w.text FROM cohort h JOIN word w ON w.id = h.cohort WHERE h.site = :p1 AND h.course = :p2 AND w.text "
        "<> ''"
        " ORDER BY w.text",
        {known.id, course}, [&](const store::Row& row) {
          cohorts.push_back(row.Text(0));
          return absl::OkStatus();
        });
  }));
  return cohorts;
}

absl::StatusOr<std::vector<CohortLine>> FigureReader::Cohorts(const std::vector<std::string>& held,
                                                              const std::optional<CohortPlace>& after, size_t limit) {
  std::vector<CohortLine> lines;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    lines.clear();
    std::vector<store::Value> params;
    std::string sql = fmt::format(
        "SELECT {}, c.course, w.text, h.cohort, h.last_action_us, c.short_name, c.full_name, c.start_day, c.end_day, "
        "c.version, {}"
        " FROM cohort h JOIN site s ON s.id = h.site JOIN course c ON c.site = h.site AND c.course = h.course"
        " JOIN word w ON w.id = h.cohort WHERE ({})",
        kSiteColumns, kCountedTo, InsideScopes(held, params));
    if (after) {
      sql += fmt::format(" AND (s.code, c.course, w.text) > (:p{}, :p{}, :p{})", params.size() + 1, params.size() + 2,
                         params.size() + 3);
      params.insert(params.end(), {after->site, after->course, after->cohort});
    }
    params.emplace_back(static_cast<int64_t>(limit) + 1);
    sql += fmt::format(" ORDER BY s.code, c.course, w.text LIMIT :p{}", params.size());
    struct Found {
      SiteKnowledge site;
      int64_t cohort;
    };
    std::vector<Found> found;
    RETURN_IF_ERROR(session.Query(sql, params, [&](const store::Row& row) -> absl::Status {
      ASSIGN_OR_RETURN(SiteKnowledge site, SiteOf(row));
      CohortLine line;
      line.site = site.code;
      line.course = {row.Int(7), row.Text(11), row.Text(12), OptionalDay(row, 13), OptionalDay(row, 14), row.Int(15)};
      line.cohort = row.Text(8);
      line.run = line.cohort.empty();
      line.last_action_us = row.Int(10);
      site.watermark_us = row.Int(16);
      line.watermark_us = site.watermark_us;
      lines.push_back(std::move(line));
      found.push_back({std::move(site), row.Int(9)});
      return absl::OkStatus();
    }));
    for (size_t i = 0; i < lines.size(); ++i) {
      CohortLine& line = lines[i];
      const SiteKnowledge& site = found[i].site;
      if (!site.zone || site.watermark_us == 0) continue;
      const CourseFrame frame = FrameOf(site, line.course);
      line.provisional = Provisional(frame);
      line.last_week = site.zone->WeekOf(site.watermark_us) - 1;
      // The run's line speaks of the whole course, like its page: cohorts are parts of it.
      const std::string cohort = line.run ? "" : " AND cohort = :p4";
      std::vector<store::Value> of = {site.id, line.course.course, int64_t{line.last_week - 11}};
      if (!line.run) of.emplace_back(found[i].cohort);
      RETURN_IF_ERROR(session.Query(
          fmt::format(
              "SELECT week, indicator, sum(numerator), sum(denominator) FROM cell WHERE site = :p1 AND course = :p2"
              " AND split = 0 AND (week = -1 OR week >= :p3){} GROUP BY week, indicator",
              cohort),
          of, [&](const store::Row& row) {
            line.totals[{static_cast<int32_t>(row.Int(0)), static_cast<int32_t>(row.Int(1))}] = {row.Int(2),
                                                                                                 row.Int(3)};
            return absl::OkStatus();
          }));
      if (line.run) {
        RETURN_IF_ERROR(session.Query("SELECT max(last_action_us) FROM cohort WHERE site = :p1 AND course = :p2",
                                      {site.id, line.course.course}, [&](const store::Row& row) {
                                        line.last_action_us = row.Int(0);
                                        return absl::OkStatus();
                                      }));
      }
      ASSIGN_OR_RETURN(const CompletenessDays days, ReadCompleteness(session, site.id, INT32_MIN, INT32_MAX));
      for (int32_t week = line.last_week - 11; week <= line.last_week; ++week) {
        line.completeness_bp[week] = CompletenessOfWeek(site, frame, days, week);
      }
      line.completeness_bp[kWholeHistory] = CompletenessOfWeek(site, frame, days, kWholeHistory);
    }
    return absl::OkStatus();
  }));
  return lines;
}

absl::StatusOr<LearnerPage> FigureReader::Learners(const Scope& scope, const std::optional<LearnerPlace>& after,
                                                   size_t limit) {
  if (!scope.course)
    return WithReason(absl::InvalidArgumentError("learners are asked for a course or a cohort"), "parent_invalid");
  LearnerPage page;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    page = {};
    ASSIGN_OR_RETURN(SiteKnowledge site, ReadSite(session, scope.site));
    ASSIGN_OR_RETURN(const CourseKnowledge course, ReadCourse(session, site, *scope.course));
    std::vector<store::Value> params = {site.id, course.course};
    std::string where = "site = :p1 AND course = :p2 AND learner = 1 AND from_us IS NOT NULL";
    if (scope.cohort) {
      params.emplace_back(*scope.cohort);
      where += " AND cohort = (SELECT id FROM word WHERE text = :p3)";
    }
    RETURN_IF_ERROR(session.Query("SELECT count(*) FROM fact WHERE " + where, params, [&](const store::Row& row) {
      page.total = row.Int(0);
      return absl::OkStatus();
    }));
    if (after) {
      where += fmt::format(" AND (coalesce(last_action_us, 0), person) > (:p{}, :p{})", params.size() + 1,
                           params.size() + 2);
      params.insert(params.end(), {after->last_action_us, after->person});
    }
    params.emplace_back(static_cast<int64_t>(limit) + 1);
    absl::flat_hash_map<int64_t, size_t> place;
    RETURN_IF_ERROR(session.Query(
        fmt::format(
            "SELECT person, first_action_us, last_action_us, active_days, completed_us, from_us, to_us, more FROM fact"
            " WHERE {} ORDER BY coalesce(last_action_us, 0), person LIMIT :p{}",
            where, params.size()),
        params, [&](const store::Row& row) -> absl::Status {
          if (page.learners.size() == limit) {
            page.more = true;
            return absl::OkStatus();
          }
          LearnerLine line;
          line.person = row.Int(0);
          line.first_action_us = row.Int(1);
          line.last_action_us = row.Int(2);
          line.active_days = row.Int(3);
          line.completed_us = row.Int(4);
          ASSIGN_OR_RETURN(Intervals intervals, ParseIntervals(row.Text(7)));
          intervals.insert(intervals.begin(), {row.Int(5), row.Int(6)});
          line.open = OpenAt(intervals, site.watermark_us);
          line.recent_active_days.assign(4, 0);
          place[line.person] = page.learners.size();
          page.learners.push_back(std::move(line));
          return absl::OkStatus();
        }));
    if (!site.zone || site.watermark_us == 0) return absl::OkStatus();
    const int32_t last_week = site.zone->WeekOf(site.watermark_us);
    return session.Query(
        "SELECT week, person, days FROM learner_week WHERE site = :p1 AND course = :p2 AND week BETWEEN :p3 AND :p4",
        {site.id, course.course, int64_t{last_week - 3}, int64_t{last_week}}, [&](const store::Row& row) {
          const auto found = place.find(row.Int(1));
          if (found == place.end()) return absl::OkStatus();
          page.learners[found->second].recent_active_days[row.Int(0) - last_week + 3] =
              __builtin_popcount(static_cast<uint32_t>(row.Int(2)));
          return absl::OkStatus();
        });
  }));
  return page;
}

absl::StatusOr<std::vector<FreshnessLine>> FigureReader::Freshness(const std::vector<std::string>& held,
                                                                   const std::string& after, size_t limit) {
  std::vector<FreshnessLine> lines;
  std::vector<std::string> codes;
  bool all = false;
  for (const std::string& path : held) {
    all = all || path == "*";
    if (const std::optional<Scope> scope = ParseScope(path)) codes.push_back(scope->site);
  }
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    lines.clear();
    std::vector<store::Value> params = {after};
    std::string in = "1 = 0";
    for (const std::string& code : codes) {
      params.emplace_back(code);
      in += fmt::format(" OR s.code = :p{}", params.size());
    }
    params.emplace_back(static_cast<int64_t>(limit) + 1);
    RETURN_IF_ERROR(
        session.Query(fmt::format("SELECT {}, (SELECT max(last_ingest_us) FROM stream t WHERE t.site = s.id),"
                                  " (SELECT sum(events) FROM stream t WHERE t.site = s.id), (SELECT sum(duplicates) "
                                  "FROM stream t WHERE t.site = s.id),"
                                  " (SELECT sum(rejected) FROM stream t WHERE t.site = s.id), (SELECT sum(late) FROM "
                                  "stream t WHERE t.site = s.id)"
                                  " FROM site s WHERE s.code > :p1 AND ({}) ORDER BY s.code LIMIT :p{}",
                                  kSiteColumns, all ? "1 = 1" : in, params.size()),
                      params, [&](const store::Row& row) -> absl::Status {
                        FreshnessLine line;
                        ASSIGN_OR_RETURN(line.site, SiteOf(row));
                        line.last_ingest_us = row.Int(7);
                        line.events = row.Int(8);
                        line.duplicates = row.Int(9);
                        line.rejected = row.Int(10);
                        line.late = row.Int(11);
                        lines.push_back(std::move(line));
                        return absl::OkStatus();
                      }));
    for (FreshnessLine& line : lines) {
      ASSIGN_OR_RETURN(line.completeness, ReadRecentCompleteness(session, line.site));
    }
    return absl::OkStatus();
  }));
  return lines;
}

absl::StatusOr<CompletenessDays> FigureReader::Completeness(const std::string& site) {
  CompletenessDays days;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(const SiteKnowledge known, ReadSite(session, site));
    ASSIGN_OR_RETURN(days, ReadCompleteness(session, known.id, INT32_MIN, INT32_MAX));
    std::erase_if(days, [](const auto& day) { return day.second.denominator == 0; });
    return absl::OkStatus();
  }));
  return days;
}

absl::StatusOr<std::optional<Cell>> FigureReader::RecentCompleteness(const std::string& site) {
  std::optional<Cell> sum;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(const SiteKnowledge known, ReadSite(session, site));
    ASSIGN_OR_RETURN(sum, ReadRecentCompleteness(session, known));
    return absl::OkStatus();
  }));
  return sum;
}

}  // namespace compagnon::analytics
