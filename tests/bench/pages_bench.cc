// [pages] time to render a page from its model, and to compress it for one reader; medians of many, one JSON line each.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "edge/http/encoding.h"
#include "edge/pages/pages.h"

namespace compagnon::edge {
namespace {

constexpr int64_t kNow = 1773945000LL * 1000000;  // 19 March 2026, 18:30 UTC

Ratio Rate(int64_t numerator, int64_t denominator, std::string week = "") {
  Ratio ratio;
  ratio.numerator = numerator;
  ratio.denominator = denominator;
  ratio.has_denominator = true;
  ratio.week = std::move(week);
  ratio.watermark_us = kNow;
  ratio.completeness_bp = 9870;
  return ratio;
}

// As large as the pages get: half a year, all splits, a full page of learners.
CohortPage LargeCohort() {
  CohortPage page;
  page.name = "sites/sn1/courses/4/cohorts/A";
  page.course_full_name = "Développement web et mobile";
  page.cohort = "A";
  page.site = {.name = "sites/sn1", .title = "Sénégal", .time_zone = "Africa/Dakar"};
  page.watermark_us = kNow;
  for (const char* code : {"2", "2open", "7", "17", "21", "38"}) page.totals[code] = Rate(87, 134);
  for (int week = 1; week <= 26; ++week)
    page.weekly_active.push_back(Rate(40 + week, 134, fmt::format("2026-W{:02}", week)));
  for (const auto& [dimension, rows] :
       std::vector<std::pair<std::string, int>>{{"sex", 4}, {"age", 5}, {"country", 12}}) {
    Split split;
    split.dimension = dimension;
    for (int i = 0; i < rows; ++i) {
      Split::Row row;
      row.value = fmt::format("value {}", i);
      for (const char* code : {"2", "7", "9", "17", "21"}) row.figures[code] = Rate(3 * i, 40);
      split.rows.push_back(row);
    }
    page.splits.push_back(split);
  }
  for (int i = 0; i < 40; ++i) {
    LearnerLine learner;
    learner.person = i;
    learner.full_name = fmt::format("Prénom{} Nom{}", i, i);
    learner.last_action_us = kNow - i * 86400LL * 1000000;
    learner.active_days = i;
    learner.recent_active_days = {1, 0, 2, 3};
    learner.open = true;
    page.learners.push_back(learner);
  }
  page.learners_total = 134;
  page.may_export = true;
  return page;
}

HomePage LargeHome() {
  HomePage page;
  for (int i = 0; i < 24; ++i) {
    CohortLine line;
    line.name = fmt::format("sites/sn1/courses/{}", i);
    line.course_full_name = fmt::format("Cours numéro {}", i);
    line.active = Rate(50, 80, "2026-W11");
    line.active_before = Rate(48, 80, "2026-W10");
    line.started = line.completed = line.dropped_out = Rate(20, 80);
    for (int week = 0; week < 12; ++week)
      line.recent_weeks.push_back(Rate(30 + week, 80, fmt::format("2026-W{:02}", week + 1)));
    page.cohorts.push_back(line);
  }
  return page;
}

template <class Work>
double MedianMicroseconds(int times, Work work) {
  std::vector<double> took;
  for (int i = 0; i < times; ++i) {
    const auto begun = std::chrono::steady_clock::now();
    work();
    took.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begun).count());
  }
  std::nth_element(took.begin(), took.begin() + times / 2, took.end());
  return took[times / 2];
}

int Main() {
  const absl::StatusOr<Pages> pages = Pages::Load(30);
  if (!pages.ok()) Die(std::string(pages.status().message()));
  Surroundings around;
  around.signed_in = true;
  around.profile = "coordinator";
  around.path = "/";
  const CohortPage cohort = LargeCohort();
  const HomePage home = LargeHome();
  size_t bytes = 0;
  const auto report = [&](const char* name, auto render) {
    std::string html;
    const double took = MedianMicroseconds(300, [&] { html = render(); });
    const double packed =
        MedianMicroseconds(100, [&] { bytes = Encode(Coding::kBrotli, html, Effort::kQuick).size(); });
    fmt::print(
        "{{\"bench\": \"pages\", \"metric\": \"{} render\", \"value\": {:.1f}, \"unit\": \"us\", \"html_bytes\": "
        "{}}}\n",
        name, took, html.size());
    fmt::print(
        "{{\"bench\": \"pages\", \"metric\": \"{} brotli\", \"value\": {:.1f}, \"unit\": \"us\", \"bytes\": {}}}\n",
        name, packed, bytes);
  };
  report("largest cohort page", [&] { return pages->Cohort(Language::kFrench, around, cohort); });
  report("home of 24 cohorts", [&] { return pages->Home(Language::kArabic, around, home); });
  return 0;
}

}  // namespace
}  // namespace compagnon::edge

int main() { return compagnon::edge::Main(); }
