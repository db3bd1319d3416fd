#ifndef COMPAGNON_TESTS_UNIT_ANALYTICS_FEED_H_
#define COMPAGNON_TESTS_UNIT_ANALYTICS_FEED_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "analytics/store/digest.h"
#include "analytics/store/figures.h"
#include "analytics/store/ingest.h"
#include "analytics/store/recompute.h"
#include "backends/store_backend.h"
#include "compagnon/event/v1/slim.pb.h"
#include "platform/bus/bus.h"

// What analytics tests say instead of protobuf: events in the order they were published, and the module's store beside
// them.
namespace compagnon::analytics::test {

// "2026-03-02 08:00" in UTC, seconds and fractions allowed, as microseconds.
int64_t At(std::string_view utc);
// The number of a local day "2026-03-02".
int32_t Day(std::string_view day);

// One site's publications. Positions of the stream "site" are given in order; a log's events bring theirs.
class Feed {
 public:
  explicit Feed(std::string site = "sn1") : site_(std::move(site)) {}

  Feed& Course(int64_t course, std::string zone = "UTC", std::string first = "", std::string last = "");
  Feed& Enrol(int64_t person, int64_t course, std::vector<std::pair<std::string, std::string>> intervals,
              std::string sex = "F", std::string age = "25-35", std::string country = "SN", std::string cohort = "",
              bool learner = true);
  // An action by web; `change` may make it another event.
  Feed& Act(int64_t person, int64_t course, std::string at, std::function<void(event::v1::SlimEvent&)> change = {});
  Feed& LogAct(std::string stream, int64_t pos, int64_t person, int64_t course, std::string at);
  Feed& Complete(int64_t person, int64_t course, std::string at);
  // Spans (source, from, to). `missing` positions of "site" more than were published are promised.
  Feed& Cover(std::vector<std::array<std::string, 3>> spans, int64_t missing = 0);
  Feed& Counted(std::string day, int64_t pulled, int64_t counted);
  Feed& Add(event::v1::SlimEvent event);

  const std::vector<event::v1::SlimEvent>& events() const { return events_; }
  int64_t last_pos() const { return pos_; }

 private:
  event::v1::SlimEvent New(int64_t at_us);
  std::string site_;
  int64_t pos_ = 0;
  std::vector<event::v1::SlimEvent> events_;
};

std::vector<bus::Delivery> Deliveries(absl::Span<const event::v1::SlimEvent> events);

// The module's store on one back end, as one process has it.
class Store {
 public:
  explicit Store(store::Database& database);

  // Takes events as one batch, at `now`; the test fails when that fails.
  IngestReport Take(absl::Span<const event::v1::SlimEvent> events, absl::Time now = absl::FromUnixSeconds(1800000000));
  IngestReport Take(const Feed& feed) { return Take(feed.events()); }
  IngestReport TakeDeliveries(const std::vector<bus::Delivery>& deliveries);
  PassReport Count();

  // "9 2026-W10 F * *" -> {1, 2}; the dimensions in the order sex, age band, country, "*" = all.
  std::map<std::string, Cell> Figures(const std::string& parent, Split by = {}, bool weekly = true);
  std::vector<LayerDigest> Digest(DigestOf what = DigestOf::kDatabase);
  int64_t One(const std::string& sql);

  store::Database& database;
  Dictionary dictionary;
  Ingest ingest;
  Recompute recompute;
  FigureReader reader;
};

}  // namespace compagnon::analytics::test

#endif  // COMPAGNON_TESTS_UNIT_ANALYTICS_FEED_H_
