#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "moodle_double/server/moodle_double.h"
#include "moodle_double/simulate_verb.h"
#include "moodle_double/simulation/concat.h"
#include "platform/base/clock.h"

namespace compagnon::moodle_double {
namespace {

// "sn1:Sénégal" or "sn1:Sénégal:Africa/Dakar", separated by commas.
std::vector<DoubleOptions::Site> SitesOf(const std::string& text) {
  std::vector<DoubleOptions::Site> sites;
  for (const std::string& one : CLI::detail::split(text, ',')) {
    const auto parts = CLI::detail::split(one, ':');
    DoubleOptions::Site site;
    site.code = parts[0];
    site.title = parts.size() > 1 ? parts[1] : parts[0];
    if (parts.size() > 2) site.zone = parts[2];
    sites.push_back(std::move(site));
  }
  return sites;
}

int64_t Thousandths(const std::string& rate) { return static_cast<int64_t>(std::stod(rate) * 1'000); }

int Run(int argc, char** argv) {
  CLI::App app("A simulated Moodle with the bridge plugin, for tests and for the demonstration");
  app.require_subcommand(0, 1);
  DoubleOptions options;
  std::string sites = "sn1:Sénégal", rate = "0", ready_file;
  std::vector<std::string> offline;
  app.add_option("--address", options.address, "address to listen on (loopback unless you know why)");
  app.add_option("--port", options.port, "port, 0 = any");
  app.add_option(
      "--sites", sites,
      "CODE:TITLE[:ZONE],...: each answers at /CODE/; a code that begins with a country's letters is a national site");
  app.add_option("--learners", options.learners, "learners of each site")->check(CLI::Range(1, 1'000'000));
  app.add_option("--weeks", options.weeks, "weeks of history before now")->check(CLI::Range(1, 520));
  app.add_option("--seed", options.seed, "the same seed gives the same site");
  app.add_option("--now", options.now, "UTC seconds where history ends; 0 = now");
  app.add_option("--speed", options.speed, "simulated seconds a second")->check(CLI::Range(1, 100'000));
  app.add_option("--live-rate", rate,
                 "events a second from now on, over all sites, beside what is planned; 0.5 is allowed");
  app.add_option("--backlog", options.backlog, "events made at once before the start, of each site")
      ->check(CLI::Range(0, 20'000'000));
  app.add_option("--offline", offline,
                 "CODE:AFTER:FOR: the site cannot be reached from AFTER seconds on, FOR seconds long (simulated)");
  app.add_option("--state-dir", options.state_dir,
                 "keeps what happened, so that a restart goes on with the same rows and numbers");
  app.add_option("--recordings", options.recordings_dir, "folder of recorded answers");
  app.add_option("--ready-file", ready_file,
                 "written once sites answer: JSON with port, and url, token, zone of each site");
  app.add_flag("!--no-suspensions", options.suspensions,
               "no enrolment is ever suspended: then a log tells as much as the bridge");
  app.add_flag("--control,!--no-control", options.control, "the control endpoint, on by default");

  SimulateOptions simulate;
  CLI::App* verb = app.add_subcommand("simulate", "writes one site's history to a file instead of serving it");
  verb->add_option("--learners", simulate.site.learners)->check(CLI::Range(1, 1'000'000));
  verb->add_option("--weeks", simulate.site.weeks)->check(CLI::Range(1, 520));
  verb->add_option("--seed", simulate.site.seed);
  verb->add_option("--site", simulate.site.code, "code of the site");
  verb->add_option("--now", simulate.site.now, "UTC seconds where history ends; 0 = 2026-06-01");
  verb->add_option("--out", simulate.out, "JSON lines; .gz compresses")->required();
  verb->add_option("--with-files", simulate.files_dir, "folder for people.csv, courses.csv, assessments.csv");
  verb->add_flag("--bridge-rows", simulate.bridge_rows, "rows of the bridge instead of logstore_standard_log's");
  verb->add_flag("!--no-suspensions", simulate.site.suspensions);
  verb->add_flag("--progress", simulate.progress);
  CLI11_PARSE(app, argc, argv);

  if (verb->parsed()) {
    const auto result = Simulate(simulate);
    if (!result.ok()) {
      std::fprintf(stderr, "%s\n", std::string(result.status().message()).c_str());
      return 1;
    }
    std::printf("{\"events\":%lld,\"sha256\":\"%s\"}\n", static_cast<long long>(result->events),
                result->sha256.c_str());
    return 0;
  }
  options.sites = SitesOf(sites);
  options.live_per_1000_s = Thousandths(rate);
  for (const std::string& span : offline) {
    const auto parts = CLI::detail::split(span, ':');
    if (parts.size() != 3) {
      std::fprintf(stderr, "--offline wants CODE:AFTER:FOR\n");
      return 2;
    }
    options.offline.push_back({parts[0], std::stoll(parts[1]), std::stoll(parts[2])});
  }
  // Signals are waited for, not handled: every thread inherits the mask.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  auto started = MoodleDouble::Start(options, SystemClock());
  if (!started.ok()) {
    std::fprintf(stderr, "%s\n", std::string(started.status().message()).c_str());
    return 1;
  }
  std::string ready = Concat("{\"port\":", (*started)->port(), ",\"control\":\"http://", options.address, ":",
                             (*started)->port(), "/control\",\"sites\":[");
  for (size_t i = 0; i < options.sites.size(); ++i) {
    const std::string& code = options.sites[i].code;
    ready += Concat(i == 0 ? "" : ",", "{\"code\":\"", code, "\",\"title\":\"", options.sites[i].title, "\",\"url\":\"",
                    (*started)->Url(code), "\",\"token\":\"", (*started)->Token(code), "\",\"zone\":\"",
                    (*started)->site(code)->zone(), "\"}");
  }
  ready += "]}";
  std::printf("%s\n", ready.c_str());
  std::fflush(stdout);
  if (!ready_file.empty()) {
    const std::string part = ready_file + ".part";
    if (std::FILE* out = std::fopen(part.c_str(), "wb"); out != nullptr) {
      std::fputs(ready.c_str(), out);
      std::fclose(out);
      std::rename(part.c_str(), ready_file.c_str());
    }
  }
  int received = 0;
  sigwait(&signals, &received);
  return 0;
}

}  // namespace
}  // namespace compagnon::moodle_double

int main(int argc, char** argv) { return compagnon::moodle_double::Run(argc, argv); }
