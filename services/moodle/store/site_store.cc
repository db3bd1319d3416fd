#include "moodle/store/site_store.h"

#include <array>

#include "absl/strings/str_cat.h"

namespace compagnon::moodle {
namespace {

using store::Row;
using store::Session;
using store::Value;

Value Text(std::string_view text) { return std::string(text); }

constexpr std::string_view kSelectSite =
    "SELECT s.code, s.title, s.url, s.time_zone, s.token, s.changed_us, c.epoch, c.seq, c.acked, c.fingerprint, "
    "c.seen_epoch, c.seen_fingerprint, "
    "c.began_us, c.term, h.link, h.problem, h.last_answer_us, h.last_event_us, h.backlog, h.faults "
    "FROM site s JOIN site_cursor c ON c.site = s.code JOIN site_health h ON h.site = s.code ";

SiteRecord ReadSite(const Row& row) {
  SiteRecord r;
  r.config = {row.Text(0), row.Text(1), row.Text(2), row.Text(3), row.BytesAt(4), row.Int(5)};
  r.cursor = {row.Text(6), row.Int(7), row.Int(8), row.Text(9), row.Text(10), row.Text(11), row.Int(12), row.Int(13)};
  r.health = {static_cast<Link>(row.Int(14)), row.Text(15), row.Int(16), row.Int(17), row.Int(18), row.Int(19)};
  return r;
}

}  // namespace

bool IsSiteCode(std::string_view code) {
  if (code.empty() || code.size() > 32) return false;
  for (char c : code) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
  }
  return true;
}

absl::Status PutSite(Session& session, const SiteConfig& site, int64_t now_us) {
  RETURN_IF_ERROR(session
                      .Execute("INSERT INTO site (code, title, url, time_zone, token, created_us, changed_us) VALUES "
                               "(:p1, :p2, :p3, :p4, :p5, :p6, :p6) "
                               "ON CONFLICT (code) DO UPDATE SET title = excluded.title, url = excluded.url, time_zone "
                               "= excluded.time_zone, "
                               "token = excluded.token, changed_us = excluded.changed_us",
                               {{Text(site.code), Text(site.title), Text(site.url), Text(site.time_zone),
                                 store::Bytes{site.sealed_token}, now_us}})
                      .status());
  RETURN_IF_ERROR(
      session.Execute("INSERT INTO site_cursor (site) VALUES (:p1) ON CONFLICT (site) DO NOTHING", {{Text(site.code)}})
          .status());
  return session
      .Execute(
          "INSERT INTO site_health (site, link) VALUES (:p1, :p2) ON CONFLICT (site) DO UPDATE SET link = "
          "excluded.link, problem = ''",
          {{Text(site.code), static_cast<int64_t>(site.url.empty() ? Link::kFileOnly : Link::kUnspecified)}})
      .status();
}

absl::StatusOr<std::vector<SiteRecord>> ListSites(Session& session, std::string_view after, int limit) {
  std::vector<SiteRecord> out;
  RETURN_IF_ERROR(session.Query(absl::StrCat(std::string(kSelectSite), "WHERE s.code > :p1 ORDER BY s.code",
                                             limit > 0 ? absl::StrCat(" LIMIT ", limit) : ""),
                                {{Text(after)}}, [&](const Row& row) {
                                  out.push_back(ReadSite(row));
                                  return absl::OkStatus();
                                }));
  return out;
}

absl::StatusOr<SiteRecord> GetSite(Session& session, std::string_view code) {
  std::optional<SiteRecord> found;
  RETURN_IF_ERROR(
      session.Query(absl::StrCat(std::string(kSelectSite), "WHERE s.code = :p1"), {{Text(code)}}, [&](const Row& row) {
        found = ReadSite(row);
        return absl::OkStatus();
      }));
  if (!found) return WithReason(absl::NotFoundError(absl::StrCat("site ", std::string(code))), "site_not_found");
  return *found;
}

absl::StatusOr<std::optional<SiteCursor>> TakeLease(Session& session, std::string_view site, std::string_view holder,
                                                    int64_t now_us, int64_t until_us) {
  ASSIGN_OR_RETURN(
      const int64_t renewed,
      session.Execute(
          "UPDATE site_cursor SET lease_until_us = :p4 WHERE site = :p1 AND holder = :p2 AND lease_until_us > :p3",
          {{Text(site), Text(holder), now_us, until_us}}));
  if (renewed == 0) {
    ASSIGN_OR_RETURN(const int64_t taken,
                     session.Execute("UPDATE site_cursor SET holder = :p2, term = term + 1, lease_until_us = :p4 WHERE "
                                     "site = :p1 AND lease_until_us <= :p3",
                                     {{Text(site), Text(holder), now_us, until_us}}));
    if (taken == 0) return std::optional<SiteCursor>();
  }
  ASSIGN_OR_RETURN(SiteRecord record, GetSite(session, site));
  return std::optional<SiteCursor>(std::move(record.cursor));
}

absl::Status KeepLease(Session& session, std::string_view site, std::string_view holder, int64_t term,
                       int64_t until_us) {
  return session
      .Execute("UPDATE site_cursor SET lease_until_us = :p4 WHERE site = :p1 AND holder = :p2 AND term = :p3",
               {{Text(site), Text(holder), term, until_us}})
      .status();
}

absl::Status DropLease(Session& session, std::string_view site, std::string_view holder, int64_t term) {
  return session
      .Execute(
          "UPDATE site_cursor SET lease_until_us = 0, holder = '' WHERE site = :p1 AND holder = :p2 AND term = :p3",
          {{Text(site), Text(holder), term}})
      .status();
}

absl::Status MoveCursor(Session& session, std::string_view site, const SiteCursor& from, const SiteCursor& to) {
  ASSIGN_OR_RETURN(
      const int64_t moved,
      session.Execute("UPDATE site_cursor SET epoch = :p4, seq = :p5, fingerprint = :p6, seen_epoch = :p7, "
                      "seen_fingerprint = :p8, began_us = :p9, "
                      "acked = :p10 WHERE site = :p1 AND term = :p2 AND seq = :p3 AND epoch = :p11",
                      {{Text(site), from.term, from.seq, Text(to.epoch), to.seq, Text(to.fingerprint),
                        Text(to.seen_epoch), Text(to.seen_fingerprint), to.began_us, to.acked, Text(from.epoch)}}));
  if (moved != 1) return WithReason(absl::FailedPreconditionError("another process holds this site"), "fenced");
  return absl::OkStatus();
}

absl::Status NoteAck(Session& session, std::string_view site, int64_t term, int64_t acked) {
  return session
      .Execute("UPDATE site_cursor SET acked = :p3 WHERE site = :p1 AND term = :p2", {{Text(site), term, acked}})
      .status();
}

absl::Status AcceptFingerprint(Session& session, std::string_view site) {
  RETURN_IF_ERROR(session
                      .Execute("UPDATE site_cursor SET fingerprint = seen_fingerprint, term = term + 1, holder = '', "
                               "lease_until_us = 0 WHERE site = :p1",
                               {{Text(site)}})
                      .status());
  return session.Execute("UPDATE site_health SET link = 0, problem = '' WHERE site = :p1", {{Text(site)}}).status();
}

absl::Status StartNewEpoch(Session& session, std::string_view site, int64_t now_us) {
  RETURN_IF_ERROR(session
                      .Execute("UPDATE site_cursor SET epoch = '', seq = 0, acked = 0, fingerprint = '', began_us = 0, "
                               "term = term + 1, holder = '', "
                               "lease_until_us = 0 WHERE site = :p1",
                               {{Text(site)}})
                      .status());
  RETURN_IF_ERROR(
      session
          .Execute("UPDATE export_pass SET ended_us = :p2, problem = 'abandoned' WHERE site = :p1 AND ended_us = 0",
                   {{Text(site), now_us}})
          .status());
  RETURN_IF_ERROR(QueuePass(session, site, 0, "epoch", now_us));
  return session.Execute("UPDATE site_health SET link = 0, problem = '' WHERE site = :p1", {{Text(site)}}).status();
}

absl::Status CutLink(Session& session, std::string_view site, int64_t now_us) {
  RETURN_IF_ERROR(session
                      .Execute("UPDATE site SET url = '', token = :p2, changed_us = :p3 WHERE code = :p1",
                               {{Text(site), store::Bytes{}, now_us}})
                      .status());
  RETURN_IF_ERROR(
      session
          .Execute("UPDATE site_cursor SET term = term + 1, holder = '', lease_until_us = 0 WHERE site = :p1",
                   {{Text(site)}})
          .status());
  return session
      .Execute("UPDATE site_health SET link = :p2, problem = '' WHERE site = :p1",
               {{Text(site), static_cast<int64_t>(Link::kFileOnly)}})
      .status();
}

absl::Status PutHealth(Session& session, std::string_view site, const SiteHealth& h) {
  return session
      .Execute(
          "UPDATE site_health SET link = :p2, problem = :p3, last_answer_us = :p4, last_event_us = :p5, backlog = :p6, "
          "faults = :p7 WHERE site = :p1",
          {{Text(site), static_cast<int64_t>(h.link), Text(h.problem), h.last_answer_us, h.last_event_us, h.backlog,
            h.faults}})
      .status();
}

absl::Status AddPulled(Session& session, std::string_view site, absl::Span<const DayCount> pulled) {
  for (const DayCount& d : pulled) {
    RETURN_IF_ERROR(
        session
            .Execute(
                "INSERT INTO completeness (site, day, pulled, counted, published) VALUES (:p1, :p2, :p3, 0, 0) "
                "ON CONFLICT (site, day) DO UPDATE SET pulled = completeness.pulled + excluded.pulled, published = 0",
                {{Text(site), d.day, d.rows}})
            .status());
  }
  return absl::OkStatus();
}

absl::Status SetCounted(Session& session, std::string_view site, absl::Span<const DayCount> counted) {
  for (const DayCount& d : counted) {
    RETURN_IF_ERROR(
        session
            .Execute("INSERT INTO completeness (site, day, pulled, counted, published) VALUES (:p1, :p2, 0, :p3, 0) "
                     "ON CONFLICT (site, day) DO UPDATE SET counted = excluded.counted, published = 0 "
                     "WHERE completeness.counted <> excluded.counted",
                     {{Text(site), d.day, d.rows}})
            .status());
  }
  return absl::OkStatus();
}

absl::Status AddSlimPage(Session& session, std::string_view site, const SlimPage& p) {
  return session
      .Execute(
          "INSERT INTO slim_page (site, epoch, first_seq, last_seq, first_pos, events, last_recorded_us) VALUES (:p1, "
          ":p2, :p3, :p4, :p5, :p6, :p7)",
          {{Text(site), Text(p.epoch), p.first_seq, p.last_seq, p.first_pos, p.events, p.last_recorded_us}})
      .status();
}

absl::StatusOr<std::vector<SlimPage>> SlimPages(Session& session, std::string_view site, std::string_view epoch,
                                                int64_t recorded_from_us) {
  std::vector<SlimPage> out;
  RETURN_IF_ERROR(
      session.Query("SELECT epoch, first_seq, last_seq, first_pos, events, last_recorded_us FROM slim_page WHERE site "
                    "= :p1 AND (:p2 = '' OR epoch = :p2) AND last_recorded_us >= :p3 "
                    "ORDER BY first_pos",
                    {{Text(site), Text(epoch), recorded_from_us}}, [&](const Row& row) {
                      out.push_back({row.Text(0), row.Int(1), row.Int(2), row.Int(3), row.Int(4), row.Int(5)});
                      return absl::OkStatus();
                    }));
  return out;
}

absl::Status PruneSlimPages(Session& session, std::string_view site, int64_t recorded_before_us) {
  return session
      .Execute(
          "DELETE FROM slim_page WHERE site = :p1 AND last_recorded_us < :p2 AND first_seq < "
          "(SELECT max(p.first_seq) FROM slim_page p WHERE p.site = slim_page.site AND p.epoch = slim_page.epoch)",
          {{Text(site), recorded_before_us}})
      .status();
}

absl::Status AddRejected(Session& session, std::string_view site, std::string_view epoch,
                         absl::Span<const RejectedRow> rows, int64_t now_us) {
  if (rows.empty()) return absl::OkStatus();
  static constexpr std::string_view kColumns[] = {"site",  "epoch",      "seq",   "reason",
                                                  "at_us", "event_name", "bytes", "digest"};
  std::vector<std::vector<Value>> values;
  values.reserve(rows.size());
  for (const RejectedRow& row : rows)
    values.push_back({Text(site), Text(epoch), row.seq, row.reason, now_us, row.event_name, row.bytes, row.digest});
  return session.BulkInsert("bridge_rejected", kColumns, values);
}

absl::Status PruneRejected(Session& session, std::string_view site, int64_t before_us) {
  return session.Execute("DELETE FROM bridge_rejected WHERE site = :p1 AND at_us < :p2", {{Text(site), before_us}})
      .status();
}

absl::Status AddIncident(Session& session, std::string_view site, std::string_view kind, std::string_view epoch,
                         int64_t first_seq, int64_t last_seq, int64_t now_us) {
  return session
      .Execute(
          "INSERT INTO incident (site, at_us, kind, epoch, first_seq, last_seq) VALUES (:p1, :p2, :p3, :p4, :p5, :p6)",
          {{Text(site), now_us, Text(kind), Text(epoch), first_seq, last_seq}})
      .status();
}

absl::StatusOr<SiteNotes> NotesSince(Session& session, std::string_view site, int64_t since_us) {
  SiteNotes notes;
  const auto read = [&](std::string_view sql, std::vector<Noted>* into) {
    return session.Query(sql, {{Text(site), since_us}}, [&](const Row& row) {
      into->push_back({row.Text(0), row.Int(1), row.Int(2)});
      return absl::OkStatus();
    });
  };
  RETURN_IF_ERROR(
      read("SELECT kind, count(*), max(at_us) FROM incident WHERE site = :p1 AND at_us >= :p2 GROUP BY kind "
           "ORDER BY 3 DESC, 1",
           &notes.incidents));
  RETURN_IF_ERROR(
      read("SELECT reason, count(*), max(at_us) FROM bridge_rejected WHERE site = :p1 AND at_us >= :p2 GROUP BY reason "
           "ORDER BY 3 DESC, 1",
           &notes.rejected));
  RETURN_IF_ERROR(
      read("SELECT problem, 1, CASE WHEN ended_us > 0 THEN ended_us ELSE started_us END FROM export_pass WHERE site = "
           ":p1 AND started_us >= :p2 AND problem <> '' ORDER BY id DESC LIMIT 5",
           &notes.passes));
  return notes;
}

absl::Span<const std::string_view> ExportKinds() {
  static constexpr std::array<std::string_view, 11> kKinds = {
      "roles",          "categories", "courses",       "modules",          "users",     "cohorts",
      "cohort_members", "groups",     "group_members", "role_assignments", "enrolments"};
  return kKinds;
}

absl::Status QueuePass(Session& session, std::string_view site, int64_t course, std::string_view reason,
                       int64_t now_us) {
  int64_t waiting = 0, last = 0;
  RETURN_IF_ERROR(
      session.Query("SELECT coalesce(max(id), 0), coalesce(sum(CASE WHEN course = :p2 AND ended_us = 0 AND kind = 0 "
                    "AND after_id = 0 THEN 1 ELSE 0 END), 0) "
                    "FROM export_pass WHERE site = :p1",
                    {{Text(site), course}}, [&](const Row& row) {
                      last = row.Int(0);
                      waiting = row.Int(1);
                      return absl::OkStatus();
                    }));
  if (waiting > 0) return absl::OkStatus();
  return session
      .Execute(
          "INSERT INTO export_pass (site, id, course, reason, kind, after_id, started_us, ended_us) VALUES (:p1, :p2, "
          ":p3, :p4, 0, 0, :p5, 0)",
          {{Text(site), last + 1, course, Text(reason), now_us}})
      .status();
}

absl::StatusOr<std::optional<ExportPass>> CurrentPass(Session& session, std::string_view site) {
  std::optional<ExportPass> pass;
  RETURN_IF_ERROR(session.Query(
      "SELECT id, course, reason, kind, after_id, started_us, ended_us, rejected FROM export_pass WHERE site = :p1 AND "
      "ended_us = 0 ORDER BY id LIMIT 1",
      {{Text(site)}}, [&](const Row& row) {
        pass =
            ExportPass{row.Int(0), row.Int(1), row.Text(2), row.Int(3), row.Int(4), row.Int(5), row.Int(6), row.Int(7)};
        return absl::OkStatus();
      }));
  return pass;
}

absl::Status PutPass(Session& session, std::string_view site, const ExportPass& pass, std::string_view problem) {
  return session
      .Execute(
          "UPDATE export_pass SET kind = :p3, after_id = :p4, ended_us = :p5, rejected = :p7, problem = CASE WHEN :p6 "
          "= '' "
          "THEN problem WHEN problem = '' THEN :p6 ELSE problem || ' ' || :p6 END WHERE site = :p1 AND id = :p2",
          {{Text(site), pass.id, pass.kind, pass.after_id, pass.ended_us, Text(problem), pass.rejected}})
      .status();
}

absl::StatusOr<int64_t> LastFullPassEnd(Session& session, std::string_view site) {
  int64_t end = 0;
  RETURN_IF_ERROR(session.Query("SELECT coalesce(max(ended_us), 0) FROM export_pass WHERE site = :p1 AND course = 0",
                                {{Text(site)}}, [&](const Row& row) {
                                  end = row.Int(0);
                                  return absl::OkStatus();
                                }));
  return end;
}

}  // namespace compagnon::moodle
