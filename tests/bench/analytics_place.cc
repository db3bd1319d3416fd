#include "analytics_place.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "analytics/domain/local_time.h"
#include "analytics/store/schema.h"
#include "platform/base/ids.h"
#include "platform/bus/outbox.h"

namespace compagnon::bench {

using namespace analytics;

namespace {

const std::vector<std::string> kNames = {"\\core\\event\\course_viewed",
                                         "\\mod_forum\\event\\course_module_viewed",
                                         "\\mod_forum\\event\\discussion_viewed",
                                         "\\mod_quiz\\event\\attempt_submitted",
                                         "\\mod_page\\event\\course_module_viewed",
                                         "\\mod_resource\\event\\course_module_viewed",
                                         "\\mod_assign\\event\\assessable_submitted",
                                         "\\mod_book\\event\\chapter_viewed"};

EventBatch Zone() {
  EventBatch batch;
  batch.streams = {{"bench", "site"}};
  CourseState course;
  course.pos = int64_t{1} << 40;
  course.course = 1;
  course.time_zone = "Europe/Paris";
  batch.courses.push_back(course);
  return batch;
}

}  // namespace

void Need(const absl::Status& status) {
  if (status.ok()) return;
  fmt::print(stderr, "bench: {}\n", status.ToString());
  std::exit(1);
}

double Seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

int64_t PersonOf(int64_t learner) { return learner * 7919 * 1000003; }  // wide, as pseudonyms are
int64_t CourseOf(int64_t learner) { return 1 + (learner - 1) / (kLearners / kCourses); }

std::vector<EventBatch> Site::Next(size_t events) {
  std::vector<EventBatch> batches;
  while (batches.size() * kBatch < events) {
    while (ready_.size() < kBatch) MakeDay();
    EventBatch batch;
    batch.streams = {{"bench", std::string(kSiteStream)}};
    batch.names = kNames;
    batch.activities.assign(ready_.begin(), ready_.begin() + kBatch);
    for (Activity& activity : batch.activities) activity.pos = ++pos_;
    last_us_ = batch.activities.back().occurred_us;
    ready_.erase(ready_.begin(), ready_.begin() + kBatch);
    batches.push_back(std::move(batch));
  }
  return batches;
}

void Site::MakeDay() {
  const size_t from = ready_.size();
  for (int64_t learner = 1; learner <= kLearners; ++learner) {
    if (random_() % 3 != 0) continue;
    int64_t at = day_ * kDayUs + static_cast<int64_t>(random_() % 86000) * 1000000;
    for (unsigned n = 1 + random_() % 9; n > 0; --n) {
      Activity a;
      a.name = static_cast<int32_t>(random_() % kNames.size());
      ActivityTraits traits;
      traits.crud = 'r';
      traits.edulevel = random_() % 8 ? 2 : 0;
      traits.origin = random_() % 5 ? 1 : 2;
      traits.context_level = 70;
      a.traits = PackTraits(traits);
      a.occurred_us = at;
      a.recorded_us = at + 20000;
      a.person = PersonOf(learner);
      a.course = CourseOf(learner);
      a.context_instance = static_cast<int64_t>(random_() % 4000);
      a.object = random_() % 2 ? static_cast<int64_t>(random_() % 9000) : 0;
      ready_.push_back(a);
      at += static_cast<int64_t>(random_() % 240) * 1000000;
    }
  }
  ++day_;
  std::sort(ready_.begin() + static_cast<int64_t>(from), ready_.end(),
            [](const Activity& a, const Activity& b) { return a.occurred_us < b.occurred_us; });
}

Place::Place(store::Dialect dialect) {
  const std::string unique = HexEncode(RandomBytes(6));
  options.dialect = dialect;
  folder = ".run/bench/ingest-" + unique;
  options.sqlite_path = folder + "/analytics.db";
  if (dialect == store::Dialect::kPostgresql) {
    const char* url = std::getenv("COMPAGNON_TEST_PG");
    if (url == nullptr) Need(absl::FailedPreconditionError("no COMPAGNON_TEST_PG: run ./dev services start"));
    options.postgresql_url = url;
    options.schema = "bench_ingest_" + unique;
  }
  database = Need(store::OpenDatabase(options));
  Need(store::Migrate(*database, "outbox", bus::OutboxMigrations()));
  Need(store::Migrate(*database, "analytics", Migrations()));
  dictionary = std::make_unique<Dictionary>(*database);
  ingest = std::make_unique<Ingest>(*database, *dictionary);
  Need(ingest->Take(Zone(), absl::FromUnixSeconds(1800000000)).status());
  Need(MakeMonths(*database, UtcMonth(kFirstDay * kDayUs), UtcMonth(kFirstDay * kDayUs) + 8));
}

Place::~Place() {
  if (options.dialect == store::Dialect::kPostgresql) {
    database->Write([&](store::Session& s) { return s.Execute("DROP SCHEMA " + options.schema + " CASCADE").status(); })
        .IgnoreError();
  }
  ingest.reset();
  database.reset();
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

double Place::Take(const std::vector<EventBatch>& batches, int64_t expected_new) {
  int64_t taken = 0;
  const double seconds = Seconds([&] {
    for (const EventBatch& batch : batches) taken += Need(ingest->Take(batch, absl::FromUnixSeconds(1800000000))).taken;
  });
  if (taken != expected_new)
    Need(absl::InternalError(fmt::format("{} events were taken, not {}", taken, expected_new)));
  return seconds;
}

}  // namespace compagnon::bench
