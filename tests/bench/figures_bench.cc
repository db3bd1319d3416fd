// Figures of a site of 60 courses and 24,000 learners: counting all of it, counting what some events touched, and
// reading it. Prints JSON lines; ratio is value / limit.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "analytics/domain/local_time.h"
#include "analytics/store/figures.h"
#include "analytics/store/recompute.h"
#include "analytics_place.h"
#include "platform/base/log.h"

namespace compagnon::bench {
namespace {

using namespace analytics;

void Print(std::string_view metric, store::Dialect dialect, double value, std::string_view unit, double limit) {
  std::string line = fmt::format(R"({{"bench": "figures", "metric": "{}_{}", "value": {:.4g}, "unit": "{}")",
                                 dialect == store::Dialect::kPostgresql ? "postgresql" : "sqlite", metric, value, unit);
  if (limit > 0) line += fmt::format(R"(, "limit": {}, "ratio": {:.3f})", limit, value / limit);
  fmt::print("{}}}\n", line);
  std::fflush(stdout);
}

double Percentile95(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[(values.size() * 95 + 99) / 100 - 1];
}

// Everybody is enrolled from the first day on; the cells are as many as a real course has.
EventBatch Directory(int64_t pos) {
  static const char* kSexes[] = {"F", "M", ""};
  static const char* kAges[] = {"<18", "18-24", "25-35", ">35"};
  static const char* kCountries[] = {"SN", "CI", "MA", "TN", "BF", "ML", "TG", "BJ"};
  EventBatch batch;
  batch.streams = {{"bench", "site"}};
  for (int64_t course = 1; course <= kCourses; ++course) {
    CourseState state;
    state.pos = ++pos;
    state.course = course;
    state.start_day = kFirstDay;
    state.time_zone = "Europe/Paris";
    batch.courses.push_back(state);
  }
  for (int64_t learner = 1; learner <= kLearners; ++learner) {
    batch.enrolments.push_back({0,
                                ++pos,
                                PersonOf(learner),
                                CourseOf(learner),
                                true,
                                "",
                                kSexes[learner % 3],
                                kAges[learner % 4],
                                kCountries[learner % 7 % 8],
                                "",
                                {{kFirstDay * kDayUs, kNever}}});
  }
  return batch;
}

EventBatch Coverage(int64_t pos, int64_t to_us) {
  EventBatch batch;
  batch.streams = {{"bench", "site"}};
  batch.coverages.push_back({0, pos, to_us, {{{"bridge/b", {kFirstDay * kDayUs, to_us}}}, {}}});
  return batch;
}

void Bench(store::Dialect dialect, size_t events) {
  Place place(dialect);
  Site site;
  Recompute recompute(*place.database, *place.dictionary);
  FigureReader reader(*place.database, *place.dictionary);
  const absl::Time now = absl::FromUnixSeconds(1800000000);
  int64_t pos = int64_t{1} << 41;  // states travel far behind the events' positions here
  Need(place.ingest->Take(Directory(pos), now).status());
  pos += 1 << 20;
  place.Take(site.Next(events), static_cast<int64_t>(events));
  Need(place.ingest->Take(Coverage(++pos, site.last_us() + 1), now).status());
  const double full = Seconds([&] { Need(recompute.Pass().status()); });
  Print("count_all", dialect, full, "s", 0);

  // One second of 500 events, with T moving; then what a pass takes.
  std::vector<double> passes;
  for (int second = 0; second < 20; ++second) {
    std::vector<EventBatch> batches = site.Next(kBatch);
    for (size_t part = 0; part < 10; ++part) {
      EventBatch batch = batches[0];
      batch.activities.assign(batches[0].activities.begin() + part * 500,
                              batches[0].activities.begin() + (part + 1) * 500);
      Need(place.ingest->Take(batch, now).status());
      if (part > 0) continue;  // the rest of the batch only makes time go by
      Need(place.ingest->Take(Coverage(++pos, batch.activities.back().occurred_us + 1), now).status());
      passes.push_back(Seconds([&] { Need(recompute.Pass().status()); }));
    }
    Need(recompute.Pass().status());
  }
  Print("pass_p95_of_500_events", dialect, Percentile95(passes), "s", 1);
  Print("pass_per_count_all", dialect, Percentile95(passes) / full, "", 0.10);

  std::vector<double> queries, cohorts, learners;
  for (int i = 0; i < 60; ++i) {
    queries.push_back(Seconds([&] {
      Need(reader.Query({{"bench", 1 + i % kCourses, std::nullopt}, {}, {true, true, true}, true}).status());
    }));
    learners.push_back(Seconds([&] {
      Need(reader.Learners({"bench", 1 + i % kCourses, std::nullopt}, std::nullopt, 200).status());
    }));
  }
  for (int i = 0; i < 20; ++i)
    cohorts.push_back(Seconds([&] { Need(reader.Cohorts({"*"}, std::nullopt, 100).status()); }));
  Print("query_by_all_weekly_p95", dialect, Percentile95(queries) * 1000, "ms", 0);
  Print("learners_p95", dialect, Percentile95(learners) * 1000, "ms", 0);
  Print("cohorts_60_p95", dialect, Percentile95(cohorts) * 1000, "ms", 0);
}

}  // namespace
}  // namespace compagnon::bench

int main(int argc, char** argv) {
  const bool full = argc > 1 && std::strcmp(argv[1], "--full") == 0;
  compagnon::SetLogLevel(compagnon::LogLevel::kError);
  std::filesystem::create_directories(".run/bench");
  for (const auto dialect : {compagnon::store::Dialect::kPostgresql, compagnon::store::Dialect::kSqlite}) {
    compagnon::bench::Bench(dialect, full ? 4000000 : 500000);
  }
}
