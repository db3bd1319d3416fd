#include "moodle/api/site_link.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "moodle/domain/slim.h"
#include "moodle/intake/redaction.h"
#include "moodle/store/coverage.h"
#include "moodle/store/full_publication.h"
#include "moodle/store/publication.h"
#include "platform/base/log.h"

namespace compagnon::moodle {
namespace {

constexpr int64_t kSecondUs = 1000000;
// While a decision is awaited, or another process reads: how often to look again.
constexpr absl::Duration kLookAgain = absl::Seconds(2);
// The plugin keeps rows 30 days after they were acknowledged; what is older cannot be replayed.
constexpr absl::Duration kReplayReach = absl::Hours(24 * 90);
// A row that the store cannot hold is set aside. When so many in a row are, it is the store that is broken: wait for a
// person instead.
constexpr int kRowsPutAside = 3;
// A page is not made smaller than this because a site is slow.
constexpr int kSmallestPage = 100;

// Problems that only the operator's word ends (compagnon site confirm); a working call does not.
bool IsStop(std::string_view problem) {
  return problem == "fingerprint_changed" || problem == "epoch_changed" || problem == "cursorreset" ||
         problem == "epoch_reused";
}

bool IsFenced(const absl::Status& status) { return ReasonOf(status) == "fenced"; }

// An answer that came whole and could not be read: broken on its way, or not ours.
absl::Status AnswerFault(const absl::Status& status) {
  const std::string code = ReasonOf(status);
  return FaultStatus({CategoryOf(code), code, absl::ZeroDuration()}, "");
}

// Restores and imports fire almost no events: what they did is read by a pass of the course.
bool NeedsCoursePass(const MoodleEvent& event) {
  return event.course > 1 &&
         (event.name == "\\core\\event\\course_restored" || event.name == "\\core\\event\\course_backup_imported" ||
          event.name == "\\core\\event\\course_reset_ended" ||
          event.name == "\\tool_uploadcourse\\event\\course_imported");
}

int64_t OtherInt(const MoodleEvent& event, std::string_view key) {
  int64_t value = 0;
  const auto found = event.other.find(key);
  if (found != event.other.end() && !absl::SimpleAtoi(found->second, &value)) value = 0;
  return value;
}

// True when the store refused what it was given, not when it was busy, full or away: trying the same again is no use.
bool BlamesTheRow(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kDataLoss:
      return true;
    case absl::StatusCode::kFailedPrecondition:
      return !IsFenced(status);
    default:
      return false;
  }
}

// What databases say after the first line quotes rows.
std::string_view FirstLine(const absl::Status& status) {
  const std::string_view message(status.message().data(), status.message().size());
  return message.substr(0, std::min(message.find('\n'), message.find("DETAIL")));
}

int64_t Damage(const PullPage& page) {
  int64_t rows = static_cast<int64_t>(page.rejected.size());
  for (const auto& [from, to] : page.missing) rows += to - from + 1;
  return rows;
}

// From when the rows of an epoch are complete: the first row's time, to the second (Moodle's own stamps have no
// fraction).
int64_t BeganAt(const PullPage& page, int64_t asked_us) {
  int64_t began = asked_us;
  for (const MoodleEvent& event : page.events) {
    if (!event.anonymous) began = std::min({began, event.occurred_us, event.recorded_us});
  }
  return began / kSecondUs * kSecondUs;
}

}  // namespace

SiteLink::SiteLink(SiteConfig site, LinkOptions options, LinkEvents events, WsClient& client, store::Database& database,
                   DirectoryWriter& directory, const Clock& clock)
    : site_(std::move(site)),
      options_(std::move(options)),
      events_(std::move(events)),
      client_(client),
      database_(database),
      directory_(directory),
      clock_(clock),
      page_rows_(options_.page_rows) {}

SiteLink::~SiteLink() = default;

absl::Duration SiteLink::Step() {
  if (!HoldLease()) return kLookAgain;
  if (IsStop(health_.problem)) {
    // The decision is written by another process: read everything anew next time.
    holding_ = false;
    return kLookAgain;
  }
  const absl::Time now = clock_.Now();
  // Pulls and pages of a pass take turns while both are due, so that neither starves the other.
  const bool pull_due = now >= next_pull_;
  if (!cursor_.epoch.empty() && now >= next_pass_page_ && (!pull_due || pulled_last_)) {
    if (const std::optional<ExportPass> pass = DuePass(now)) {
      pulled_last_ = false;
      const absl::Duration wait = ExportStep(*pass);
      return wait > absl::ZeroDuration() ? wait : UntilNext();
    }
  }
  if (!pull_due) return UntilNext();
  pulled_last_ = true;
  const absl::Duration wait = PullStep();
  next_pull_ = clock_.Now() + wait;
  return holding_ && faults_in_a_row_ == 0 ? UntilNext() : wait;
}

absl::Duration SiteLink::UntilNext() const {
  absl::Time next = next_pull_;
  if (pass_may_wait_) next = std::min(next, next_pass_page_);
  return std::max(next - clock_.Now(), absl::ZeroDuration());
}

std::optional<ExportPass> SiteLink::DuePass(absl::Time now) {
  if (!pass_may_wait_ && now - pass_checked_ < absl::Seconds(10)) return std::nullopt;
  const int64_t now_us = absl::ToUnixMicros(now);
  std::optional<ExportPass> pass;
  const absl::Status read = database_.Write([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(pass, CurrentPass(session, site_.code));
    if (pass) return absl::OkStatus();
    ASSIGN_OR_RETURN(const int64_t ended, LastFullPassEnd(session, site_.code));
    if (ended != 0 && now_us - ended < absl::ToInt64Microseconds(options_.pass_every)) return absl::OkStatus();
    RETURN_IF_ERROR(QueuePass(session, site_.code, 0, ended == 0 ? "first" : "rolling", now_us));
    const int64_t out_of_reach = now_us - absl::ToInt64Microseconds(kReplayReach);
    RETURN_IF_ERROR(PruneSlimPages(session, site_.code, out_of_reach));
    RETURN_IF_ERROR(PruneRejected(session, site_.code, out_of_reach));
    ASSIGN_OR_RETURN(pass, CurrentPass(session, site_.code));
    return absl::OkStatus();
  });
  pass_checked_ = now;
  pass_may_wait_ = read.ok() && pass.has_value();
  if (!read.ok()) return std::nullopt;
  return pass;
}

bool SiteLink::HoldLease() {
  const absl::Time now = clock_.Now();
  if (holding_ && lease_until_ - now > options_.lease / 2) return true;
  std::optional<SiteCursor> cursor;
  SiteRecord record;
  const absl::Status status = database_.Write([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(cursor, TakeLease(session, site_.code, options_.holder, absl::ToUnixMicros(now),
                                       absl::ToUnixMicros(now + options_.lease)));
    if (!cursor) return absl::OkStatus();
    ASSIGN_OR_RETURN(record, GetSite(session, site_.code));
    return absl::OkStatus();
  });
  if (!status.ok() || !cursor) {
    if (holding_) Log(LogLevel::kWarning, "lease lost", {{"site", site_.code}, {"reason", ReasonOf(status)}});
    holding_ = false;
    held_term_ = 0;
    return false;
  }
  if (!holding_) {
    health_ = record.health;
    pass_may_wait_ = true;
    next_pull_ = absl::InfinitePast();
    if (cursor->term != cursor_.term)
      Log(LogLevel::kInfo, "lease taken", {{"site", site_.code}, {"term", cursor->term}, {"seq", cursor->seq}});
  }
  cursor_ = *cursor;
  holding_ = true;
  held_term_ = cursor_.term;
  lease_until_ = now + options_.lease;
  return true;
}

void SiteLink::Renew() {
  const int64_t term = held_term_;
  const absl::Time now = clock_.Now();
  if (term == 0 || now - renewed_ < options_.lease / 3) return;
  // Lost in between, this writes nothing: the term is another's.
  const absl::Status kept = database_.Write([&](store::Session& session) {
    return KeepLease(session, site_.code, options_.holder, term, absl::ToUnixMicros(now + options_.lease));
  });
  if (kept.ok()) renewed_ = now;
}

void SiteLink::Release() {
  held_term_ = 0;
  if (!holding_) return;
  holding_ = false;
  const absl::Status dropped = database_.Write(
      [&](store::Session& session) { return DropLease(session, site_.code, options_.holder, cursor_.term); });
  if (!dropped.ok()) Log(LogLevel::kWarning, "lease not given back", {{"site", site_.code}});
}

absl::StatusOr<PullPage> SiteLink::FetchPage(const SiteCursor& from) {
  ASSIGN_OR_RETURN(std::string body, client_.Read("local_compagnon_pull_events", {{"subscriber", options_.subscriber},
                                                                                  {"epoch", from.epoch},
                                                                                  {"after", from.seq},
                                                                                  {"limit", page_rows_},
                                                                                  {"maxbytes", options_.page_bytes}}));
  auto page = parser_.Pull(std::move(body), from.seq, options_.publish_full);
  if (!page.ok()) return AnswerFault(page.status());
  return page;
}

std::string_view SiteLink::WhyStop(const PullPage& page) const {
  if (!cursor_.fingerprint.empty() && page.fingerprint != cursor_.fingerprint) return "fingerprint_changed";
  if (!cursor_.epoch.empty() && page.epoch != cursor_.epoch) return "epoch_changed";
  if (page.latest < cursor_.seq) return "cursorreset";
  return "";
}

absl::Duration SiteLink::PullStep() {
  const absl::Time asked_at = clock_.Now();
  absl::StatusOr<PullPage> page = FetchPage(cursor_);
  if (!page.ok()) {
    // Perhaps the site manages a smaller page in the time there is.
    if (FaultOf(page.status()).code == "timeout") SmallerPages();
    return Failed(page.status());
  }
  const bool quick = clock_.Now() - asked_at < options_.lease / 2;
  if (Damage(*page) > 0) {
    // Damage done on the way heals by asking again; what is in the outbox itself comes back the same and is then
    // accepted.
    absl::StatusOr<PullPage> again = FetchPage(cursor_);
    if (again.ok() && Damage(*again) < Damage(*page)) page = std::move(again);
  }
  faults_in_a_row_ = 0;
  if (const std::string_view why = WhyStop(*page); !why.empty()) return Stop(why, page->epoch, page->fingerprint);

  // After a new epoch was confirmed the plugin must have begun one: reading the old one again from its start would
  // publish its events twice.
  if (cursor_.epoch.empty() && page->lines > 0) {
    bool read_before = false;
    const absl::Status asked = database_.Read([&](store::Session& session) -> absl::Status {
      ASSIGN_OR_RETURN(const std::vector<SlimPage> pages, SlimPages(session, site_.code, page->epoch, 0));
      read_before = !pages.empty();
      return absl::OkStatus();
    });
    if (!asked.ok()) return kLookAgain;
    if (read_before) return Stop("epoch_reused", page->epoch, page->fingerprint);
  }

  events_.on_page(*page);
  const bool caught_up = page->unnumbered == 0 && page->next >= page->latest;
  absl::Status committed = Commit(*page, asked_at, caught_up);
  if (BlamesTheRow(committed) && page->events.size() == 1 && rows_put_aside_ < kRowsPutAside) {
    page->rejected.push_back({page->events[0].seq, "not_storable", page->events[0].name, 0, ""});
    page->events.clear();
    if (Commit(*page, asked_at, caught_up).ok()) {
      ++rows_put_aside_;
      committed = absl::OkStatus();
    }
  }
  if (!committed.ok()) return NotCommitted(committed, page->events.size());
  if (page->events.size() > 1) rows_put_aside_ = 0;
  if (quick) page_rows_ = std::min(options_.page_rows, page_rows_ * 2);
  events_.on_taken(*page);
  events_.on_commit();
  Acknowledge(caught_up);
  if (page->lines > 0) last_rows_ = asked_at;
  return caught_up ? Pause() : absl::ZeroDuration();
}

absl::Duration SiteLink::NotCommitted(const absl::Status& status, size_t events) {
  // Nothing of the page is kept. The cursor is read again under a fresh lease before the next try.
  holding_ = false;
  if (IsFenced(status)) {
    Log(LogLevel::kWarning, "fenced out", {{"site", site_.code}, {"seq", cursor_.seq}});
    SmallerPages();
    return kLookAgain;
  }
  Log(LogLevel::kError, "page not committed",
      {{"site", site_.code},
       {"seq", cursor_.seq},
       {"rows", static_cast<int64_t>(events)},
       {"code", static_cast<int64_t>(status.code())},
       {"reason", ReasonOf(status)},
       {"error", FirstLine(status)}});
  if (BlamesTheRow(status) && events > 1) {
    // One row may be what the store cannot hold: half the page tells in which half it lies.
    page_rows_ = static_cast<int>(events / 2);
    return absl::ZeroDuration();
  }
  if (BlamesTheRow(status) && health_.problem != "not_storable") {
    SiteHealth health = health_;
    health.link = Link::kNeedsOperator;
    health.problem = "not_storable";
    if (database_.Write([&](store::Session& session) { return PutHealth(session, site_.code, health); }).ok()) {
      health_ = health;
      events_.on_health(health_, absl::ZeroDuration());
    }
  }
  return absl::Seconds(5);
}

void SiteLink::SmallerPages() { page_rows_ = std::max(page_rows_ / 2, std::min(page_rows_, kSmallestPage)); }

absl::Duration SiteLink::Pause() const {
  const absl::Time now = clock_.Now();
  const absl::Duration pause = now - last_rows_ <= options_.stays_active ? options_.poll_active : options_.poll_idle;
  return pause;
}

absl::Status SiteLink::Commit(PullPage& page, absl::Time asked_at, bool caught_up) {
  const int64_t now_us = absl::ToUnixMicros(asked_at);
  SiteCursor next = cursor_;
  next.epoch = page.epoch;
  next.fingerprint = page.fingerprint;
  next.seen_epoch = page.epoch;
  next.seen_fingerprint = page.fingerprint;
  next.seq = std::max(page.next, cursor_.seq);
  if (next.began_us == 0 && (caught_up || !page.events.empty())) next.began_us = BeganAt(page, now_us);

  // Counted before redaction and flags, which move times.
  std::map<int64_t, int64_t> per_day;
  for (const MoodleEvent& event : page.events) ++per_day[UtcDayOf(event.recorded_us)];
  std::vector<DayCount> pulled;
  for (const auto& [day, rows] : per_day) pulled.push_back({day, rows});
  int64_t last_recorded = 0;
  std::vector<int64_t> passes;
  std::vector<const MoodleEvent*> gaps;
  for (MoodleEvent& event : page.events) {
    FlagFutureTime(event);
    RedactAtIntake(event);
    last_recorded = std::max(last_recorded, event.recorded_us);
    if (NeedsCoursePass(event)) passes.push_back(event.course);
    if (event.name == kGapEvent) gaps.push_back(&event);
  }
  std::sort(passes.begin(), passes.end());
  passes.erase(std::unique(passes.begin(), passes.end()), passes.end());

  SiteHealth health = health_;
  health.link = caught_up ? Link::kOk : Link::kCatchingUp;
  health.problem.clear();
  health.last_answer_us = now_us;
  if (!page.events.empty()) health.last_event_us = std::max(health.last_event_us, page.events.back().recorded_us);
  health.backlog = std::max<int64_t>(page.latest - next.seq, 0) + page.unnumbered;
  health.faults = page.faults;

  const bool coverage_due =
      caught_up && (asked_at - last_coverage_ >= options_.coverage_every || cursor_.epoch.empty());
  const absl::Status status = database_.Write([&](store::Session& session) -> absl::Status {
    RETURN_IF_ERROR(MoveCursor(session, site_.code, cursor_, next));
    if (page.lines > 0) {
      RETURN_IF_ERROR(AddRejected(session, site_.code, page.epoch, page.rejected, now_us));
      for (const MoodleEvent* gap : gaps) {
        RETURN_IF_ERROR(AddIncident(session, site_.code, "gap", page.epoch, gap->seq, OtherInt(*gap, "rows"), now_us));
      }
      RETURN_IF_ERROR(directory_.ApplyEvents(session, site_.code, page.events, false));
      ASSIGN_OR_RETURN(const int64_t before, LastSitePos(session, site_.code));
      ASSIGN_OR_RETURN(const int64_t published, PublishEvents(session, site_.code, "site", page.events));
      if (options_.publish_full) RETURN_IF_ERROR(PublishFull(session, site_.code, page.epoch, page.events));
      RETURN_IF_ERROR(AddSlimPage(session, site_.code,
                                  {page.epoch, cursor_.seq + 1, next.seq, before + 1, published, last_recorded}));
      RETURN_IF_ERROR(AddPulled(session, site_.code, pulled));
    }
    for (const auto& [from, to] : page.missing) {
      RETURN_IF_ERROR(AddIncident(session, site_.code, "missing_seq", page.epoch, from, to, now_us));
    }
    if (health.faults > health_.faults)
      RETURN_IF_ERROR(AddIncident(session, site_.code, "faults", page.epoch, health_.faults, health.faults, now_us));
    RETURN_IF_ERROR(SetCounted(session, site_.code, page.counted));
    for (int64_t course : passes) RETURN_IF_ERROR(QueuePass(session, site_.code, course, "restored", now_us));
    if (coverage_due) {
      RETURN_IF_ERROR(PublishCompleteness(session, site_.code, now_us).status());
      RETURN_IF_ERROR(AdvanceCoverage(session, site_.code, absl::StrCat("bridge/", page.epoch), next.began_us,
                                      std::max(now_us, next.began_us + 1)));
      RETURN_IF_ERROR(PublishCoverage(session, site_.code));
    }
    return PutHealth(session, site_.code, health);
  });
  RETURN_IF_ERROR(status);

  if (!page.missing.empty() || !page.rejected.empty()) {
    Log(LogLevel::kError, "rows of a site are missing or malformed",
        {{"site", site_.code},
         {"missing_spans", static_cast<int64_t>(page.missing.size())},
         {"rejected", static_cast<int64_t>(page.rejected.size())}});
  }
  cursor_ = next;
  health_ = health;
  if (coverage_due) last_coverage_ = asked_at;
  if (!passes.empty()) pass_may_wait_ = true;
  const absl::Duration lag =
      caught_up || last_recorded == 0 ? absl::ZeroDuration() : asked_at - absl::FromUnixMicros(last_recorded);
  events_.on_health(health_, lag);
  return absl::OkStatus();
}

void SiteLink::Acknowledge(bool caught_up) {
  const int64_t waiting = cursor_.seq - cursor_.acked;
  if (waiting <= 0 || (!caught_up && waiting < options_.ack_every)) return;
  // An acknowledgement lost is made good by the next one: it only lets the plugin prune.
  auto body = client_.Read("local_compagnon_ack",
                           {{"subscriber", options_.subscriber}, {"epoch", cursor_.epoch}, {"upto", cursor_.seq}});
  if (!body.ok()) {
    Log(LogLevel::kWarning, "not acknowledged", {{"site", site_.code}, {"reason", ReasonOf(body.status())}});
    return;
  }
  if (auto upto = parser_.Ack(*std::move(body)); upto.ok()) {
    const int64_t acked = std::min(*upto, cursor_.seq);
    if (database_.Write([&](store::Session& session) { return NoteAck(session, site_.code, cursor_.term, acked); })
            .ok())
      cursor_.acked = acked;
  }
}

absl::Duration SiteLink::ExportStep(const ExportPass& pass) {
  const absl::Time now = clock_.Now();
  const int64_t now_us = absl::ToUnixMicros(now);
  const bool rolling = pass.reason == "rolling";
  ExportPass next = pass;
  std::string problem, guarded;

  if (pass.kind >= static_cast<int64_t>(ExportKinds().size())) {
    next.ended_us = now_us;
    const absl::Status ended =
        database_.Write([&](store::Session& session) { return PutPass(session, site_.code, next); });
    return ended.ok() ? absl::ZeroDuration() : kLookAgain;
  }
  const std::string_view kind = ExportKinds()[pass.kind];
  nlohmann::json params = {
      {"kind", std::string(kind)}, {"after_id", pass.after_id}, {"limit", options_.export_rows}, {"hashes", 0}};
  if (pass.course > 0) params["courseid"] = pass.course;
  auto body = client_.Read("local_compagnon_export", params);
  const auto next_kind = [&] {
    ++next.kind;
    next.after_id = 0;
    next.rejected = 0;
  };
  absl::Status status;
  if (!body.ok()) {
    const WsFault fault = FaultOf(body.status());
    // What concerns the whole site leaves the pass where it is: it goes on once the site is read again.
    if (!MayConcernOneRequest(fault)) return Failed(body.status());
    if (!export_refused_) {
      // A pull tells a refused kind from a token that expired: only if it is answered is the kind refused.
      export_refused_ = true;
      next_pull_ = absl::InfinitePast();
      return absl::ZeroDuration();
    }
    // A kind this plugin or this account cannot export is left out, and said; the others go on.
    export_refused_ = false;
    problem = absl::StrCat(std::string(kind), ":", fault.code);
    Log(LogLevel::kWarning, "export refused", {{"site", site_.code}, {"kind", kind}, {"reason", fault.code}});
    next_kind();
    status = database_.Write([&](store::Session& session) -> absl::Status {
      RETURN_IF_ERROR(MoveCursor(session, site_.code, cursor_, cursor_));
      return PutPass(session, site_.code, next, problem);
    });
  } else {
    export_refused_ = false;
    auto page = parser_.Export(*std::move(body));
    if (!page.ok()) return Failed(AnswerFault(page.status()));
    if (page->rejected > 0) {
      // As with a pull, damage done on the way heals by asking again.
      if (auto second = client_.Read("local_compagnon_export", params); second.ok()) {
        if (auto again = parser_.Export(*std::move(second)); again.ok() && again->rejected < page->rejected)
          page = std::move(again);
      }
    }
    if (page->fingerprint != cursor_.fingerprint) return Stop("fingerprint_changed", page->epoch, page->fingerprint);
    if (page->epoch != cursor_.epoch) return Stop("epoch_changed", page->epoch, page->fingerprint);
    next.after_id = std::max(page->next, pass.after_id);
    const bool stuck = !page->done && next.after_id == pass.after_id;
    // What a line held that could not be read is not gone: nothing of this kind is closed by this pass.
    const bool whole = pass.rejected + page->rejected == 0;
    next.rejected = pass.rejected + page->rejected;
    if (page->rejected > 0) {
      if (pass.rejected == 0) problem = absl::StrCat(std::string(kind), ":unreadable_export");
      Log(LogLevel::kError, "lines of an export are unreadable: what is gone of this kind is not looked for",
          {{"site", site_.code}, {"kind", kind}, {"lines", page->rejected}});
    }
    if (page->done || stuck) next_kind();
    status = database_.Write([&](store::Session& session) -> absl::Status {
      RETURN_IF_ERROR(MoveCursor(session, site_.code, cursor_, cursor_));  // only under the lease
      RETURN_IF_ERROR(directory_.ApplyExportPage(session, site_.code, kind, pass.id, page->as_of, page->rows));
      if (page->rejected > 0) {
        RETURN_IF_ERROR(AddIncident(session, site_.code, "unreadable_export", cursor_.epoch, pass.after_id + 1,
                                    std::max(page->next, pass.after_id + 1), now_us));
      }
      if (page->done && pass.course == 0 && whole) {
        const absl::Status swept = directory_.SweepPass(session, site_.code, kind, pass.id);
        if (ReasonOf(swept) == "mass_delete_guard") {
          guarded = FirstLine(swept);
          problem = absl::StrCat(std::string(kind), ":mass_delete_guard");
          RETURN_IF_ERROR(AddIncident(session, site_.code, "mass_delete_guard", cursor_.epoch, 0, 0, now_us));
        } else {
          RETURN_IF_ERROR(swept);
        }
      }
      return PutPass(session, site_.code, next, problem);
    });
  }
  if (!status.ok()) {
    holding_ = false;
    Log(LogLevel::kError, "export page not committed",
        {{"site", site_.code}, {"kind", kind}, {"reason", ReasonOf(status)}, {"error", FirstLine(status)}});
    next_pass_page_ = now + absl::Seconds(10);
    return kLookAgain;
  }
  if (!guarded.empty()) {
    Log(LogLevel::kError, "a pass would close too much: nothing was closed",
        {{"site", site_.code}, {"kind", kind}, {"error", guarded}});
  }
  events_.on_commit();
  if (rolling) next_pass_page_ = now + options_.pass_page_every;
  return absl::ZeroDuration();
}

absl::Duration SiteLink::Stop(std::string_view problem, std::string_view seen_epoch,
                              std::string_view seen_fingerprint) {
  SiteHealth health = health_;
  health.link = Link::kNeedsOperator;
  health.problem = std::string(problem);
  health.last_answer_us = absl::ToUnixMicros(clock_.Now());
  SiteCursor next = cursor_;
  if (!seen_epoch.empty()) next.seen_epoch = std::string(seen_epoch);
  if (!seen_fingerprint.empty()) next.seen_fingerprint = std::string(seen_fingerprint);
  const absl::Status status = database_.Write([&](store::Session& session) -> absl::Status {
    RETURN_IF_ERROR(MoveCursor(session, site_.code, cursor_, next));
    RETURN_IF_ERROR(
        AddIncident(session, site_.code, problem, cursor_.epoch, cursor_.seq, cursor_.seq, health.last_answer_us));
    return PutHealth(session, site_.code, health);
  });
  Log(LogLevel::kError, "reading of a site stopped: an operator must decide",
      {{"site", site_.code}, {"problem", problem}});
  holding_ = false;
  if (status.ok()) {
    health_ = health;
    events_.on_health(health_, absl::ZeroDuration());
  }
  return kLookAgain;
}

absl::Duration SiteLink::Failed(const absl::Status& status) {
  const WsFault fault = FaultOf(status);
  if (fault.code == "cursorreset") return Stop("cursorreset", "", "");
  if (fault.code == "cancelled") return kLookAgain;  // this process stops; the site did nothing wrong
  export_refused_ = false;
  ++faults_in_a_row_;
  SiteHealth health = health_;
  health.link = fault.category == FaultCategory::kRetry ? Link::kUnreachable : Link::kNeedsOperator;
  // "circuit_open" says nothing about the cause: keep the fault that opened it.
  if (fault.code != "circuit_open") health.problem = fault.code;
  if (!(health == health_)) {
    Log(LogLevel::kWarning, "site not read", {{"site", site_.code}, {"reason", health.problem}});
    const absl::Status put =
        database_.Write([&](store::Session& session) { return PutHealth(session, site_.code, health); });
    if (put.ok()) health_ = health;
    events_.on_health(health_, absl::ZeroDuration());
  }
  if (fault.category != FaultCategory::kRetry) return options_.poll_idle;
  const absl::Duration back_off = std::min(absl::Seconds(1) * (1 << std::min(faults_in_a_row_, 8)), absl::Minutes(2));
  return std::max(fault.retry_after, std::min(back_off, std::max(options_.poll_idle, options_.poll_active)));
}

}  // namespace compagnon::moodle
