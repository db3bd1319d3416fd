#include "analytics/store/layers.h"

#include <algorithm>
#include <string_view>

namespace compagnon::analytics {
namespace {

// Spans of rows that SQLite keeps instead of an index on time grow to this many rows.
constexpr int64_t kSpanRows = 5000;

constexpr std::array<std::string_view, 14> kRawColumns = {
    "pos",    "occurred_us", "recorded_us", "person", "related_person", "course", "context_instance",
    "object", "grade_item",  "score_milli", "stream", "name",           "traits", "site"};

int64_t NullIfZero(int64_t value) { return value == 0 ? store::Session::kNullInt : value; }

absl::StatusOr<int64_t> LastRow(store::Session& session) {
  int64_t last = 0;
  RETURN_IF_ERROR(session.Query("SELECT coalesce(max(rowid), 0) FROM raw", {}, [&](const store::Row& row) {
    last = row.Int(0);
    return absl::OkStatus();
  }));
  return last;
}

// SQLite: remembers which rows hold which times, as BRIN does on PostgreSQL. Rows are numbered as they are added and
// never deleted.
absl::Status RememberSpan(store::Session& session, int64_t before, int64_t after, int64_t min_us, int64_t max_us) {
  ASSIGN_OR_RETURN(
      const int64_t grown,
      session.Execute(
          "UPDATE raw_span SET last_row = :p2, min_us = min(min_us, :p3), max_us = max(max_us, :p4)"
          " WHERE first_row = (SELECT max(first_row) FROM raw_span) AND last_row = :p1 AND :p2 - first_row < :p5",
          {before, after, min_us, max_us, kSpanRows}));
  if (grown > 0) return absl::OkStatus();
  return session
      .Execute("INSERT INTO raw_span (first_row, last_row, min_us, max_us) VALUES (:p1, :p2, :p3, :p4)",
               {before + 1, after, min_us, max_us})
      .status();
}

}  // namespace

void RawRows::Add(int32_t site, const Activity& e) {
  rows_.Add({e.pos, e.occurred_us, e.recorded_us, e.person, NullIfZero(e.related_person), e.course,
             NullIfZero(e.context_instance), NullIfZero(e.object), NullIfZero(e.grade_item), NullIfZero(e.score_milli),
             e.stream, e.name, e.traits, site});
  min_us_ = std::min(min_us_, e.occurred_us);
  max_us_ = std::max(max_us_, e.occurred_us);
}

absl::Status AddRaw(store::Session& session, const RawRows& raw) {
  if (raw.rows().empty()) return absl::OkStatus();
  if (session.dialect() == store::Dialect::kPostgresql)
    return session.BulkInsertInts("raw", kRawColumns, raw.rows().columns());
  ASSIGN_OR_RETURN(const int64_t before, LastRow(session));
  RETURN_IF_ERROR(session.BulkInsertInts("raw", kRawColumns, raw.rows().columns()));
  return RememberSpan(session, before, before + static_cast<int64_t>(raw.rows().size()), raw.min_us(), raw.max_us());
}

absl::Status ReadRaw(store::Session& session, int64_t site, int64_t from_us, int64_t to_us,
                     absl::FunctionRef<absl::Status(const Activity&)> event) {
  constexpr std::string_view kPostgresql =
      "SELECT pos, occurred_us, recorded_us, person, related_person, course, context_instance, object, grade_item, "
      "score_milli, stream,"
      " name, traits FROM raw WHERE occurred_us >= :p2 AND occurred_us < :p3 AND site = :p1";
  constexpr std::string_view kSqlite =
      "SELECT pos, occurred_us, recorded_us, person, related_person, course, context_instance, object, grade_item, "
      "score_milli, stream,"
      " name, traits FROM raw_span CROSS JOIN raw ON raw.rowid BETWEEN first_row AND last_row"
      " WHERE max_us >= :p2 AND min_us < :p3 AND occurred_us >= :p2 AND occurred_us < :p3 AND site = :p1";
  return session.Query(session.dialect() == store::Dialect::kPostgresql ? kPostgresql : kSqlite, {site, from_us, to_us},
                       [&](const store::Row& row) {
                         Activity e;
                         e.pos = row.Int(0);
                         e.occurred_us = row.Int(1);
                         e.recorded_us = row.Int(2);
                         e.person = row.Int(3);
                         e.related_person = row.Int(4);
                         e.course = row.Int(5);
                         e.context_instance = row.Int(6);
                         e.object = row.Int(7);
                         e.grade_item = row.Int(8);
                         e.score_milli = row.Int(9);
                         e.stream = static_cast<int32_t>(row.Int(10));
                         e.name = static_cast<int32_t>(row.Int(11));
                         e.traits = static_cast<int32_t>(row.Int(12));
                         return event(e);
                       });
}

absl::Status AddLearnerDays(store::Session& session, const std::vector<LearnerDay>& days) {
  if (days.empty()) return absl::OkStatus();
  static constexpr std::array<std::string_view, 9> kColumns = {"site",   "course", "day",      "person", "kind",
                                                               "stream", "n",      "first_us", "last_us"};
  IntRows rows(kColumns.size());
  rows.Reserve(days.size());
  for (const LearnerDay& d : days) {
    rows.Add({d.key.site, d.key.course, d.key.day, d.key.person, d.key.kind, d.key.stream, d.n, d.first_us, d.last_us});
  }
  const std::string_view least =
      session.dialect() == store::Dialect::kPostgresql
          ? "n = learner_day.n + excluded.n, first_us = least(learner_day.first_us, excluded.first_us),"
            " last_us = greatest(learner_day.last_us, excluded.last_us)"
          : "n = n + excluded.n, first_us = min(first_us, excluded.first_us),"
            " last_us = max(last_us, excluded.last_us)";
  return session.UpsertInts("learner_day", kColumns, "site, course, day, person, kind, stream", least, rows.columns());
}

absl::Status AddCompleted(store::Session& session, std::vector<std::array<int64_t, 5>> completed) {
  if (completed.empty()) return absl::OkStatus();
  std::sort(completed.begin(), completed.end());
  completed.erase(std::unique(completed.begin(), completed.end()), completed.end());
  static constexpr std::array<std::string_view, 5> kColumns = {"site", "course", "person", "stream", "at_us"};
  IntRows rows(5);
  for (const auto& [site, course, person, stream, at] : completed) rows.Add({site, course, person, stream, at});
  return session.UpsertInts("completed", kColumns, "site, course, person, stream, at_us", "", rows.columns());
}

absl::Status ReadLearnerDays(store::Session& session, int64_t site, int64_t course, int32_t first_day, int32_t last_day,
                             int64_t person, absl::FunctionRef<void(const LearnerDay&)> found) {
  constexpr std::string_view kEverybody =
      "SELECT day, person, kind, stream, n, first_us, last_us FROM learner_day"
      " WHERE site = :p1 AND course = :p2 AND day BETWEEN :p3 AND :p4 ORDER BY day";
  // The key goes by day: one person is looked up day by day, which reads a few pages instead of the whole course.
  constexpr std::string_view kOnePostgresql =
      "SELECT l.day, l.person, l.kind, l.stream, l.n, l.first_us, l.last_us FROM generate_series(:p3::int, :p4::int) "
      "AS d(day)"
      " CROSS JOIN LATERAL (SELECT * FROM learner_day WHERE site = :p1 AND course = :p2 AND day = d.day AND person = "
      ":p5 OFFSET 0) l";
  constexpr std::string_view kOneSqlite =
      "WITH RECURSIVE d(day) AS (SELECT :p3 UNION ALL SELECT day + 1 FROM d WHERE day < :p4)"
      " SELECT l.day, l.person, l.kind, l.stream, l.n, l.first_us, l.last_us FROM d CROSS JOIN learner_day l"
      " ON l.site = :p1 AND l.course = :p2 AND l.day = d.day AND l.person = :p5";
  if (last_day < first_day) return absl::OkStatus();
  const std::string_view sql = person == 0                                        ? kEverybody
                               : session.dialect() == store::Dialect::kPostgresql ? kOnePostgresql
                                                                                  : kOneSqlite;
  std::vector<store::Value> params = {site, course, int64_t{first_day}, int64_t{last_day}};
  if (person != 0) params.emplace_back(person);
  return session.Query(sql, params, [&](const store::Row& row) {
    LearnerDay d;
    d.key = {site,
             course,
             static_cast<int32_t>(row.Int(0)),
             row.Int(1),
             static_cast<int32_t>(row.Int(2)),
             static_cast<int32_t>(row.Int(3))};
    d.n = row.Int(4);
    d.first_us = row.Int(5);
    d.last_us = row.Int(6);
    found(d);
    return absl::OkStatus();
  });
}

}  // namespace compagnon::analytics
