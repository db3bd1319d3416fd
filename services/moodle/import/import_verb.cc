#include <fmt/format.h>

#include <algorithm>

#include "absl/time/time.h"
#include "moodle/api/dimensions_file.h"
#include "moodle/cli.h"
#include "moodle/domain/local_day.h"
#include "moodle/import/import_log.h"
#include "moodle/import/progress_bar.h"
#include "moodle/store/migrations.h"
#include "moodle/store/site_store.h"

namespace compagnon::moodle {
namespace {

std::string_view Say(const Cli& cli, std::string_view french, std::string_view english) {
  return cli.locale == "fr" ? french : english;
}

// "log.jsonl.gz" -> "log"; other bytes than [A-Za-z0-9._-] become '-', as the name is part of a stream and of messages'
// ids.
std::string StreamName(std::string_view file) {
  if (const size_t slash = file.rfind('/'); slash != std::string_view::npos) file.remove_prefix(slash + 1);
  for (std::string_view extension : {".gz", ".jsonl", ".json", ".ndjson", ".csv", ".tsv", ".txt"}) {
    if (file.size() > extension.size() && file.ends_with(extension)) file.remove_suffix(extension.size());
  }
  std::string name;
  for (char c : file.substr(0, 64))
    name += std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-' ? c : '-';
  return name;
}

absl::StatusOr<std::optional<int64_t>> Bound(const std::string& text, const absl::TimeZone& zone,
                                             std::string_view option) {
  if (text.empty()) return std::optional<int64_t>();
  absl::Time at;
  std::string error;
  if (text.size() > 10 && absl::ParseTime(absl::RFC3339_full, text, &at, &error))
    return std::optional(absl::ToUnixMicros(at));
  const std::optional<int32_t> day = text.size() == 10 ? DayFromText(text, zone) : std::nullopt;
  if (!day) return absl::InvalidArgumentError(fmt::format("{} {}: YYYY-MM-DD, RFC 3339", option, text));
  return std::optional(MidnightOf(*day, zone));
}

// The site the log belongs to, made as a site filled from files when it is new. Answers its zone.
absl::StatusOr<absl::TimeZone> Site(const Cli& cli, const ImportLog& import) {
  if (!IsSiteCode(import.site)) {
    return absl::InvalidArgumentError(
        fmt::format(fmt::runtime(Say(cli, "« {} » n'est pas un code de site : [a-z0-9-], 32 caractères au plus",
                                     "\"{}\" is no site code: [a-z0-9-], at most 32 characters")),
                    import.site));
  }
  absl::TimeZone zone;
  if (!import.time_zone.empty() && !absl::LoadTimeZone(import.time_zone, &zone)) {
    return absl::InvalidArgumentError(
        fmt::format(fmt::runtime(Say(cli, "fuseau horaire inconnu : {} (par exemple Africa/Dakar)",
                                     "unknown time zone: {} (for instance Africa/Dakar)")),
                    import.time_zone));
  }
  const int64_t now_us = absl::ToUnixMicros(cli.clock->Now());
  RETURN_IF_ERROR(cli.database->Write([&](store::Session& session) -> absl::Status {
    absl::StatusOr<SiteRecord> known = GetSite(session, import.site);
    if (known.ok()) {
      if (import.time_zone.empty() || import.time_zone == known->config.time_zone) return absl::OkStatus();
      return absl::InvalidArgumentError(
          fmt::format(fmt::runtime(Say(cli, "le site {} est déjà dans le fuseau {}, pas {}",
                                       "site {} is in zone {} already, not {}")),
                      import.site, known->config.time_zone, import.time_zone));
    }
    if (!absl::IsNotFound(known.status())) return known.status();
    if (import.time_zone.empty()) {
      return absl::InvalidArgumentError(fmt::format(
          fmt::runtime(Say(
              cli, "le site {} n'existe pas encore : indiquez son fuseau avec --time-zone (par exemple Africa/Dakar)",
              "site {} does not exist yet: say its zone with --time-zone (for instance Africa/Dakar)")),
          import.site));
    }
    SiteConfig site;
    site.code = site.title = import.site;
    site.time_zone = import.time_zone;
    RETURN_IF_ERROR(PutSite(session, site, now_us));
    SiteHealth health;
    health.link = Link::kFileOnly;
    return PutHealth(session, import.site, health);
  }));
  RETURN_IF_ERROR(cli.database->Read([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(zone, ZoneOfSite(session, import.site));
    return absl::OkStatus();
  }));
  return zone;
}

void Refused(const Cli& cli, std::string_view file, const GivenFile& about) {
  if (!about.used_columns.empty()) {
    std::string columns;
    for (const std::string& column : about.used_columns)
      columns += fmt::format("{}{}", columns.empty() ? "" : ", ", column);
    *cli.out << fmt::format("{}: {}\n", file, columns);
  }
  if (about.refused_lines.empty()) return;
  std::string lines;
  for (size_t i = 0; i < about.refused_lines.size() && i < 20; ++i)
    lines += fmt::format("{}{}", i == 0 ? "" : ", ", about.refused_lines[i]);
  if (about.refused_lines.size() > 20) lines += ", ...";
  *cli.out << fmt::format(fmt::runtime(Say(cli, "{} : {} lignes refusées ({})\n", "{}: {} lines refused ({})\n")), file,
                          about.refused_lines.size(), lines);
}

void Summarise(const Cli& cli, const ImportLog& import, const ImportPlan& plan, const ImportSummary& summary,
               const absl::TimeZone& zone, absl::Duration took) {
  const auto number = [&](int64_t n) { return GroupedNumber(n, cli.locale); };
  const auto line = [&](std::string_view french, std::string_view english, auto&&... arguments) {
    *cli.out << fmt::format(fmt::runtime(Say(cli, french, english)), arguments...) << '\n';
  };
  const auto instant = [&](int64_t us) {
    return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixMicros(us), zone);
  };
  const double seconds = absl::ToDoubleSeconds(took);
  line("Journal {} du site {} : {} lignes lues en {:.1f} s ({}/s)",
       "Log {} of site {}: {} rows read in {:.1f} s ({}/s)", plan.name, plan.site, number(summary.rows), seconds,
       number(seconds > 0 ? static_cast<int64_t>(static_cast<double>(summary.rows) / seconds) : 0));
  line("  nouvelles : {}, déjà connues : {}, événements publiés : {}",
       "  new: {}, known already: {}, events published: {}", number(summary.fresh), number(summary.known),
       number(summary.published));
  if (summary.outside > 0) {
    line("  laissées (hors de --from/--to, ou couvertes par une autre source) : {}",
         "  left alone (outside --from/--to, or covered by another source): {}", number(summary.outside));
  }
  if (summary.anonymous > 0)
    line("  anonymes, privées de toute identité : {}", "  anonymous, stripped of any identity: {}",
         number(summary.anonymous));
  line("  le site compte {} inscriptions dont {} d'apprenants, dans {} cours",
       "  the site has {} enrolments, {} of them learners', in {} courses", number(summary.enrolments),
       number(summary.learners), number(summary.courses));
  if (summary.to_us > 0) {
    line("  période couverte : du {} au {} ({})", "  covered: from {} to {} ({})", instant(summary.from_us),
         instant(summary.to_us), zone.name());
  }
  if (summary.anomalies > 0) {
    line("  anomalies : {} désinscriptions sans inscription, laissées de côté",
         "  anomalies: {} enrolments ended that never began, left out", number(summary.anomalies));
  }
  Refused(cli, import.people, summary.people);
  Refused(cli, import.courses, summary.courses_file);
  Refused(cli, import.assessments, summary.assessments_file);
  if (summary.refused_in_all > 0) {
    line("  lignes refusées : {}", "  lines refused: {}", number(summary.refused_in_all));
    for (const RefusedLine& refused : summary.refused)
      line("    ligne {} : {}", "    line {}: {}", refused.number, refused.reason);
    if (summary.refused_in_all > static_cast<int64_t>(summary.refused.size())) *cli.out << "    ...\n";
  }
  if (summary.cut_off_line > 0)
    line("  la dernière ligne ({}) est coupée et n'a pas été prise",
         "  the last line ({}) is cut off and was not taken", summary.cut_off_line);
  if (summary.damaged_end) {
    line("  le fichier compressé s'arrête avant sa fin : demandez une nouvelle copie, puis relancez",
         "  the compressed file stops before its end: get a new copy and run again");
  }
}

}  // namespace

absl::Status ImportLogFile(const Cli& cli, const ImportLog& import) {
  ImportPlan plan;
  plan.file = import.file;
  plan.site = import.site;
  plan.name = StreamName(import.name.empty() ? import.file : import.name);
  plan.people = import.people;
  plan.courses = import.courses;
  plan.assessments = import.assessments;
  if (plan.name.empty()) return absl::InvalidArgumentError("--name");
  ASSIGN_OR_RETURN(plan.map, ReadColumnMap(import.map));
  if (!import.learner_role.empty()) plan.map.roles[import.learner_role] = CourseRole::kLearner;

  ASSIGN_OR_RETURN(std::shared_ptr<const DimensionMap> dimensions, LoadDimensions(*cli.config));
  RETURN_IF_ERROR(MigrateMoodle(*cli.database));
  // A file that is not there, or is no log, makes no site.
  RETURN_IF_ERROR(LogBatches::Open(plan.file, 1).status());
  ASSIGN_OR_RETURN(const absl::TimeZone zone, Site(cli, import));
  ASSIGN_OR_RETURN(plan.from_us, Bound(import.from, zone, "--from"));
  ASSIGN_OR_RETURN(plan.to_us, Bound(import.to, zone, "--to"));
  if (plan.from_us && plan.to_us && *plan.from_us >= *plan.to_us) return absl::InvalidArgumentError("--from >= --to");

  Directory directory({cli.clock, dimensions});
  const absl::Time start = cli.clock->Now();
  ProgressBar bar(cli.progress, cli.out, cli.locale, start);
  ImportState last;
  const auto summary =
      ImportLogRows(*cli.database, directory, *cli.clock, plan, cli.interrupted, [&](const ImportState& state) {
        last = state;
        bar.Show(state, cli.clock->Now());
      });
  bar.End(last, cli.clock->Now());
  if (!summary.ok()) return summary.status();
  if (cli.out != nullptr) Summarise(cli, import, plan, *summary, zone, cli.clock->Now() - start);
  return absl::OkStatus();
}

}  // namespace compagnon::moodle
