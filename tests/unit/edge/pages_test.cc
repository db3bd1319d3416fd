#include "edge/pages/pages.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "edge/pages/chart.h"
#include "edge/pages/embedded_files.h"
#include "edge/pages/weeks.h"
#include "edge/pages/wording.h"

namespace compagnon::edge {
namespace {

const Pages& AllPages() {
  static const Pages pages = [] {
    auto loaded = Pages::Load(30);
    if (!loaded.ok()) Die(std::string(loaded.status().message()));
    return std::move(*loaded);
  }();
  return pages;
}

Format In(Language language) { return Format(AllPages().catalogues().at(language)); }

constexpr int64_t kNow = 1773945000LL * 1000000;  // 19 March 2026, 18:30 UTC

Ratio Rate(int64_t numerator, int64_t denominator, std::string week = "") {
  Ratio ratio;
  ratio.numerator = numerator;
  ratio.denominator = denominator;
  ratio.has_denominator = true;
  ratio.week = std::move(week);
  ratio.watermark_us = kNow;
  ratio.completeness_bp = 10000;
  return ratio;
}

CohortPage SomeCohort() {
  CohortPage page;
  page.name = "sites/sn1/courses/4/cohorts/A";
  page.course_full_name = "Développement web";
  page.cohort = "A";
  page.site.name = "sites/sn1";
  page.site.title = "Sénégal";
  page.site.time_zone = "Africa/Dakar";
  page.watermark_us = kNow;
  Ratio count;
  count.numerator = 130;
  count.completeness_bp = 10000;
  page.totals["2"] = count;
  page.totals["17"] = Rate(0, 0);
  page.totals["7"] = Rate(112, 130);
  page.weekly_active = {Rate(104, 130, "2026-W10"), Rate(112, 130, "2026-W11"), Rate(20, 130, "2026-W12")};
  page.learners_total = 1;
  LearnerLine learner;
  learner.full_name = "Awa Diop";
  learner.open = true;
  learner.last_action_us = kNow;
  page.learners = {learner};
  page.may_export = true;
  return page;
}

Surroundings SignedIn() {
  Surroundings around;
  around.signed_in = true;
  around.profile = "coordinator";
  around.path = "/";
  return around;
}

std::string CohortHtml(const CohortPage& page, Language language = Language::kFrench) {
  return AllPages().Cohort(language, SignedIn(), page);
}

bool Says(const std::string& html, std::string_view text) { return html.find(text) != std::string::npos; }

std::string Without(std::string text, const std::string& pattern) {
  return std::regex_replace(text, std::regex(pattern), "");
}

}  // namespace

TEST_CASE("templates catalogues and assets load together") {
  const auto loaded = Pages::Load(30);
  INFO(loaded.status().message());
  REQUIRE(loaded.ok());
}

TEST_CASE("every catalogue holds the same texts in every plural form its language has") {
  const auto bases = [](Language language) {
    std::set<std::string> keys;
    const std::vector<std::string_view> categories = PluralCategories(language);
    for (const auto& [key, text] : AllPages().catalogues().at(language).texts()) {
      CHECK_FALSE(text.empty());
      const size_t dot = key.rfind('.');
      const std::string last = key.substr(dot + 1);
      const bool plural = std::set<std::string>{"zero", "one", "two", "few", "many", "other"}.contains(last) &&
                          key != "value.sex.other";
      keys.insert(plural ? key.substr(0, dot) + ".#" : key);
      if (!plural) continue;
      for (const std::string_view category : categories) {
        INFO(key << " in " << CodeOf(language) << " wants the form " << category);
        CHECK(AllPages().catalogues().at(language).Has(key.substr(0, dot) + "." + std::string(category)));
      }
    }
    return keys;
  };
  const std::set<std::string> french = bases(Language::kFrench);
  for (const Language other : {Language::kEnglish, Language::kArabic}) {
    std::vector<std::string> different;
    const std::set<std::string> keys = bases(other);
    std::set_symmetric_difference(french.begin(), french.end(), keys.begin(), keys.end(),
                                  std::back_inserter(different));
    INFO(CodeOf(other) << " " << (different.empty() ? "" : different.front()));
    CHECK(different.empty());
  }
}

TEST_CASE("the arguments of a text are the same in every language") {
  const auto arguments = [](const std::string& text) {
    std::set<std::string> names;
    for (size_t at = text.find('{'); at != std::string::npos; at = text.find('{', at + 1))
      names.insert(text.substr(at, text.find('}', at) - at));
    names.erase("{n");  // a form such as "one learner" may spell the number
    return names;
  };
  for (const auto& [key, text] : AllPages().catalogues().at(Language::kFrench).texts()) {
    for (const Language other : {Language::kEnglish, Language::kArabic}) {
      const Catalogue& catalogue = AllPages().catalogues().at(other);
      if (!catalogue.Has(key)) continue;
      INFO(key << " in " << CodeOf(other));
      CHECK(arguments(text) == arguments(catalogue.Text(key)));
    }
  }
}

TEST_CASE("every text the code asks for by name exists and every text is asked for") {
  std::string code;
  for (const auto& entry : std::filesystem::recursive_directory_iterator("services/edge")) {
    const std::string extension = entry.path().extension();
    if (extension != ".cc" && extension != ".mustache") continue;
    std::ifstream file(entry.path());
    std::stringstream content;
    content << file.rdbuf();
    code += content.str();
  }
  REQUIRE(code.size() > 10000);
  const Catalogue& french = AllPages().catalogues().at(Language::kFrench);
  const std::regex asked(R"re((?:Text|note)\("([a-z_0-9.]+)"[,)]|Count\("([a-z_.]+)")re");
  for (std::sregex_iterator it(code.begin(), code.end(), asked), end; it != end; ++it) {
    const std::string key = (*it)[1].matched ? (*it)[1].str() : (*it)[2].str() + ".one";
    if (key.ends_with('.')) continue;  // a prefix, completed at run time
    INFO(key);
    CHECK(french.Has(key));
  }
  for (const auto& [key, text] : french.texts()) {
    std::string wanted = Without(key, R"(\.(one|other)$)");
    // Families whose last part comes from data.
    for (const char* family :
         {"country.", "value.sex.", "month.", "profile.", "indicator.", "term.", "error.", "split."}) {
      if (wanted.starts_with(family)) wanted = family;
    }
    INFO(key << " is never used");
    CHECK(Says(code, wanted));
  }
}

TEST_CASE("the lint finds every way to let data out of its place") {
  const std::vector<std::pair<const char*, const char*>> wrong = {
      {"<p>{{{name}}}</p>", "unescaped"},
      {"<p>{{&name}}</p>", "unescaped"},
      {"{{=<% %>=}}", "delimiters"},
      {"<script>var x = \"{{name}}\"</script>", "script"},
      {"<style>p { color: {{c}} }</style>", "script or style"},
      {"<p style=\"color:red\">", "style="},
      {"<p style=\"{{s}}\">", "style"},
      {"<a href=\"{{url}}\">", "begins a URL"},
      {"<a href=\"/{{url}}\">", "//host"},
      {"<form action=\"{{url}}\">", "begins a URL"},
      {"<img src=\"{{url}}\">", "begins a URL"},
      {"<p onclick=\"f({{x}})\">", "event handler"},
      {"<p class={{x}}>", "quotes"},
      {"<p {{x}}>", "outside a quoted attribute"},
      {"<p class='x'>", "quoted with"},
      {"<!-- {{x}} -->", "comment"},
      {"<p>{{name", "unclosed"},
  };
  for (const auto& [text, finding] : wrong) {
    INFO(text);
    const std::vector<std::string> findings = LintTemplate("t", text);
    REQUIRE_FALSE(findings.empty());
    CHECK(
        std::any_of(findings.begin(), findings.end(), [&](const std::string& found) { return Says(found, finding); }));
  }
  for (const char* text :
       {"<p>{{name}}</p>", "<a href=\"/cohorts/{{url}}\">x</a>", "<a href=\"?{{rest}}lang={{code}}\">",
        "<p{{#x}} class=\"a\"{{/x}}>", "{{! note }}<!DOCTYPE html><p title=\"{{t}}\">"}) {
    INFO(text);
    CHECK(LintTemplate("t", text).empty());
  }
  for (const EmbeddedFile& file : EmbeddedFiles()) {
    if (file.path.starts_with("templates/")) CHECK(LintTemplate(file.path, file.content).empty());
  }
}

TEST_CASE("a template that asks for a missing text or partial does not load") {
  const std::map<Language, Catalogue> catalogues = {
      {Language::kFrench, *Catalogue::Parse(Language::kFrench, "a = b\nc = {x}")}};
  CHECK(TemplateSet::Load({{"t", "<p>[[a]]</p>"}}, catalogues).ok());
  CHECK_FALSE(TemplateSet::Load({{"t", "<p>[[b]]</p>"}}, catalogues).ok());
  CHECK_FALSE(TemplateSet::Load({{"t", "<p>[[c]]</p>"}}, catalogues).ok());
  CHECK_FALSE(TemplateSet::Load({{"t", "{{> gone}}"}}, catalogues).ok());
  CHECK_FALSE(TemplateSet::Load({{"t", "{{> t}}"}}, catalogues).ok());
  CHECK_FALSE(TemplateSet::Load({{"t", "{{#a}}<p>x</p>"}}, catalogues).ok());
}

TEST_CASE("hostile names stay text") {
  CohortPage page = SomeCohort();
  page.course_full_name = "</title><script>alert(1)</script>";
  page.cohort = "\"><img src=x onerror=alert(2)>";
  page.name = "sites/sn1/courses/4/cohorts/\"><img src=x>";
  page.site.title = "{{{x}}} [[skip]] '\"&";
  page.learners[0].full_name = "<script>alert('x')</script>";
  for (const Language language : kLanguages) {
    const std::string html = CohortHtml(page, language);
    CHECK_FALSE(Says(html, "<script"));
    CHECK_FALSE(Says(html, "<img"));
    CHECK(Says(html, "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"));
    CHECK(Says(html, "{{{x}}} [[skip]] &#39;&quot;&amp;"));
    CHECK(Says(html, "/cohorts/sn1/4/%22%3E%3Cimg%20src%3Dx%3E/figures.csv"));
  }
}

TEST_CASE("a name cannot turn the page round or flood it") {
  CHECK(DisplayName("Ali \u202egnp.exe\u2069 Ben\u200f") == "Ali gnp.exe Ben");
  CHECK(DisplayName("a\x01"
                    "b\u0085c\ufeff") == "abc");
  CHECK(DisplayName("  Awa \n\t Diop  ") == "Awa Diop");
  CHECK(DisplayName("فاطمة الزهراء") == "فاطمة الزهراء");
  CHECK(DisplayName("bad\xff\xc3"
                    "utf") == "bad\ufffd\ufffdutf");
  const std::string endless(10240, 'x');
  CHECK(DisplayName(endless) == std::string(80, 'x') + "…");
  std::string wide;
  for (int i = 0; i < 3000; ++i) wide += "é";
  CHECK(DisplayName(wide).size() == 160 + 3);
  CohortPage page = SomeCohort();
  page.learners[0].full_name = endless;
  CHECK(CohortHtml(page).size() < CohortHtml(SomeCohort()).size() + 200);
}

TEST_CASE("the first sentence compares the last complete week with the one before") {
  CHECK(
      Says(CohortHtml(SomeCohort()), "112 apprenants actifs du 9 au 15 mars, +8 par rapport à la semaine précédente."));
  CHECK(Says(CohortHtml(SomeCohort(), Language::kEnglish),
             "112 active learners from 9 to 15 March, +8 against the week before."));
  CohortPage same = SomeCohort();
  same.weekly_active[0].numerator = 112;
  CHECK(Says(CohortHtml(same), "112 apprenants actifs du 9 au 15 mars, autant que la semaine précédente."));
  CohortPage young = SomeCohort();
  young.weekly_active.erase(young.weekly_active.begin());
  CHECK(Says(CohortHtml(young), "112 apprenants actifs du 9 au 15 mars."));
  CohortPage newest = SomeCohort();
  newest.weekly_active.erase(newest.weekly_active.begin(), newest.weekly_active.begin() + 2);
  CHECK(Says(CohortHtml(newest), "Aucune semaine complète n’est encore connue."));
}

TEST_CASE("the weeks compared are those of the calendar whatever rows there are") {
  CohortPage gap = SomeCohort();
  gap.weekly_active[0].week = "2026-W09";  // nobody was enrolled in W10
  CHECK(Says(CohortHtml(gap), "112 apprenants actifs du 9 au 15 mars."));
  CHECK_FALSE(Says(CohortHtml(gap), "par rapport à la semaine précédente"));
  CHECK(Says(CohortHtml(gap),
             "<th scope=\"row\">du 2 au 8 mars</th><td class=\"num\" data-label=\"Actifs sur inscrits\">personne à "
             "suivre</td>"));
  CHECK(Says(CohortHtml(gap), "sur 4 semaines"));
}

TEST_CASE("a course that ended long ago is not told as if it went on") {
  CohortPage past = SomeCohort();
  past.watermark_us += 365LL * 86400 * 1000000;  // March 2027
  past.weekly_active = {Rate(15, 20, "2025-W50"), Rate(12, 20, "2025-W51")};
  const std::string html = CohortHtml(past);
  CHECK(Says(html,
             "Personne à suivre du 8 au 14 mars : le cours n’est pas ouvert ou n’a pas d’inscrits. Dernière semaine "
             "suivie : 12 apprenants actifs du 15 au 21 décembre 2025."));
  CHECK_FALSE(Says(html, "par rapport à la semaine précédente"));
  CHECK(Says(html, "S51 · 15 décembre 2025"));
  CHECK(Says(html, "sur 2 semaines"));
}

TEST_CASE("a course that ended takes nothing from the home's comparison of the others") {
  HomePage page;
  CohortLine past, present;
  past.name = "sites/sn1/courses/1", present.name = "sites/sn1/courses/2";
  past.active = Rate(0, 0, "2026-W11"), past.active_before = Rate(0, 0, "2026-W10");
  present.active = Rate(10, 20, "2026-W11"), present.active_before = Rate(8, 20, "2026-W10");
  page.cohorts = {past, present};
  const std::string html = AllPages().Home(Language::kFrench, SignedIn(), page);
  CHECK(Says(html, "10 apprenants actifs du 9 au 15 mars, dans 1 cours, +2 par rapport à la semaine précédente."));
  CHECK(Says(html, "Personne à suivre du 9 au 15 mars"));
}

TEST_CASE("the calendar of weeks crosses the years and stands where its site does") {
  absl::TimeZone dubai;
  REQUIRE(absl::LoadTimeZone("Asia/Dubai", &dubai));
  const auto at = [](int year, int month, int day, int hour) {
    return absl::ToUnixMicros(absl::FromCivil(absl::CivilHour(year, month, day, hour), absl::UTCTimeZone()));
  };
  const absl::TimeZone utc = absl::UTCTimeZone();
  CHECK(LastCompleteWeek(kNow, utc) == "2026-W11");
  CHECK(LastCompleteWeek(at(2026, 3, 15, 23), utc) == "2026-W10");
  CHECK(LastCompleteWeek(at(2026, 3, 15, 23), dubai) == "2026-W11");
  CHECK(LastCompleteWeek(at(2026, 3, 16, 0), utc) == "2026-W11");
  CHECK(LastCompleteWeek(at(2021, 1, 6, 0), utc) == "2020-W53");
  CHECK(LastCompleteWeek(0, utc).empty());
  CHECK(WeekBefore("2021-W01") == "2020-W53");
  CHECK(WeekBefore("2026-W01") == "2025-W52");
  CHECK(WeekBefore("").empty());
  for (std::string week = "2026-W30"; week > "2015-W01"; week = WeekBefore(week))
    CHECK(*MondayOf(WeekBefore(week)) + 7 == *MondayOf(week));
  std::vector<std::string> labels;
  for (const Ratio& week : EveryWeek({Rate(0, 0, "2020-W50"), Rate(1, 2, "2020-W52"), Rate(1, 2, "2021-W01"),
                                      Rate(0, 0, "2021-W02"), Rate(1, 2, "bad")}))
    labels.push_back(week.week);
  CHECK(labels == std::vector<std::string>{"2020-W52", "2020-W53", "2021-W01"});
  CHECK(EveryWeek({Rate(1, 2, "0001-W01"), Rate(1, 2, "9999-W01")}).size() < 5000);
}

TEST_CASE("a week is current until midnight of the site and not of UTC") {
  Ratio week = Rate(1, 2, "2026-W11");
  absl::TimeZone casablanca, dakar;
  REQUIRE(absl::LoadTimeZone("Asia/Dubai", &casablanca));
  REQUIRE(absl::LoadTimeZone("Africa/Dakar", &dakar));
  const absl::Time evening = absl::FromCivil(absl::CivilSecond(2026, 3, 15, 21, 0, 0), absl::UTCTimeZone());
  CHECK_FALSE(IsCurrentWeek(week, absl::ToUnixMicros(evening), casablanca));
  CHECK(IsCurrentWeek(week, absl::ToUnixMicros(evening), dakar));
}

TEST_CASE("nobody to count is not zero per cent") {
  const std::string html = CohortHtml(SomeCohort());
  CHECK(Says(html, "non calculable"));
  CHECK(Says(html, "personne ne compte encore"));
  CHECK(ValueOf(In(Language::kFrench), Rate(0, 0)) == "non calculable");
  CHECK(ValueOf(In(Language::kEnglish), Rate(0, 130)) == "0%");
}

TEST_CASE("what is provisional or incomplete is said in words") {
  CohortPage page = SomeCohort();
  page.totals["17"] = Rate(12, 130);
  page.totals["17"].provisional = true;
  page.totals["17"].completeness_bp = 9299;
  page.totals["7"].completeness_bp = -1;
  const std::string html = CohortHtml(page);
  CHECK(Says(html, "12 sur 130, à ce jour"));
  CHECK(Says(html, "données incomplètes : 92\u202f%"));
  CHECK(Says(html, "complétude non mesurable"));
  CHECK(Says(html, "semaine en cours"));
}

TEST_CASE("a module that is down leaves the rest of the page") {
  CohortPage page = SomeCohort();
  page.figures_missing = Missing::kUnavailable;
  std::string html = CohortHtml(page);
  CHECK(Says(html, "Les chiffres ne sont pas disponibles pour l’instant."));
  CHECK(Says(html, "Awa Diop"));
  CHECK_FALSE(Says(html, "Chiffres clés"));
  page = SomeCohort();
  page.learners_missing = Missing::kUnavailable;
  page.names_missing = Missing::kUnavailable;
  html = CohortHtml(page);
  CHECK(Says(html, "La liste des apprenants n’est pas disponible"));
  CHECK(Says(html, "112 sur 130"));
}

TEST_CASE("a home without cohorts says so and one whose module is down says something else") {
  HomePage page;
  CHECK(Says(AllPages().Home(Language::kFrench, SignedIn(), page), "Aucune cohorte n’est visible"));
  page.cohorts_missing = Missing::kUnavailable;
  const std::string html = AllPages().Home(Language::kFrench, SignedIn(), page);
  CHECK(Says(html, "Les cohortes ne sont pas disponibles"));
  CHECK_FALSE(Says(html, "Aucune cohorte n’est visible"));
}

TEST_CASE("the home adds up only cohorts that stand at the same week") {
  HomePage page;
  CohortLine a, b, c;
  a.name = "sites/sn1/courses/1", b.name = "sites/sn1/courses/2", c.name = "sites/ma1/courses/3";
  a.active = Rate(10, 20, "2026-W11"), a.active_before = Rate(8, 20, "2026-W10");
  b.active = Rate(5, 9, "2026-W11"), b.active_before = Rate(6, 9, "2026-W10");
  c.active = Rate(100, 200, "2026-W09");
  page.cohorts = {a, b, c};
  const std::string html = AllPages().Home(Language::kFrench, SignedIn(), page);
  CHECK(Says(html, "15 apprenants actifs du 9 au 15 mars, dans 2 cours, +1 par rapport à la semaine précédente."));
}

TEST_CASE("the home counts the learners of a course once where its cohorts have lines too") {
  HomePage page;
  CohortLine run, a, b, only;
  run.name = "sites/sn1/courses/4", a.name = run.name + "/cohorts/A", b.name = run.name + "/cohorts/B";
  only.name = "sites/sn1/courses/40/cohorts/A";  // a neighbour whose whole is not shown
  run.active = Rate(30, 60, "2026-W11"), run.active_before = Rate(28, 60, "2026-W10");
  a.active = Rate(20, 40, "2026-W11"), a.active_before = Rate(19, 40, "2026-W10");
  b.active = Rate(10, 20, "2026-W11"), b.active_before = Rate(9, 20, "2026-W10");
  only.active = Rate(5, 9, "2026-W11"), only.active_before = Rate(5, 9, "2026-W10");
  run.newly_enrolled = 3, a.newly_enrolled = 2, b.newly_enrolled = 1;
  page.cohorts = {run, a, b, only};
  const std::string html = AllPages().Home(Language::kFrench, SignedIn(), page);
  CHECK(Says(html, "35 apprenants actifs du 9 au 15 mars, dans 2 cours, +2 par rapport à la semaine précédente."));
  CHECK(Says(html, "3 nouvelles inscriptions"));
  page.cohorts = {a, b};
  CHECK(
      Says(AllPages().Home(Language::kFrench, SignedIn(), page), "30 apprenants actifs du 9 au 15 mars, dans 1 cours"));
}

TEST_CASE("the first sentence of a home of several pages says that it speaks of one") {
  HomePage page;
  CohortLine line;
  line.name = "sites/sn1/courses/1";
  line.active = Rate(10, 20, "2026-W11");
  page.cohorts = {line};
  const auto home = [&] { return AllPages().Home(Language::kFrench, SignedIn(), page); };
  CHECK_FALSE(Says(home(), "Sur cette page"));
  page.next_page = "x";
  CHECK(Says(home(), "Sur cette page : 10 apprenants actifs"));
  page.next_page.clear();
  page.first_page = false;
  CHECK(Says(home(), "Sur cette page : 10 apprenants actifs"));
}

TEST_CASE("a span says whether the live link or a file covers it") {
  FreshnessPage page;
  SiteFreshness fresh;
  fresh.site = "sites/sn1";
  fresh.coverage = {{"log/reprise-2025", kNow - 2000000, kNow - 1000000}, {"bridge/3", kNow - 1000000, kNow}};
  page.freshness = {fresh};
  const std::string html = AllPages().Freshness(Language::kFrench, SignedIn(), page);
  CHECK(Says(html, ": fichier reprise-2025"));
  CHECK(Says(html, ": liaison directe"));
  CHECK_FALSE(Says(html, "bridge"));
}

TEST_CASE("who may not export sees no link to a file") {
  CohortPage page = SomeCohort();
  CHECK(Says(CohortHtml(page), "figures.csv"));
  page.may_export = false;
  CHECK_FALSE(Says(CohortHtml(page), "figures.csv"));
}

TEST_CASE("a page holds no script no style attribute and no address of another host") {
  for (const Language language : kLanguages) {
    const std::string html = CohortHtml(SomeCohort(), language);
    CHECK_FALSE(Says(html, "<script"));
    CHECK_FALSE(Says(html, "style=\""));
    CHECK_FALSE(Says(html, "http://"));
    CHECK_FALSE(Says(html, "https://"));
    CHECK(Says(html, "<html lang=\"" + std::string(CodeOf(language)) + "\" dir=\"" +
                         (language == Language::kArabic ? "rtl" : "ltr") + "\">"));
  }
}

TEST_CASE("plural forms follow each language") {
  CHECK(In(Language::kFrench).Count("active", 0) == "0 apprenant actif");
  CHECK(In(Language::kFrench).Count("active", 1) == "1 apprenant actif");
  CHECK(In(Language::kFrench).Count("active", 2) == "2 apprenants actifs");
  CHECK(In(Language::kEnglish).Count("active", 0) == "0 active learners");
  CHECK(In(Language::kEnglish).Count("active", 1) == "1 active learner");
  CHECK(In(Language::kArabic).Count("active", 2) == "متعلمان نشطان");
  CHECK(In(Language::kArabic).Count("active", 5) == "5 متعلمين نشطين");
  CHECK(In(Language::kArabic).Count("active", 11) == "11 متعلما نشطا");
  CHECK(In(Language::kArabic).Count("active", 100) == "100 متعلم نشط");
  CHECK(In(Language::kArabic).Count("active", 103) == "103 متعلمين نشطين");
}

TEST_CASE("numbers are written as each language writes them") {
  CHECK(In(Language::kFrench).Number(1234567) == "1\u202f234\u202f567");
  CHECK(In(Language::kEnglish).Number(1234567) == "1,234,567");
  CHECK(In(Language::kFrench).Number(-1000) == "−1\u202f000");
  CHECK(In(Language::kEnglish).Signed(0) == "±0");
  CHECK(In(Language::kEnglish).Signed(8) == "+8");
  CHECK(In(Language::kArabic).Signed(8) == "\u2066+8\u2069");
  CHECK(In(Language::kEnglish).Number(std::numeric_limits<int64_t>::min()) == "−9,223,372,036,854,775,808");
}

TEST_CASE("only nobody is 0 per cent and only everybody 100") {
  const Format english = In(Language::kEnglish);
  CHECK(english.Percent(0, 500) == "0%");
  CHECK(english.Percent(1, 500) == "<1%");
  CHECK(english.Percent(499, 500) == ">99%");
  CHECK(english.Percent(500, 500) == "100%");
  CHECK(english.Percent(1, 2) == "50%");
  CHECK(english.Percent(1, 8) == "13%");
  CHECK(In(Language::kFrench).Percent(112, 130) == "86\u202f%");
  CHECK(english.BasisPoints(9999) == "99%");
}

TEST_CASE("dates are of the site's zone and weeks are ISO weeks") {
  const Format french = In(Language::kFrench);
  absl::TimeZone noumea;
  REQUIRE(absl::LoadTimeZone("Pacific/Noumea", &noumea));
  CHECK(french.DateTime(absl::FromUnixMicros(kNow), noumea) == "20 mars 2026 à 05:30");
  CHECK(french.Date(absl::CivilDay(2026, 5, 1)) == "1er mai 2026");
  CHECK(french.WeekSpan("2026-W12", 2026) == "du 16 au 22 mars");
  CHECK(french.WeekSpan("2026-W14", 2026) == "du 30 mars au 5 avril");
  CHECK(french.WeekSpan("2026-W01", 2026) == "du 29 décembre 2025 au 4 janvier 2026");
  CHECK(french.WeekSpan("2020-W53", 2026) == "du 28 décembre 2020 au 3 janvier 2021");
  CHECK(french.WeekSpan("2025-W51", 2026) == "du 15 au 21 décembre 2025");
  CHECK(french.WeekShort("2025-W51", 2026) == "S51 · 15 décembre 2025");
  CHECK(french.WeekShort("2026-W12", 2026) == "S12 · 16 mars");
  CHECK_FALSE(MondayOf("2021-W53"));
  for (const char* bad : {"", "2026-12", "2026-W00", "2026-W54", "2026-Wab", "x026-W01"}) CHECK_FALSE(MondayOf(bad));
}

TEST_CASE("Accept-Language chooses by weight and falls back to French") {
  CHECK(LanguageFromHeader("") == Language::kFrench);
  CHECK(LanguageFromHeader("de, es") == Language::kFrench);
  CHECK(LanguageFromHeader("en-GB,en;q=0.9,fr;q=0.8") == Language::kEnglish);
  CHECK(LanguageFromHeader("fr;q=0.5, AR-MA;q=0.9") == Language::kArabic);
  CHECK(LanguageFromHeader("en;q=0, ar;q=x") == Language::kFrench);
}

TEST_CASE("a catalogue names the line that is wrong") {
  CHECK(Says(std::string(Catalogue::Parse(Language::kFrench, "a = b\n# c\n\nd").status().message()), "fr.txt:4"));
  CHECK(Says(std::string(Catalogue::Parse(Language::kFrench, "a = b\na = c").status().message()), "fr.txt:2"));
  CHECK_FALSE(Catalogue::Parse(Language::kFrench, "a = {b").ok());
  CHECK(Catalogue::Parse(Language::kFrench, "a = {b} = c")->Text("a", {{"b", "1"}}) == "1 = c");
}

TEST_CASE("an argument that looks like a placeholder is not filled again") {
  const auto catalogue = Catalogue::Parse(Language::kFrench, "a = {x} {y}");
  CHECK(catalogue->Text("a", {{"x", "{y}"}, {"y", "2"}}) == "{y} 2");
}

TEST_CASE("bars keep their proportions and the newest stands at the reading end") {
  const std::vector<Bar> bars = {{50, 100, false}, {100, 100, false}};
  const BarChart chart = DrawBars(bars, 2, 600, 200, false);
  CHECK(chart.top == 100);
  CHECK(chart.value == "M50 200v-100h200v100zM350 200v-200h200v200z");
  CHECK(chart.whole == "M50 0h200M350 0h200");
  CHECK(DrawBars(bars, 2, 600, 200, true).value == "M350 200v-100h200v100zM50 200v-200h200v200z");
  CHECK(DrawBars({{1, 0, false}}, 6, 600, 200, false).value == "M516.6 200v-100h66.8v100z");
}

TEST_CASE("one learner among thousands is still drawn and nobody is not") {
  CHECK(Says(DrawBars({{1, 100000, false}}, 1, 100, 100, false).value, "v-1h"));
  CHECK(DrawBars({{0, 100, false}}, 1, 100, 100, false).value.empty());
  CHECK(DrawBars({}, 1, 100, 100, false).value.empty());
  const BarChart huge = DrawBars({{INT64_MAX / 2, INT64_MAX / 2, true}}, 1, 100, 100, false);
  CHECK(huge.value.empty());
  CHECK_FALSE(Says(huge.weak, "--"));
}

TEST_CASE("an axis ends at a round even number") {
  for (const auto& [value, top] : std::map<int64_t, int64_t>{
           {0, 2}, {1, 2}, {3, 4}, {8, 8}, {9, 10}, {11, 12}, {47, 50}, {134, 140}, {1001, 1200}}) {
    INFO(value);
    CHECK(RoundTop(value) == top);
  }
}

TEST_CASE("resource names become addresses and back to nothing else") {
  CHECK(CohortPath("sites/sn1/courses/4") == "sn1/4");
  CHECK(CohortPath("sites/sn1/courses/4/cohorts/A & B") == "sn1/4/A%20%26%20B");
  for (const char* name : {"", "sites/sn1", "courses/4", "sites/a/b/c", "sites/sn1/courses/4/cohorts"})
    CHECK(CohortPath(name).empty());
  CHECK(SiteOf("sites/sn1/courses/4") == "sites/sn1");
}

}  // namespace compagnon::edge
