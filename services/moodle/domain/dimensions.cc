#include "moodle/domain/dimensions.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "moodle/domain/age.h"
#include "moodle/domain/local_day.h"

namespace compagnon::moodle {
namespace {

std::string_view Stripped(std::string_view text) {
  while (!text.empty() && absl::ascii_isspace(text.front())) text.remove_prefix(1);
  while (!text.empty() && absl::ascii_isspace(text.back())) text.remove_suffix(1);
  return text;
}

std::string FromTable(const ValueRule& rule, const std::string& text) {
  if (text.empty()) return "";
  if (rule.values.empty()) return text;
  if (auto exact = rule.values.find(text); exact != rule.values.end()) return exact->second;
  auto rest = rule.values.find("*");
  return rest == rule.values.end() ? "" : rest->second;
}

bool AnyFits(std::string_view pattern, absl::Span<const NamedSet> sets) {
  for (const NamedSet& set : sets) {
    if ((!set.idnumber.empty() && Fits(pattern, set.idnumber)) || (!set.name.empty() && Fits(pattern, set.name)))
      return true;
  }
  return false;
}

std::string FirstValue(absl::Span<const ValueRule> rules, const DimensionFacts& facts) {
  for (const ValueRule& rule : rules) {
    std::string value;
    const auto of_set = [&](absl::Span<const NamedSet> sets) {
      auto given = rule.values.find("*");
      return given != rule.values.end() && AnyFits(rule.field, sets) ? given->second : std::string();
    };
    switch (rule.source) {
      case ValueSource::kProfileField:
        value = FromTable(rule, facts.person_field(absl::StrCat("profile:", rule.field)));
        break;
      case ValueSource::kUserField:
        value = FromTable(rule, facts.person_field(absl::StrCat("user:", rule.field)));
        break;
      case ValueSource::kCourseField:
        value = FromTable(rule, facts.course_field(rule.field));
        break;
      case ValueSource::kGroup:
        value = of_set(facts.groups);
        break;
      case ValueSource::kCohort:
        value = of_set(facts.cohorts);
        break;
      case ValueSource::kCategory:
        value = of_set(facts.categories);
        break;
    }
    if (!value.empty()) return value;
  }
  return "";
}

std::optional<int32_t> BirthDay(const std::string& text, const std::string& format, const absl::TimeZone& zone) {
  if (text.empty()) return std::nullopt;
  if (format.empty() || format == "iso" || format == "unix") {
    // Moodle's date fields hold Unix seconds, negative before 1970.
    if (text.size() > 1 && text[0] == '-' && absl::ascii_isdigit(text[1])) {
      const std::optional<int32_t> mirrored = DayFromText(std::string_view(text).substr(1), absl::UTCTimeZone());
      if (!mirrored || text.find('-', 1) != std::string::npos) return std::nullopt;
      int64_t seconds = 0;
      for (char digit : std::string_view(text).substr(1)) seconds = seconds * 10 + (digit - '0');
      return LocalDayOf(-seconds * 1'000'000, zone);
    }
    return DayFromText(text, zone);
  }
  absl::Time parsed;
  std::string error;
  if (!absl::ParseTime(format, text, absl::UTCTimeZone(), &parsed, &error)) return std::nullopt;
  return LocalDayOf(absl::ToUnixMicros(parsed), absl::UTCTimeZone());
}

void AddFields(absl::Span<const ValueRule> rules, std::set<std::string>& person, std::set<std::string>& course) {
  for (const ValueRule& rule : rules) {
    if (rule.source == ValueSource::kProfileField) person.insert(absl::StrCat("profile:", rule.field));
    if (rule.source == ValueSource::kUserField) person.insert(absl::StrCat("user:", rule.field));
    if (rule.source == ValueSource::kCourseField) course.insert(rule.field);
  }
}

}  // namespace

SiteMapping SiteMapping::Standard() {
  SiteMapping mapping;
  mapping.country.push_back({ValueSource::kUserField, "country", {}});
  mapping.age_bounds = StandardAgeBounds();
  mapping.roles = {{"5", CourseRole::kLearner},     {"student", CourseRole::kLearner},
                   {"4", CourseRole::kTutor},       {"teacher", CourseRole::kTutor},
                   {"3", CourseRole::kCoordinator}, {"editingteacher", CourseRole::kCoordinator}};
  return mapping;
}

std::set<std::string> SiteMapping::PersonFields() const {
  std::set<std::string> person, course;
  for (const auto* rules : {&sex, &birth_date, &age_band, &country, &area}) AddFields(*rules, person, course);
  return person;
}

std::set<std::string> SiteMapping::CourseFields() const {
  std::set<std::string> person, course;
  for (const auto* rules : {&sex, &birth_date, &age_band, &country, &area}) AddFields(*rules, person, course);
  return course;
}

const SiteMapping& DimensionMap::Of(std::string_view site) const {
  auto found = sites.find(site);
  return found == sites.end() ? standard : found->second;
}

DimensionValues ValuesOf(const SiteMapping& mapping, const DimensionFacts& facts, const absl::TimeZone& zone) {
  const auto given_or = [&](std::string_view dimension, absl::Span<const ValueRule> rules) {
    std::string given =
        facts.person_field(absl::StrCat("given:", absl::string_view(dimension.data(), dimension.size())));
    return given.empty() ? FirstValue(rules, facts) : given;
  };
  DimensionValues values;
  values.sex = StandardSex(given_or("sex", mapping.sex));
  values.country = given_or("country", mapping.country);
  values.area = given_or("area", mapping.area);
  values.age_band = given_or("age_band", mapping.age_band);
  if (values.age_band.empty()) {
    // A people file writes dates its own way, whatever the site's profile field looks like.
    std::optional<int32_t> born = BirthDay(facts.person_field("given:birth_date"), "", zone);
    if (!born) born = BirthDay(FirstValue(mapping.birth_date, facts), mapping.birth_date_format, zone);
    if (born) values.age_band = AgeBand(*born, facts.start_day, mapping.age_bounds);
  }
  return values;
}

CohortChoice CohortOf(const SiteMapping& mapping, absl::Span<const NamedSet> groups,
                      absl::Span<const NamedSet> cohorts) {
  for (const CohortRule& rule : mapping.cohorts) {
    for (const NamedSet& set : rule.moodle_cohort ? cohorts : groups) {
      if (!Fits(rule.pattern, set.idnumber) && !Fits(rule.pattern, set.name)) continue;
      CohortChoice choice;
      choice.code = !rule.code.empty() ? rule.code : CohortCode(set.idnumber.empty() ? set.name : set.idnumber);
      choice.title = !rule.title.empty() ? rule.title : set.name.empty() ? choice.code : set.name;
      if (!choice.code.empty()) return choice;
    }
  }
  return {};
}

CourseRole RoleOf(const SiteMapping& mapping, const std::map<std::string, CourseRole, std::less<>>& overrides,
                  int64_t role, std::string_view short_name) {
  const std::string id = absl::StrCat(role);
  for (const auto* table : {&overrides, &mapping.roles}) {
    if (auto found = table->find(id); found != table->end()) {
      // Ids are a site's own numbering: once its short names are known, the stock numbers say nothing against them.
      if (table == &mapping.roles && !short_name.empty()) {
        if (auto named = table->find(short_name); named != table->end()) return named->second;
      }
      return found->second;
    }
    if (short_name.empty()) continue;
    if (auto found = table->find(short_name); found != table->end()) return found->second;
  }
  return CourseRole::kNone;
}

std::optional<CourseRole> RoleFromText(std::string_view text) {
  if (text == "learner") return CourseRole::kLearner;
  if (text == "tutor") return CourseRole::kTutor;
  if (text == "coordinator") return CourseRole::kCoordinator;
  if (text == "none") return CourseRole::kNone;
  return std::nullopt;
}

std::string StandardSex(std::string_view text) {
  const std::string lower = absl::AsciiStrToLower(std::string(Stripped(text)));
  if (lower.empty()) return "";
  if (lower == "f" || lower == "female" || lower == "femme") return "F";
  if (lower == "m" || lower == "male" || lower == "homme") return "M";
  return "other";
}

bool Fits(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string CohortCode(std::string_view text) {
  std::string code;
  for (char c : Stripped(text)) {
    const bool kept =
        absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.' || static_cast<unsigned char>(c) >= 0x80;
    code += kept ? c : '-';
  }
  return code;
}

}  // namespace compagnon::moodle
