#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "edge/http/request_rules.h"
#include "edge/pages/chart.h"
#include "edge/pages/pages.h"
#include "edge/pages/weeks.h"
#include "edge/pages/wording.h"

namespace compagnon::edge {
namespace {

constexpr const char* kKeyFigures[] = {"2", "2open", "9", "7", "17", "21", "38"};
constexpr const char* kSplitFigures[] = {"2", "9", "7", "17", "21"};
constexpr size_t kChartWeeks = 26;  // half a year; the table and the CSV hold no more and all
constexpr size_t kFewestSlots = 8;  // a young cohort has thin bars too
constexpr size_t kSplitRows = 15;
constexpr int64_t kActiveDays = 7;   // an action so recent is simply "active"
constexpr int64_t kSilentDays = 21;  // from here the line stands out, as indicator 22 counts

void SetCsv(const Format& format, const CohortPage& page, std::string_view indicators, std::string_view what,
            View* view) {
  if (!page.may_export) return;
  std::string path = CohortPath(page.name) + "/figures.csv";
  if (!indicators.empty()) path += "?indicators=" + std::string(indicators);
  view->Set("csv", std::move(path));
  view->Set("csv_label", format.texts().Text("csv.label", {{"what", what}}));
}

// The last complete week; when nobody counted in it (the course has ended), the last one in which somebody did as well.
std::string Lead(const Format& format, const CohortPage& page, const Ratio& active, const Ratio& before,
                 const absl::TimeZone& zone) {
  const int64_t year = YearOf(page.watermark_us, zone);
  std::string lead = ActivitySentence(format, active, before, year);
  if (active.computable()) return lead;
  const Ratio* counted = nullptr;
  for (const Ratio& week : page.weekly_active) {
    if (week.denominator > 0 && week.week < active.week) counted = &week;
  }
  if (counted == nullptr) return lead;
  return lead + " " +
         format.texts().Text("cohort.sentence_last", {{"active", format.Count("active", counted->numerator)},
                                                      {"week", format.WeekSpan(counted->week, year)}});
}

View Keys(const Format& format, const CohortPage& page, const Ratio& active, const absl::TimeZone& zone) {
  View::List figures;
  for (const std::string indicator : kKeyFigures) {
    const Ratio* ratio = nullptr;
    if (indicator == "9") {
      if (!active.week.empty()) ratio = &active;
    } else if (const auto found = page.totals.find(indicator); found != page.totals.end()) {
      ratio = &found->second;
    }
    if (ratio == nullptr) continue;
    const std::string name = format.texts().Text("indicator." + indicator);
    View figure;
    figure.Set("name", name).Set("value", ValueOf(format, *ratio));
    figure.Set("of", indicator == "9" && !ratio->computable() ? format.texts().Text("cohort.nobody")
                                                              : PartsOf(format, *ratio));
    figure.Set("none", !ratio->computable());
    if (indicator == "38") {
      // This one is the completeness.
      if (ratio->numerator < 0) continue;
    } else {
      std::string data = CompletenessOf(format, ratio->completeness_bp);
      if (indicator == "9") {
        const std::string span = format.WeekSpan(ratio->week, YearOf(page.watermark_us, zone));
        data = ratio->computable() ? span + " · " + data : span;
      }
      if (ratio->watermark_us != 0 && ratio->watermark_us != page.watermark_us) {
        const std::string when = format.DateTime(absl::FromUnixMicros(ratio->watermark_us), zone);
        data += " · " + format.texts().Text("figure.until", {{"when", when}});
      }
      figure.Set("data", std::move(data));
    }
    SetCsv(format, page, indicator, name, &figure);
    figures.push_back(std::move(figure));
  }
  View keys;
  keys.Set("figures", std::move(figures));
  return keys;
}

// `weeks` is not empty.
View Activity(const Format& format, const CohortPage& page, const std::vector<Ratio>& weeks,
              const absl::TimeZone& zone) {
  const Catalogue& texts = format.texts();
  const size_t skip = weeks.size() > kChartWeeks ? weeks.size() - kChartWeeks : 0;
  const int64_t year = YearOf(page.watermark_us, zone);
  std::vector<Bar> bars;
  View::List rows;
  int64_t most = 0;
  for (size_t i = skip; i < weeks.size(); ++i) {
    const Ratio& week = weeks[i];
    const bool current = IsCurrentWeek(week, page.watermark_us, zone);
    bars.push_back({week.numerator, week.denominator, current || IsIncomplete(week)});
    most = std::max(most, week.numerator);
    View row;
    row.Set("week", format.WeekSpan(week.week, year));
    row.Set("of", week.computable() ? PartsOf(format, week) : texts.Text("cohort.nobody"));
    row.Set("share", ValueOf(format, week));
    std::string data = week.computable() ? CompletenessOf(format, week.completeness_bp) : texts.Text("figure.missing");
    row.Set("data", current ? texts.Text("cohort.current_week") + " · " + data : data);
    rows.push_back(std::move(row));
  }
  std::reverse(rows.begin(), rows.end());
  const BarChart chart = DrawBars(bars, kFewestSlots, 600, 200, format.language() == Language::kArabic);
  View activity;
  activity.Set("label", format.Count("cohort.chart", bars.size(), {{"most", format.Number(most)}}));
  activity.Set("top", format.Number(chart.top)).Set("half", format.Number(chart.top / 2));
  activity.Set("grid", chart.grid).Set("whole", chart.whole).Set("bars", chart.value).Set("weak", chart.weak);
  activity.Set("first", format.WeekShort(weeks[skip].week, year));
  activity.Set("last", bars.size() > 1 ? format.WeekShort(weeks.back().week, year) : "");
  activity.Set("rows", std::move(rows));
  SetCsv(format, page, "9", texts.Text("cohort.weekly"), &activity);
  return activity;
}

View SplitView(const Format& format, const CohortPage& page, const Split& split) {
  const Catalogue& texts = format.texts();
  View view;
  const std::string heading = texts.Text("split." + split.dimension);
  view.Set("dimension", split.dimension).Set("heading", heading);
  SetCsv(format, page, "", heading, &view);
  if (split.missing != Missing::kNo) {
    view.Set("missing", texts.Text("missing.figures"));
    return view;
  }
  View::List columns;
  for (const std::string indicator : kSplitFigures) {
    View column;
    column.Set("text", texts.Text("indicator." + indicator));
    columns.push_back(std::move(column));
  }
  View::List rows;
  for (size_t i = 0; i < std::min(split.rows.size(), kSplitRows); ++i) {
    const Split::Row& source = split.rows[i];
    View::List cells;
    for (const std::string indicator : kSplitFigures) {
      View cell;
      cell.Set("label", texts.Text("indicator." + indicator));
      const auto found = source.figures.find(indicator);
      if (found == source.figures.end()) {
        cell.Set("value", texts.Text("figure.missing"));
      } else {
        cell.Set("value", ValueOf(format, found->second));
        // "à ce jour" is said once, with the key figures: in every cell it would drown the numbers.
        Ratio plain = found->second;
        plain.provisional = false;
        cell.Set("of", plain.computable() ? PartsOf(format, plain) : "");
      }
      cells.push_back(std::move(cell));
    }
    View row;
    row.Set("value", DimensionValue(format, split.dimension, source.value)).Set("cells", std::move(cells));
    rows.push_back(std::move(row));
  }
  View table;
  table.Set("column", texts.Text("split." + split.dimension + "_column"));
  table.Set("columns", std::move(columns)).Set("rows", std::move(rows));
  if (split.rows.size() > kSplitRows && page.may_export) {
    table.Set("more", format.Count("split.more", split.rows.size() - kSplitRows));
  }
  view.Set("table", std::move(table));
  return view;
}

View LearnerRow(const Format& format, const LearnerLine& learner, int64_t watermark_us, const absl::TimeZone& zone) {
  const Catalogue& texts = format.texts();
  View row;
  row.Set("name", learner.full_name.empty() ? texts.Text("learner.unnamed") : DisplayName(learner.full_name));
  row.Set("last", learner.last_action_us == 0 ? texts.Text("learner.never")
                                              : format.DateOf(absl::FromUnixMicros(learner.last_action_us), zone));
  row.Set("days", format.Number(learner.active_days));
  row.Set("recent", absl::StrJoin(learner.recent_active_days, " · "));
  std::string state;
  bool away = false;
  if (learner.completed) {
    state = learner.completed_us == 0
                ? texts.Text("learner.completed")
                : texts.Text("learner.completed_on",
                             {{"date", format.DateOf(absl::FromUnixMicros(learner.completed_us), zone, false)}});
  } else if (!learner.open) {
    state = texts.Text("learner.closed");
  } else if (learner.last_action_us == 0) {
    state = texts.Text("learner.not_started");
    away = true;
  } else {
    // Days between local dates, as a person counts them.
    const int64_t days = absl::ToCivilDay(absl::FromUnixMicros(watermark_us), zone) -
                         absl::ToCivilDay(absl::FromUnixMicros(learner.last_action_us), zone);
    state = days < kActiveDays ? texts.Text("learner.active") : format.Count("learner.silent", days);
    away = days >= kSilentDays;
  }
  row.Set("state", std::move(state)).Set("away", away).Set("done", learner.completed);
  return row;
}

View Learners(const Format& format, const CohortPage& page, const absl::TimeZone& zone) {
  View::List rows;
  for (const LearnerLine& learner : page.learners) {
    rows.push_back(LearnerRow(format, learner, page.watermark_us, zone));
  }
  View learners;
  learners.Set("heading", format.Count("cohort.learners_count", page.learners_total));
  if (page.names_missing == Missing::kUnavailable) learners.Set("names", format.texts().Text("missing.names"));
  if (page.names_missing == Missing::kForbidden) learners.Set("names", format.texts().Text("missing.names_forbidden"));
  learners.Set("rows", std::move(rows)).Set("url", CohortPath(page.name));
  learners.Set("again", !page.learners_first_page).Set("next", PercentEncode(page.learners_next));
  return learners;
}

}  // namespace

View CohortView(const Format& format, const CohortPage& page) {
  const Catalogue& texts = format.texts();
  const absl::TimeZone zone = ZoneOf(page.site);
  View view;
  const std::string& title = page.course_full_name.empty() ? page.course_short_name : page.course_full_name;
  view.Set("heading", title.empty() ? page.name : DisplayName(title));
  view.Set("cohort_title", CohortTitle(format, page.cohort)).Set("site_title", TitleOf(page.site));

  View::List notes;
  const auto note = [&](std::string_view key) {
    View item;
    item.Set("text", texts.Text(key));
    notes.push_back(std::move(item));
  };
  if (page.figures_missing == Missing::kUnavailable) note("missing.figures");
  if (page.learners_missing == Missing::kUnavailable) note("missing.learners");
  if (page.learners_missing == Missing::kForbidden) note("missing.learners_forbidden");
  view.Set("notes", std::move(notes));

  if (page.figures_missing == Missing::kNo) {
    const std::string last = LastCompleteWeek(page.watermark_us, zone);
    const Ratio active = WeekAmong(page.weekly_active, last);
    view.Set("lead", Lead(format, page, active, WeekAmong(page.weekly_active, WeekBefore(last)), zone));
    if (page.watermark_us == 0) {
      view.Set("known", texts.Text("cohort.unknown"));
    } else {
      const std::string when = format.DateTime(absl::FromUnixMicros(page.watermark_us), zone);
      view.Set("known",
               page.site.time_zone.empty()
                   ? texts.Text("cohort.known_utc", {{"when", when}})
                   : texts.Text("cohort.known", {{"when", when}, {"zone", format.Foreign(page.site.time_zone)}}));
    }
    view.Set("keys", Keys(format, page, active, zone));
    const std::vector<Ratio> weeks = EveryWeek(page.weekly_active);
    if (!weeks.empty()) view.Set("activity", Activity(format, page, weeks, zone));
    View::List splits;
    for (const Split& split : page.splits) splits.push_back(SplitView(format, page, split));
    view.Set("splits", std::move(splits));
  }
  if (page.learners_missing == Missing::kNo) view.Set("learners", Learners(format, page, zone));

  View::List terms;
  for (const std::string indicator : kKeyFigures) {
    View term;
    term.Set("name", texts.Text("indicator." + indicator)).Set("text", texts.Text("term." + indicator));
    terms.push_back(std::move(term));
  }
  view.Set("terms", std::move(terms));
  return view;
}

}  // namespace compagnon::edge
