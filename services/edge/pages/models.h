#ifndef COMPAGNON_EDGE_PAGES_MODELS_H_
#define COMPAGNON_EDGE_PAGES_MODELS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace compagnon::edge {

// What pages show, as plain values: no proto, no rpc. Instants are UTC microseconds, 0 = never.

// One figure, as analytics.v1.Figure defines it.
struct Ratio {
  int64_t numerator = 0;
  int64_t denominator = 0;
  bool has_denominator = false;  // with denominator 0: nobody counts yet, said "non calculable"
  std::string week;              // ISO week, "" = to date
  int64_t watermark_us = 0;
  int32_t completeness_bp = -1;  // -1 = not measurable
  bool provisional = false;

  bool computable() const { return !has_denominator || denominator > 0; }
};

// What a part of a page came to when its module did not answer.
enum class Missing {
  kNo,
  kUnavailable,  // module down or too slow
  kForbidden,    // the person's profile does not show it
};

struct SiteInfo {
  std::string name;       // "sites/sn1"
  std::string title;      // "" when the directory did not answer: the code stands in
  std::string time_zone;  // IANA; "" = unknown: UTC is used and said
  enum class Link { kUnknown, kOk, kCatchingUp, kUnreachable, kNeedsOperator, kFileOnly } link = Link::kUnknown;
  int64_t last_answer_us = 0;
  int64_t last_event_us = 0;
  int64_t backlog = 0;
};

struct CohortLine {
  std::string name;  // "sites/sn1/courses/4" or ".../cohorts/A"
  std::string course_short_name, course_full_name, cohort;
  int64_t open = 0;
  Ratio active, active_before, started, completed, dropped_out;
  int64_t newly_enrolled = 0, newly_completed = 0;
  int64_t last_action_us = 0;
  std::vector<Ratio> recent_weeks;
};

struct SiteFreshness {
  std::string site;  // "sites/sn1"
  int64_t watermark_us = 0, last_ingest_us = 0;
  int64_t events = 0, duplicates = 0, rejected = 0, late = 0;
  Ratio completeness;
  struct Span {
    std::string source;  // "bridge/<epoch>" or "log/<name>"
    int64_t from_us = 0, to_us = 0;
  };
  std::vector<Span> coverage;
};

struct HomePage {
  std::vector<CohortLine> cohorts;
  bool first_page = true;
  std::string next_page;  // opaque
  Missing cohorts_missing = Missing::kNo;
  std::vector<SiteFreshness> freshness;
  Missing freshness_missing = Missing::kNo;
  std::map<std::string, SiteInfo> sites;  // by name
};

struct FreshnessPage {
  std::vector<SiteFreshness> freshness;
  Missing freshness_missing = Missing::kNo;
  std::map<std::string, SiteInfo> sites;
  Missing sites_missing = Missing::kNo;
};

struct LearnerLine {
  int64_t person = 0;
  std::string full_name;  // "" = not known or not shown to this profile
  int64_t first_action_us = 0, last_action_us = 0;
  int32_t active_days = 0;
  std::vector<int32_t> recent_active_days;
  bool completed = false;
  int64_t completed_us = 0;
  bool open = false;
};

// Figures of one dimension: a row per value ("" = unknown), a figure per indicator.
struct Split {
  std::string dimension;  // "sex", "age", "country"
  struct Row {
    std::string value;
    std::map<std::string, Ratio> figures;  // by indicator code
  };
  std::vector<Row> rows;
  Missing missing = Missing::kNo;
};

struct CohortPage {
  std::string name;
  std::string course_short_name, course_full_name, cohort;
  SiteInfo site;
  int64_t watermark_us = 0;
  std::map<std::string, Ratio> totals;  // by indicator code, to date
  std::vector<Ratio>
      weekly_active;  // indicator 9, oldest first, without weeks of nobody; the one holding T may be last
  std::vector<Ratio> weekly_enrolled;  // indicator 2
  Missing figures_missing = Missing::kNo;
  std::vector<Split> splits;
  std::vector<LearnerLine> learners;
  int64_t learners_total = 0;
  std::string learners_next;  // opaque
  bool learners_first_page = true;
  Missing learners_missing = Missing::kNo;
  Missing names_missing = Missing::kNo;
  bool may_export = false;
};

// What surrounds every page.
struct Surroundings {
  bool test_environment = false;
  bool signed_in = false;
  std::string profile;    // "coordinator", ...
  std::string current;    // "home", "freshness", ""
  std::string path;       // of this page with its query but lang, where extending the session leads back to
  std::string query;      // "after=...&" or "": what a language link keeps
  int idle_minutes = 30;  // said in words: an instant would change the page, and its ETag, at every reading
  int session_hours = 8;
};

// The text that stands where the CSRF token goes until a page is sent, so that a page's ETag does not depend on it.
inline constexpr char kCsrfPlaceholder[] = "csrf-7f1c9a52e4";

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_PAGES_MODELS_H_
