#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "moodle/api/dimensions_file.h"
#include "moodle/cli.h"
#include "moodle/cli_connection.h"
#include "moodle/intake/bridge_parser.h"
#include "moodle/intake/redaction.h"
#include "moodle/store/coverage.h"
#include "moodle/store/directory.h"
#include "moodle/store/migrations.h"
#include "moodle/store/publication.h"

namespace compagnon::moodle {
namespace {

absl::StatusOr<int64_t> InstantOf(const Cli& cli, const std::string& text) {
  if (text.empty()) return 0;
  absl::Time at;
  std::string error;
  if (absl::ParseTime("%Y-%m-%d", text, &at, &error) || absl::ParseTime(absl::RFC3339_full, text, &at, &error))
    return absl::ToUnixMicros(at);
  return absl::InvalidArgumentError(
      Say(cli, "--from : une date AAAA-MM-JJ est attendue.", "--from: a date YYYY-MM-DD is expected."));
}

// The rows of one committed page, as Moodle still keeps them. Fewer when some were pruned.
absl::StatusOr<std::vector<MoodleEvent>> FetchRows(WsClient& client, BridgeParser& parser, const SlimPage& page) {
  std::vector<MoodleEvent> rows;
  int64_t after = page.first_seq - 1;
  while (after < page.last_seq) {
    ASSIGN_OR_RETURN(std::string body, client.Read("local_compagnon_pull_events",
                                                   {{"subscriber", "compagnon"},
                                                    {"epoch", page.epoch},
                                                    {"after", after},
                                                    {"limit", std::min<int64_t>(5000, page.last_seq - after)},
                                                    {"maxbytes", 4 << 20}}));
    ASSIGN_OR_RETURN(PullPage answer, parser.Pull(std::move(body), after, false));
    if (answer.lines == 0) break;
    for (MoodleEvent& event : answer.events) {
      if (event.seq > page.last_seq) break;
      FlagFutureTime(event);
      RedactAtIntake(event);
      rows.push_back(std::move(event));
    }
    after = answer.next;
  }
  return rows;
}

// When the first of some rows was recorded.
int64_t FirstRecorded(const std::vector<MoodleEvent>& rows, int64_t none_us) {
  int64_t first = none_us;
  for (const MoodleEvent& event : rows) first = std::min(first, event.recorded_us);
  return first;
}

}  // namespace

absl::Status ReplaySite(const Cli& cli, const Replay& replay) {
  const std::vector<std::string>& modules = cli.config->modules;
  if (replay.to == "moodle" || std::find(modules.begin(), modules.end(), replay.to) == modules.end()) {
    return absl::InvalidArgumentError(
        Say(cli, absl::StrCat("--to : le module « ", replay.to, " » n'est pas dans la configuration."),
            absl::StrCat("--to: the module \"", replay.to, "\" is not in the configuration.")));
  }
  ASSIGN_OR_RETURN(const int64_t from_us, InstantOf(cli, replay.from));
  RETURN_IF_ERROR(MigrateMoodle(*cli.database));
  ASSIGN_OR_RETURN(const SiteConnection c, ConnectSite(cli, replay.site));
  const std::string& epoch = c.record.cursor.epoch;
  if (epoch.empty())
    return absl::FailedPreconditionError(
        Say(cli, "Ce site n'a encore rien donné à lire.", "Nothing was read from this site yet."));

  BridgeParser parser;
  ASSIGN_OR_RETURN(std::string body, c.client->Read("local_compagnon_status", nlohmann::json::object()));
  ASSIGN_OR_RETURN(const BridgeStatus status, parser.Status(std::move(body)));
  if (status.fingerprint != c.record.cursor.fingerprint || status.epoch != epoch) {
    return WithReason(
        absl::FailedPreconditionError(Say(cli, "Ce n'est plus la même installation : voyez compagnon site check.",
                                          "This is no longer the same installation: see compagnon site check.")),
        "fingerprint_changed");
  }

  std::vector<SlimPage> pages;
  int64_t last_pos = 0;
  RETURN_IF_ERROR(cli.database->Write([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(pages, SlimPages(session, replay.site, "", from_us));
    ASSIGN_OR_RETURN(last_pos, LastSitePos(session, replay.site));
    return absl::OkStatus();
  }));

  const int64_t now_us = absl::ToUnixMicros(cli.clock->Now());
  int64_t sent = 0, lost = 0;
  // The first position nothing was said of yet. What was not asked for is not given up: another replay may still bring
  // it.
  int64_t next_pos = from_us == 0 || pages.empty() ? 1 : pages.front().first_pos;
  int64_t known_to_us = 0;  // up to when events were told or given up, by `recorded`
  const SlimPage* before = nullptr;
  const auto give_up = [&](int64_t to_pos, std::optional<std::pair<int64_t, int64_t>> span) -> absl::Status {
    const int64_t from_pos = std::exchange(next_pos, to_pos + 1);
    return cli.database->Write(
        [&](store::Session& session) { return PublishVoid(session, replay.site, from_pos, to_pos, span, now_us); });
  };
  for (const SlimPage& page : pages) {
    if (cli.interrupted != nullptr && cli.interrupted->load())
      return absl::CancelledError(Say(cli, "Interrompu ; relancez pour reprendre.", "Interrupted; run it again."));
    const bool kept = page.epoch == epoch && page.first_seq >= status.oldest && page.events > 0;
    std::vector<MoodleEvent> rows;
    int64_t made = -1;
    // What was damaged on its way comes out whole the second time.
    for (int attempt = 0; kept && made != page.events && attempt < 2; ++attempt) {
      ASSIGN_OR_RETURN(rows, FetchRows(*c.client, parser, page));
      RETURN_IF_ERROR(cli.database->Write([&](store::Session& session) -> absl::Status {
        ASSIGN_OR_RETURN(made, RepublishEvents(session, replay.site, page.first_pos, page.events, rows));
        return absl::OkStatus();
      }));
    }
    // Pages between the one before and this one were forgotten: their positions held events too.
    const int64_t expected_seq = before != nullptr && before->epoch == page.epoch ? before->last_seq + 1 : 1;
    std::optional<std::pair<int64_t, int64_t>> forgotten;
    if (page.first_seq != expected_seq && next_pos < page.first_pos) {
      forgotten.emplace(known_to_us, FirstRecorded(rows, page.last_recorded_us + 1));
      lost += page.first_pos - next_pos;
      known_to_us = forgotten->second;
    }
    before = &page;
    RETURN_IF_ERROR(give_up(page.first_pos - 1, forgotten));
    if (page.events == 0) continue;
    if (made == page.events) {
      sent += page.events;
      next_pos = page.first_pos + page.events;
    } else {
      // It does not come out as it did (pruned, a row lost): whoever lacks it must know what it lacks.
      lost += page.events;
      RETURN_IF_ERROR(give_up(page.first_pos + page.events - 1, std::pair(known_to_us, page.last_recorded_us + 1)));
    }
    known_to_us = std::max(known_to_us, page.last_recorded_us + 1);
  }
  RETURN_IF_ERROR(give_up(last_pos, std::nullopt));

  // What the filled positions once said, as it stands now.
  ASSIGN_OR_RETURN(auto dimensions, LoadDimensions(*cli.config));
  Directory directory({.clock = cli.clock, .dimensions = dimensions});
  RETURN_IF_ERROR(directory.RecomputeSite(*cli.database, replay.site, 5000, true));
  RETURN_IF_ERROR(cli.database->Write([&](store::Session& session) -> absl::Status {
    RETURN_IF_ERROR(
        session.Execute("UPDATE completeness SET published = 0 WHERE site = :p1", {{replay.site}}).status());
    RETURN_IF_ERROR(PublishCompleteness(session, replay.site, now_us).status());
    RETURN_IF_ERROR(
        session.Execute("UPDATE coverage_published SET said = '' WHERE site = :p1", {{replay.site}}).status());
    return PublishCoverage(session, replay.site);
  }));
  *cli.out << Say(cli,
                  absl::StrCat(sent, " événements remis en file pour ", replay.to,
                               " (les autres modules les reconnaissent et les laissent)."),
                  absl::StrCat(sent, " events queued again for ", replay.to,
                               " (other modules know them and leave them)."))
           << "\n";
  if (lost > 0) {
    *cli.out << Say(cli,
                    absl::StrCat(lost,
                                 " positions ne peuvent plus être redites, leurs événements n'étant plus gardés : qui "
                                 "ne les a pas déjà montrera ce temps comme non couvert. Une sauvegarde de sa base les "
                                 "contient."),
                    absl::StrCat(lost,
                                 " positions cannot be said again, their events are no longer kept: whoever lacks them "
                                 "will show that time as not covered. A backup of its database has them."))
             << "\n";
  }
  return absl::OkStatus();
}

}  // namespace compagnon::moodle
