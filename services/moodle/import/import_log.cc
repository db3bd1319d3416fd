#include "moodle/import/import_log.h"

#include <fmt/format.h>

#include <algorithm>

#include "moodle/domain/slim.h"
#include "moodle/intake/redaction.h"
#include "moodle/store/coverage.h"
#include "moodle/store/import_progress.h"
#include "moodle/store/publication.h"
#include "platform/base/ids.h"

namespace compagnon::moodle {
namespace {

constexpr int64_t kLeaseUs = 15 * kSecondUs;
constexpr size_t kRefusedShown = 20;

class Import {
 public:
  Import(store::Database& database, Directory& directory, const Clock& clock, const ImportPlan& plan)
      : database_(database), directory_(directory), clock_(clock), plan_(plan), source_("log/" + plan.name) {}

  absl::Status Claim() {
    const std::string owner = HexEncode(RandomBytes(8));
    for (int attempt = 0;; ++attempt) {
      const int64_t now = NowUs();
      RETURN_IF_ERROR(database_.Write([&](store::Session& session) -> absl::Status {
        ASSIGN_OR_RETURN(progress_, ClaimImport(session, plan_.site, plan_.name, owner, now, now + kLeaseUs));
        ASSIGN_OR_RETURN(taken_, LoadTaken(session, plan_.site, plan_.name));
        ASSIGN_OR_RETURN(spans_, CoverageOf(session, plan_.site));
        return absl::OkStatus();
      }));
      if (progress_.owner == owner) return absl::OkStatus();
      if (attempt > 0)
        return WithReason(absl::UnavailableError("this log is being imported by another process"), "import_running");
      // Whoever holds it may have been killed: a lease that nobody puts off runs out.
      clock_.Sleep(absl::Microseconds(std::clamp<int64_t>(progress_.lease_until_us - now, 0, kLeaseUs)) +
                   absl::Milliseconds(200));
    }
  }

  absl::Status Files(ImportSummary& summary) {
    absl::TimeZone zone;
    RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
      ASSIGN_OR_RETURN(zone, ZoneOfSite(session, plan_.site));
      return absl::OkStatus();
    }));
    // All three are read before anything is kept of one.
    std::map<int64_t, std::map<std::string, std::string>> people;
    std::vector<GivenCourse> courses;
    std::vector<GivenActivity> activities;
    if (!plan_.people.empty()) {
      ASSIGN_OR_RETURN(people, ReadPeopleFile(plan_.people, plan_.map, &summary.people));
    }
    if (!plan_.courses.empty()) {
      ASSIGN_OR_RETURN(courses, ReadCoursesFile(plan_.courses, zone, &summary.courses_file));
    }
    if (!plan_.assessments.empty()) {
      ASSIGN_OR_RETURN(activities, ReadAssessmentsFile(plan_.assessments, zone, &summary.assessments_file));
    }
    return database_.Write([&](store::Session& session) -> absl::Status {
      if (!plan_.map.roles.empty()) RETURN_IF_ERROR(directory_.GiveRoles(session, plan_.site, plan_.map.roles));
      RETURN_IF_ERROR(directory_.GiveCourses(session, plan_.site, courses));
      RETURN_IF_ERROR(directory_.GiveActivities(session, plan_.site, activities));
      return directory_.GivePeople(session, plan_.site, people);
    });
  }

  absl::Status Store(LogBatch& batch, ImportSummary& summary) {
    fresh_.clear();
    for (size_t i = 0; i < batch.size; ++i) {
      MoodleEvent& event = batch.events[i];
      ++summary.rows;
      // Coverage goes by the time as written, also of a row whose time is about to be rounded.
      summary.first_us = summary.rows == 1 ? event.occurred_us : std::min(summary.first_us, event.occurred_us);
      summary.last_us = std::max(summary.last_us, event.occurred_us);
      if (!Ours(event.occurred_us)) {
        ++summary.outside;
        continue;
      }
      if (!taken_.Take(event.seq)) {
        ++summary.known;
        continue;
      }
      ++summary.fresh;
      if (event.anonymous) ++summary.anonymous;
      RedactAtIntake(event);
      fresh_.push_back(std::move(event));
    }
    if (fresh_.empty()) return absl::OkStatus();

    const std::set<int64_t> blocks = taken_.TakeDirty();
    int64_t highest = progress_.highest_id;
    // The mark names a position that its readers will meet, so what is filtered out on the way does not count.
    for (const MoodleEvent& event : fresh_) {
      if (event.seq > highest && ToSlim(event)) highest = event.seq;
    }
    ImportProgress after = progress_;
    absl::Status stored = database_.Write([&](store::Session& session) -> absl::Status {
      after = progress_;
      after.lease_until_us = NowUs() + kLeaseUs;
      after.rows_taken += static_cast<int64_t>(fresh_.size());
      after.highest_id = highest;
      RETURN_IF_ERROR(directory_.ApplyEvents(session, plan_.site, fresh_, true));
      ASSIGN_OR_RETURN(const int64_t published, PublishEvents(session, plan_.site, source_, fresh_));
      after.published += published;
      RETURN_IF_ERROR(SaveImport(session, plan_.site, plan_.name, after, taken_, blocks));
      return SetStreamMark(session, plan_.site, source_, after.highest_id, after.published);
    });
    if (!stored.ok()) return stored;
    summary.published += after.published - progress_.published;
    progress_ = after;
    // Their strings' memory goes back to the batch.
    size_t next = 0;
    for (size_t i = 0; i < batch.size && next < fresh_.size(); ++i) batch.events[i] = std::move(fresh_[next++]);
    return absl::OkStatus();
  }

  absl::Status Finish(ImportSummary& summary) {
    summary.from_us = plan_.from_us.value_or(summary.first_us);
    summary.to_us = plan_.to_us.value_or(summary.rows > 0 ? summary.last_us + kSecondUs : 0);
    return database_.Write([&](store::Session& session) -> absl::Status {
      if (summary.rows > 0 || (plan_.from_us && plan_.to_us)) {
        RETURN_IF_ERROR(AdvanceCoverage(session, plan_.site, source_, summary.from_us, summary.to_us));
      }
      RETURN_IF_ERROR(PublishCoverage(session, plan_.site));
      RETURN_IF_ERROR(ReleaseImport(session, plan_.site, plan_.name, progress_));
      const store::Value params[] = {plan_.site};
      return session.Query(
          "SELECT count(CASE WHEN person <> 0 AND intervals <> '' THEN 1 END), count(CASE WHEN person <> 0 AND "
          "intervals <> '' AND learner = 1 "
          "THEN 1 END), count(DISTINCT course), coalesce(sum(anomalies), 0) FROM directory_enrolment WHERE site = :p1",
          params, [&](const store::Row& row) {
            summary.enrolments = row.Int(0);
            summary.learners = row.Int(1);
            summary.courses = row.Int(2);
            summary.anomalies = row.Int(3);
            return absl::OkStatus();
          });
    });
  }

  absl::Status Release() {
    return database_.Write(
        [&](store::Session& session) { return ReleaseImport(session, plan_.site, plan_.name, progress_); });
  }

 private:
  int64_t NowUs() const { return absl::ToUnixMicros(clock_.Now()); }

  // A row that another source answers for, or that the log is not said to be complete for, is left alone: not taken, so
  // that a later run with other bounds finds it.
  bool Ours(int64_t at_us) const {
    if ((plan_.from_us && at_us < *plan_.from_us) || (plan_.to_us && at_us >= *plan_.to_us)) return false;
    return std::none_of(spans_.begin(), spans_.end(), [&](const CoverageSpan& span) {
      return span.source != source_ && span.from_us <= at_us && at_us < span.to_us;
    });
  }

  store::Database& database_;
  Directory& directory_;
  const Clock& clock_;
  const ImportPlan& plan_;
  const std::string source_;
  ImportProgress progress_;
  TakenIds taken_;
  std::vector<CoverageSpan> spans_;
  std::vector<MoodleEvent> fresh_;
};

}  // namespace

absl::StatusOr<ImportSummary> ImportLogRows(store::Database& database, Directory& directory, const Clock& clock,
                                            const ImportPlan& plan, const std::atomic<bool>* interrupted,
                                            const std::function<void(const ImportState&)>& progress) {
  ImportSummary summary;
  ASSIGN_OR_RETURN(std::unique_ptr<LogBatches> batches, LogBatches::Open(plan.file, plan.batch));
  Import import(database, directory, clock, plan);
  RETURN_IF_ERROR(import.Claim());
  const absl::Status status = [&]() -> absl::Status {
    RETURN_IF_ERROR(import.Files(summary));
    LogBatch batch;
    ImportState state;
    state.bytes_in_all = batches->file_size();
    do {
      if (interrupted != nullptr && interrupted->load())
        return absl::CancelledError("interrupted; run it again and it goes on where it stopped");
      batches->Next(&batch);
      RETURN_IF_ERROR(import.Store(batch, summary));
      for (RefusedLine& line : batch.refused) {
        ++summary.refused_in_all;
        if (summary.refused.size() < kRefusedShown) summary.refused.push_back(std::move(line));
      }
      summary.refused_in_all += batch.refused_more;
      if (batch.cut_off_line > 0) summary.cut_off_line = batch.cut_off_line;
      state.bytes = batch.consumed;
      state.rows = summary.rows;
      if (progress) progress(state);
    } while (batch.end.ok());
    if (absl::IsDataLoss(batch.end)) {
      summary.damaged_end = true;
    } else if (!absl::IsOutOfRange(batch.end)) {
      return batch.end;
    }
    return import.Finish(summary);
  }();
  if (!status.ok()) {
    // The lease is given back so that the next run need not wait for it; if even that fails, it runs out by itself.
    import.Release().IgnoreError();
    return status;
  }
  return summary;
}

}  // namespace compagnon::moodle
