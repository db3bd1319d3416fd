#ifndef COMPAGNON_TESTS_BENCH_ANALYTICS_PLACE_H_
#define COMPAGNON_TESTS_BENCH_ANALYTICS_PLACE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "analytics/store/event_batch.h"
#include "analytics/store/ingest.h"
#include "platform/base/status.h"
#include "platform/store/sql.h"

// What benches of analytics work on: a simulated site and an empty database.
namespace compagnon::bench {

constexpr size_t kBatch = 5000;
constexpr int kCourses = 60;
constexpr int kLearners = 24000;
constexpr int32_t kFirstDay = 20600;  // 2026-05-27

// Ends the program with what is wrong.
void Need(const absl::Status& status);
template <typename T>
T Need(absl::StatusOr<T> value) {
  Need(value.status());
  return *std::move(value);
}
double Seconds(const std::function<void()>& work);

// Pseudonym and course of the n-th learner, from 1.
int64_t PersonOf(int64_t learner);
int64_t CourseOf(int64_t learner);

// Days of a site: kCourses courses of 400 learners; a third of them comes on a day, in sessions of about five events.
// In the order of time, positions dense from 1, the same in every run.
class Site {
 public:
  std::vector<analytics::EventBatch> Next(size_t events);
  int64_t last_pos() const { return pos_; }
  int64_t last_us() const { return last_us_; }

 private:
  void MakeDay();

  std::mt19937 random_{20261121};
  int64_t day_ = kFirstDay, pos_ = 0, last_us_ = 0;
  std::vector<analytics::Activity> ready_;
};

// A database of one run, gone with the object, and what ingests into it. The site's zone is known, its months are made.
struct Place {
  explicit Place(store::Dialect dialect);
  ~Place();

  // Seconds to take the batches; the program ends unless exactly `expected_new` events were new.
  double Take(const std::vector<analytics::EventBatch>& batches, int64_t expected_new);

  store::DatabaseOptions options;
  std::string folder;
  int peers = 0;
  std::unique_ptr<store::Database> database;
  std::unique_ptr<analytics::Dictionary> dictionary;
  std::unique_ptr<analytics::Ingest> ingest;
};

}  // namespace compagnon::bench

#endif  // COMPAGNON_TESTS_BENCH_ANALYTICS_PLACE_H_
