#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "edge/http/request_rules.h"
#include "edge/pages/chart.h"
#include "edge/pages/pages.h"
#include "edge/pages/wording.h"

namespace compagnon::edge {
namespace {

constexpr size_t kSparkWeeks = 12;

View Spark(const Format& format, const std::vector<Ratio>& weeks) {
  std::vector<Bar> bars;
  std::vector<std::string> values;
  for (const Ratio& week : weeks) {
    // Weeks before the course began say nothing.
    if (bars.empty() && week.denominator == 0) continue;
    bars.push_back({week.numerator, week.denominator, IsIncomplete(week)});
    values.push_back(format.Number(week.numerator));
  }
  const BarChart chart = DrawBars(bars, kSparkWeeks, 240, 52, format.language() == Language::kArabic);
  View spark;
  spark.Set("label", format.Count("spark.label", bars.size(), {{"values", absl::StrJoin(values, ", ")}}));
  spark.Set("whole", chart.whole).Set("value", chart.value).Set("weak", chart.weak);
  return spark;
}

View Figure(const Format& format, std::string_view indicator, const Ratio& ratio) {
  View figure;
  figure.Set("name", format.texts().Text("indicator." + std::string(indicator)));
  figure.Set("value", ratio.computable() ? ValueOf(format, ratio) : format.texts().Text("figure.missing"));
  figure.Set("of", ratio.computable() ? PartsOf(format, ratio) : format.texts().Text("figure.not_computable"));
  return figure;
}

View Card(const Format& format, const CohortLine& line, const std::map<std::string, SiteInfo>& sites, int64_t year) {
  SiteInfo site;
  site.name = SiteOf(line.name);
  if (const auto known = sites.find(site.name); known != sites.end()) site = known->second;
  View card;
  card.Set("url", CohortPath(line.name));
  const std::string& title = line.course_full_name.empty() ? line.course_short_name : line.course_full_name;
  card.Set("title", title.empty() ? line.name : DisplayName(title));
  card.Set("cohort", CohortTitle(format, line.cohort)).Set("site", TitleOf(site));
  card.Set("sentence", ActivitySentence(format, line.active, line.active_before, year));
  const bool begun = std::any_of(line.recent_weeks.begin(), line.recent_weeks.end(),
                                 [](const Ratio& week) { return week.denominator > 0; });
  if (begun) card.Set("spark", Spark(format, line.recent_weeks));
  Ratio open;
  open.numerator = line.open;
  View::List figures;
  figures.push_back(Figure(format, "2open.short", open));
  figures.push_back(Figure(format, "7", line.started));
  figures.push_back(Figure(format, "17", line.completed));
  figures.push_back(Figure(format, "21", line.dropped_out));
  card.Set("figures", std::move(figures));
  if (IsIncomplete(line.active)) card.Set("incomplete", CompletenessOf(format, line.active.completeness_bp));
  return card;
}

// The sentence over the cohorts of this page. Sums only what is of one and the same week: two sites may stand at
// different ones. The line of a whole course holds the learners of its cohorts already.
void Lead(const Format& format, const HomePage& page, int64_t year, View* view) {
  const Catalogue& texts = format.texts();
  int64_t active = 0, before = 0, enrolled = 0, completed = 0;
  bool comparable = true;
  std::string week;
  for (const CohortLine& line : page.cohorts) week = std::max(week, line.active.week);
  if (week.empty()) return;
  std::set<std::string> whole, courses;
  for (const CohortLine& line : page.cohorts) {
    if (line.active.week == week && line.name == CourseOf(line.name)) whole.insert(line.name);
  }
  for (const CohortLine& line : page.cohorts) {
    const std::string course = CourseOf(line.name);
    if (line.active.week != week || (line.name != course && whole.contains(course))) continue;
    // A course that ended before, or has nobody yet, has no part in either week.
    if (!line.active.computable() && !line.active_before.computable()) continue;
    courses.insert(course);
    active += line.active.numerator;
    before += line.active_before.numerator;
    // A course that has just begun has no week before to be compared with; one that has just ended has.
    comparable = comparable && !line.active_before.week.empty() &&
                 (line.active_before.computable() || !line.active.computable());
    enrolled += line.newly_enrolled;
    completed += line.newly_completed;
  }
  if (courses.empty()) return;
  const std::string people = format.Count("active", active), span = format.WeekSpan(week, year);
  const int64_t counted = courses.size();
  std::string lead =
      comparable ? format.Count("home.lead", counted,
                                {{"active", people}, {"week", span}, {"change", ChangeOf(format, active - before)}})
                 : format.Count("home.lead_plain", counted, {{"active", people}, {"week", span}});
  if (!page.first_page || !page.next_page.empty()) lead = texts.Text("home.on_page", {{"lead", lead}});
  view->Set("lead", std::move(lead));
  std::string moves = texts.Text("moves.both", {{"enrolled", format.Count("moves.enrolled", enrolled)},
                                                {"completed", format.Count("moves.completed", completed)}});
  if (counted > 1) absl::StrAppend(&moves, " ", texts.Text("home.counted"));
  view->Set("moves", std::move(moves));
}

}  // namespace

View HomeView(const Format& format, const HomePage& page) {
  View view;
  View::List notes;
  const auto note = [&](std::string_view key) {
    View item;
    item.Set("text", format.texts().Text(key));
    notes.push_back(std::move(item));
  };
  if (page.cohorts_missing == Missing::kUnavailable) note("missing.cohorts");
  if (page.cohorts_missing == Missing::kForbidden) note("missing.cohorts_forbidden");
  if (page.freshness_missing == Missing::kUnavailable) note("missing.freshness");
  view.Set("notes", std::move(notes));
  // Sites stand at dates of their own: the year that goes without saying is that of the newest.
  int64_t newest = 0;
  for (const CohortLine& line : page.cohorts) newest = std::max(newest, line.active.watermark_us);
  for (const SiteFreshness& fresh : page.freshness) newest = std::max(newest, fresh.watermark_us);
  const int64_t year = YearOf(newest, absl::UTCTimeZone());
  Lead(format, page, year, &view);
  View::List cards;
  for (const CohortLine& line : page.cohorts) cards.push_back(Card(format, line, page.sites, year));
  view.Set("empty", cards.empty() && page.cohorts_missing == Missing::kNo);
  view.Set("cohorts", std::move(cards));
  view.Set("next", PercentEncode(page.next_page));
  if (page.freshness_missing == Missing::kNo) {
    view.Set("freshness", FreshnessCards(format, page.freshness, page.sites, /*detail=*/false));
  }
  return view;
}

}  // namespace compagnon::edge
