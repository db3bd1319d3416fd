#include "feed.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "absl/time/civil_time.h"
#include "analytics/api/decode.h"
#include "analytics/store/schema.h"
#include "platform/bus/outbox.h"

namespace compagnon::analytics::test {

using event::v1::SlimEvent;

int64_t At(std::string_view utc) {
  absl::Time time;
  std::string error;
  for (const char* format : {"%Y-%m-%d %H:%M:%E*S", "%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
    if (absl::ParseTime(format, std::string(utc), &time, &error)) return absl::ToUnixMicros(time);
  }
  FAIL("no instant: " << utc);
  return 0;
}

int32_t Day(std::string_view day) { return UtcDay(At(day)); }

SlimEvent Feed::New(int64_t at_us) {
  SlimEvent event;
  event.set_site(site_);
  event.set_stream("site");
  event.set_pos(++pos_);
  event.set_occurred_us(at_us);
  event.set_recorded_us(at_us);
  return event;
}

Feed& Feed::Add(SlimEvent event) {
  events_.push_back(std::move(event));
  return *this;
}

Feed& Feed::Course(int64_t course, std::string zone, std::string first, std::string last) {
  SlimEvent event = New(0);
  auto* state = event.mutable_course();
  state->set_course(course);
  state->set_short_name(fmt::format("C{}", course));
  state->set_time_zone(zone);
  state->set_visible(true);
  if (!first.empty()) state->set_start_day(Day(first));
  state->set_has_start(!first.empty());
  if (!last.empty()) state->set_end_day(Day(last));
  state->set_has_end(!last.empty());
  return Add(std::move(event));
}

Feed& Feed::Enrol(int64_t person, int64_t course, std::vector<std::pair<std::string, std::string>> intervals,
                  std::string sex, std::string age, std::string country, std::string cohort, bool learner) {
  SlimEvent event = New(0);
  auto* state = event.mutable_enrolment();
  state->set_person(person);
  state->set_course(course);
  state->set_learner(learner);
  state->set_sex(sex);
  state->set_age_band(age);
  state->set_country(country);
  state->set_cohort(cohort);
  for (const auto& [from, to] : intervals) {
    auto* interval = state->add_intervals();
    interval->set_from_us(At(from));
    interval->set_to_us(to.empty() ? kNever : At(to));
  }
  return Add(std::move(event));
}

Feed& Feed::Act(int64_t person, int64_t course, std::string at, std::function<void(SlimEvent&)> change) {
  SlimEvent event = New(At(at));
  auto* activity = event.mutable_activity();
  activity->set_name("\\core\\event\\course_viewed");
  activity->set_person(person);
  activity->set_course(course);
  activity->set_crud("r");
  activity->set_edulevel(2);
  activity->set_origin(event::v1::ORIGIN_WEB);
  activity->set_completion_state(-1);
  if (change) change(event);
  return Add(std::move(event));
}

Feed& Feed::LogAct(std::string stream, int64_t pos, int64_t person, int64_t course, std::string at) {
  Act(person, course, at);
  events_.back().set_stream(stream);
  events_.back().set_pos(pos);
  --pos_;
  return *this;
}

Feed& Feed::Complete(int64_t person, int64_t course, std::string at) {
  return Act(2, course, at, [&](SlimEvent& event) {
    event.mutable_activity()->set_name("\\core\\event\\course_completed");
    event.mutable_activity()->set_related_person(person);
  });
}

Feed& Feed::Cover(std::vector<std::array<std::string, 3>> spans, int64_t missing) {
  SlimEvent event = New(0);
  auto* state = event.mutable_coverage();
  for (const auto& [source, from, to] : spans) {
    auto* span = state->add_spans();
    span->set_source(source);
    span->mutable_span()->set_from_us(At(from));
    span->mutable_span()->set_to_us(At(to));
  }
  auto* mark = state->add_marks();
  mark->set_stream("site");
  mark->set_pos(pos_ - 1 + missing);
  mark->set_events(pos_ - 1 + missing);
  return Add(std::move(event));
}

Feed& Feed::Counted(std::string day, int64_t pulled, int64_t counted) {
  SlimEvent event = New(0);
  event.mutable_completeness()->set_day(Day(day));
  event.mutable_completeness()->set_pulled(pulled);
  event.mutable_completeness()->set_counted(counted);
  return Add(std::move(event));
}

std::vector<bus::Delivery> Deliveries(absl::Span<const SlimEvent> events) {
  std::vector<bus::Delivery> deliveries(events.size());
  for (size_t i = 0; i < events.size(); ++i) {
    bus::Message& message = deliveries[i].message;
    message.exchange = "events";
    message.routing_key = "moodle.test";
    message.id = fmt::format("{}/{}", events[i].stream(), events[i].pos());
    message.source = "/sites/" + events[i].site();
    message.type = "test";
    message.data = events[i].SerializeAsString();
  }
  return deliveries;
}

Store::Store(store::Database& db)
    : database(db), dictionary(db), ingest(db, dictionary), recompute(db, dictionary), reader(db, dictionary) {
  REQUIRE(store::Migrate(db, "outbox", bus::OutboxMigrations()).ok());
  const absl::Status migrated = store::Migrate(db, "analytics", Migrations());
  INFO(migrated.ToString());
  REQUIRE(migrated.ok());
}

IngestReport Store::TakeDeliveries(const std::vector<bus::Delivery>& deliveries) {
  const absl::StatusOr<IngestReport> report = ingest.Take(Decode(deliveries), absl::FromUnixSeconds(1800000000));
  INFO(report.status().ToString());
  REQUIRE(report.ok());
  return *report;
}

IngestReport Store::Take(absl::Span<const SlimEvent> events, absl::Time now) {
  const std::vector<bus::Delivery> deliveries = Deliveries(events);
  const absl::StatusOr<IngestReport> report = ingest.Take(Decode(deliveries), now);
  INFO(report.status().ToString());
  REQUIRE(report.ok());
  return *report;
}

PassReport Store::Count() {
  const absl::StatusOr<PassReport> report = recompute.Pass();
  INFO(report.status().ToString());
  REQUIRE(report.ok());
  return *report;
}

std::map<std::string, Cell> Store::Figures(const std::string& parent, Split by, bool weekly) {
  const std::optional<Scope> scope = ParseScope(parent);
  REQUIRE(scope);
  const auto set = reader.Query({*scope, {}, by, weekly});
  INFO(set.status().ToString());
  REQUIRE(set.ok());
  std::map<std::string, Cell> figures;
  const auto text = [](const std::optional<std::string>& value) {
    return !value ? "*" : value->empty() ? "inconnu" : *value;
  };
  for (const FigureRow& row : (*set)->figures) {
    figures[fmt::format("{} {} {} {} {}", IndicatorCode(row.indicator),
                        row.week == kWholeHistory ? "*" : WeekLabel(row.week), text(row.sex), text(row.age_band),
                        text(row.country))] = row.cell;
  }
  return figures;
}

std::vector<LayerDigest> Store::Digest(DigestOf what) {
  auto digests = Digests(database, what);
  INFO(digests.status().ToString());
  REQUIRE(digests.ok());
  return *digests;
}

int64_t Store::One(const std::string& sql) {
  int64_t value = 0;
  const absl::Status status = database.Read([&](store::Session& session) {
    return session.Query(sql, {}, [&](const store::Row& row) {
      value = row.Int(0);
      return absl::OkStatus();
    });
  });
  INFO(status.ToString());
  REQUIRE(status.ok());
  return value;
}

}  // namespace compagnon::analytics::test
