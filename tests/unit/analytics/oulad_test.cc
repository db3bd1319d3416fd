#include <fmt/format.h>
#include <simdjson.h>
#include <zlib.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "analytics/api/export.h"
#include "feed.h"

// The figures of 968,000 real events (OULAD written as a Moodle log) against those of tests/oracle, which shares no
// code with this.
namespace compagnon::analytics {
namespace {

std::string SharedFolder() {
  const char* given = std::getenv("COMPAGNON_SHARED");
  return given != nullptr ? given : "../shared";
}

void ReadGzipLines(const std::string& path, const std::function<void(std::string_view)>& line) {
  gzFile file = gzopen(path.c_str(), "rb");
  INFO("cannot open " << path);
  REQUIRE(file != nullptr);
  std::string buffer(1 << 20, '\0'), rest;
  for (int n; (n = gzread(file, buffer.data(), static_cast<unsigned>(buffer.size()))) > 0;) {
    rest.append(buffer, 0, static_cast<size_t>(n));
    size_t from = 0;
    for (size_t at; (at = rest.find('\n', from)) != std::string::npos; from = at + 1)
      line(std::string_view(rest).substr(from, at - from));
    rest.erase(0, from);
  }
  gzclose(file);
  if (!rest.empty()) line(rest);
}

std::vector<std::vector<std::string>> ReadCsv(const std::string& path) {
  std::ifstream file(path);
  REQUIRE(file.good());
  std::vector<std::vector<std::string>> rows;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) rows.push_back(absl::StrSplit(line, ','));
  return rows;
}

constexpr int64_t kSecond = 1000000;

// What the moodle module makes of the files, in the few rules that this log needs: no roles, no groups, one method per
// enrolment.
class Oulad {
 public:
  Oulad() {
    const std::string folder = SharedFolder() + "/oulad/moodle-log";
    std::map<int64_t, std::vector<std::string>> people;
    for (auto& row : ReadCsv(folder + "/people.csv")) people[std::stoll(row[0])] = row;
    std::map<std::pair<int64_t, int64_t>, std::vector<Interval>> open;
    EventBatch* batch = nullptr;
    int64_t first = INT64_MAX, last = 0;
    simdjson::dom::parser parser;
    std::map<std::string, int32_t, std::less<>> names;
    ReadGzipLines(folder + "/log.jsonl.gz", [&](std::string_view text) {
      const simdjson::dom::object row = parser.parse(text.data(), text.size());
      const auto number = [&](const char* field) {
        const simdjson::dom::element value = row[field];
        return value.is_null() ? int64_t{0} : int64_t{value};
      };
      const auto word = [&](const char* field) { return std::string_view(row[field]); };
      Activity a;
      a.pos = number("id");
      const std::string name{word("eventname")};
      a.object = number("objectid");
      ActivityTraits traits;
      traits.crud = word("crud")[0];
      traits.edulevel = static_cast<int>(number("edulevel"));
      traits.context_level = static_cast<int>(number("contextlevel"));
      a.context_instance = number("contextinstanceid");
      a.person = number("userid");
      a.course = number("courseid");
      a.related_person = number("relateduserid");
      traits.anonymous = number("anonymous") != 0;
      traits.origin = 1;
      a.traits = PackTraits(traits);
      a.occurred_us = a.recorded_us = number("timecreated") * kSecond;
      first = std::min(first, a.occurred_us);
      last = std::max(last, a.occurred_us);
      auto& intervals = open[{a.related_person, a.course}];
      if (name == "\\core\\event\\user_enrolment_created") intervals.push_back({a.occurred_us, kNever});
      if (name == "\\core\\event\\user_enrolment_deleted" && !intervals.empty()) intervals.back().to = a.occurred_us;
      if (batch == nullptr || batch->activities.size() == 5000) {
        batches.emplace_back();
        batch = &batches.back();
        batch->streams = {{"ou", "log/oulad"}};
        names.clear();
      }
      const auto [known, added] = names.try_emplace(name, static_cast<int32_t>(batch->names.size()));
      if (added) batch->names.push_back(name);
      a.name = known->second;
      batch->activities.push_back(a);
      ++events;
    });
    EventBatch states;
    states.streams = {{"ou", "site"}};
    int64_t pos = 0;
    for (auto& row : ReadCsv(folder + "/courses.csv")) {
      states.courses.push_back(
          {0, ++pos, std::stoll(row[0]), row[1], "", test::Day(row[2]), test::Day(row[3]), "Europe/London", true});
    }
    for (auto& [e, intervals] : open) {
      if (intervals.empty()) continue;
      const auto& person = people[e.first];
      states.enrolments.push_back(
          {0, ++pos, e.first, e.second, true, "", person[1], person[2], person[3], "", Merge(intervals, kDayUs)});
    }
    states.coverages.push_back(
        {0, ++pos, last, {{{"log/oulad", {first, last + kSecond}}}, {{"log/oulad", INT64_MAX >> 1, events}}}});
    batches.push_back(std::move(states));
  }

  std::vector<EventBatch> batches;
  int64_t events = 0;
};

// The export in the oracle's columns, sorted as it sorts.
std::string Canonical(const std::string& csv) {
  std::vector<std::vector<std::string>> rows;
  for (absl::string_view line : absl::StrSplit(csv, "\r\n", absl::SkipEmpty())) {
    std::vector<std::string> c = absl::StrSplit(line, ',');
    if (c[0] == "indicator") continue;
    rows.push_back({c[0], c[2], c[4], c[5], c[6], c[7], c[8], c[9]});
  }
  std::sort(rows.begin(), rows.end());
  std::string text = "indicator,course,week,sex,age,country,numerator,denominator\n";
  for (const auto& row : rows) text += fmt::format("{}\n", fmt::join(row, ","));
  return text;
}

std::string Export(test::Store& store, const std::string& parent) {
  std::string csv;
  const absl::Status status = ExportCsv(store.reader, *ParseScope(parent), {}, [&](std::string piece) {
    csv += piece;
    return absl::OkStatus();
  });
  INFO(status.ToString());
  REQUIRE(status.ok());
  return csv;
}

STORE_CONTRACT("the figures of OULAD equal the oracle's to the last unit", "[shared][oulad]") {
  static const Oulad oulad;
  REQUIRE(oulad.events > 900000);
  std::string expected;
  ReadGzipLines("tests/oracle/expected/oulad.csv.gz",
                [&](std::string_view line) { expected.append(line).append("\n"); });

  test::Store store(backend.database());
  int64_t batches = 0;
  for (const EventBatch& batch : oulad.batches) {
    const auto report = store.ingest.Take(batch, absl::FromUnixSeconds(1800000000));
    INFO(report.status().ToString());
    REQUIRE(report.ok());
    if (++batches % 40 == 0) store.Count();
  }
  store.Count();
  const std::string found = Canonical(Export(store, "sites/ou"));
  if (found != expected) {
    std::ofstream(".run/oulad-found.csv") << found;
    FAIL("the figures differ: compare .run/oulad-found.csv with the oracle's");
  }
}

}  // namespace
}  // namespace compagnon::analytics
