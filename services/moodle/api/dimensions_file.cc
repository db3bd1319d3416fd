#include "moodle/api/dimensions_file.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <toml++/toml.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "moodle/domain/age.h"
#include "moodle/store/site_store.h"

namespace compagnon::moodle {
namespace {

// Sources a rule may name; a rule names exactly one.
constexpr std::pair<std::string_view, ValueSource> kSources[] = {{"profile_field", ValueSource::kProfileField},
                                                                 {"user_field", ValueSource::kUserField},
                                                                 {"group", ValueSource::kGroup},
                                                                 {"moodle_cohort", ValueSource::kCohort},
                                                                 {"category", ValueSource::kCategory},
                                                                 {"course_field", ValueSource::kCourseField}};

constexpr std::string_view kSiteKeys[] = {"sex",         "birth_date",        "age_band",  "country",
                                          "area",        "birth_date_format", "age_bands", "learner_roles",
                                          "tutor_roles", "coordinator_roles", "cohort"};

class Parser {
 public:
  explicit Parser(const std::string& file) : file_(file) {}

  absl::StatusOr<DimensionMap> Parse(std::string_view text) {
    toml::table root;
    try {
      root = toml::parse(text, file_);
    } catch (const toml::parse_error& error) {
      return absl::InvalidArgumentError(
          fmt::format("{}:{}: {}", file_, error.source().begin.line, error.description()));
    }
    DimensionMap map;
    for (auto&& [key, value] : root) {
      if (key.str() == "default") {
        if (toml::table* table = Table(value, "default")) map.standard = Site(*table);
      } else if (key.str() == "sites") {
        toml::table* sites = Table(value, "sites");
        if (sites == nullptr) continue;
        for (auto&& [code, site] : *sites) {
          if (!IsSiteCode(code.str()))
            Wrong(site,
                  fmt::format("\"{}\" is no site code: [a-z0-9-], at most 32 characters, was expected", code.str()));
          if (toml::table* table = Table(site, "sites." + std::string(code.str())))
            map.sites[std::string(code.str())] = Site(*table);
        }
      } else {
        Wrong(value, fmt::format("unknown table \"{}\": default or sites.<code> was expected", key.str()));
      }
    }
    if (!mistakes_.empty()) {
      std::sort(mistakes_.begin(), mistakes_.end());
      std::string message;
      for (const auto& [line, mistake] : mistakes_)
        message += fmt::format("{}{}:{}: {}", message.empty() ? "" : "\n", file_, line, mistake);
      return absl::InvalidArgumentError(message);
    }
    return map;
  }

 private:
  void Wrong(const toml::node& node, std::string what) {
    mistakes_.emplace_back(node.source().begin.line, std::move(what));
  }

  toml::table* Table(toml::node& node, std::string_view name) {
    if (toml::table* table = node.as_table()) return table;
    Wrong(node, fmt::format("{} must be a table", name));
    return nullptr;
  }

  std::string Text(const toml::node& node, std::string_view name) {
    if (auto text = node.value_exact<std::string>(); text && !text->empty()) return *text;
    Wrong(node, fmt::format("{} must be a text that is not empty", name));
    return "";
  }

  std::vector<ValueRule> Rules(toml::node& node, std::string_view dimension) {
    std::vector<ValueRule> rules;
    toml::array* array = node.as_array();
    if (array == nullptr) {
      Wrong(node, fmt::format("{0} must be a list of rules: [[...{0}]]", dimension));
      return rules;
    }
    for (toml::node& item : *array) {
      toml::table* table = Table(item, dimension);
      if (table == nullptr) continue;
      ValueRule rule;
      int sources = 0;
      bool patterned = false;
      for (auto&& [key, value] : *table) {
        const std::string_view name = key.str();  // clang before 16 captures no structured binding
        const auto* source = std::find_if(std::begin(kSources), std::end(kSources),
                                          [name](const auto& known) { return known.first == name; });
        if (source != std::end(kSources)) {
          ++sources;
          rule.source = source->second;
          rule.field = Text(value, key.str());
          patterned = rule.source == ValueSource::kGroup || rule.source == ValueSource::kCohort ||
                      rule.source == ValueSource::kCategory;
        } else if (key.str() == "value") {
          rule.values["*"] = Text(value, "value");
        } else if (key.str() == "values") {
          if (toml::table* values = Table(value, "values")) {
            for (auto&& [from, to] : *values) rule.values[std::string(from.str())] = Text(to, "values");
          }
        } else {
          Wrong(value, fmt::format("unknown key \"{}\" in a rule for {}", key.str(), dimension));
        }
      }
      if (sources != 1)
        Wrong(*table, fmt::format("a rule for {} names exactly one of profile_field, user_field, group, moodle_cohort, "
                                  "category, course_field",
                                  dimension));
      if (patterned && (rule.values.size() != 1 || !rule.values.contains("*"))) {
        Wrong(*table, fmt::format("a rule for {} by group, moodle_cohort or category needs `value`", dimension));
      }
      if (dimension == "sex") {
        for (const auto& [from, to] : rule.values) {
          if (to != "F" && to != "M" && to != "other")
            Wrong(*table, fmt::format("sex is \"F\", \"M\" or \"other\", not \"{}\"", to));
        }
      }
      if (dimension == "area") {
        for (const auto& [from, to] : rule.values) {
          if (to != "urban" && to != "periurban" && to != "rural")
            Wrong(*table, fmt::format("area is \"urban\", \"periurban\" or \"rural\", not \"{}\"", to));
        }
      }
      rules.push_back(std::move(rule));
    }
    return rules;
  }

  void Roles(toml::node& node, std::string_view name, CourseRole role, SiteMapping& mapping) {
    toml::array* array = node.as_array();
    if (array == nullptr || array->empty()) {
      Wrong(node, fmt::format("{} must be a list of role ids or short names", name));
      return;
    }
    std::erase_if(mapping.roles, [&](const auto& entry) { return entry.second == role; });
    for (toml::node& item : *array) {
      if (auto id = item.value_exact<int64_t>(); id && *id > 0) {
        mapping.roles[fmt::format("{}", *id)] = role;
      } else if (auto text = item.value_exact<std::string>(); text && !text->empty()) {
        mapping.roles[*text] = role;
      } else {
        Wrong(item, fmt::format("{} holds role ids or short names", name));
      }
    }
  }

  void Cohorts(toml::node& node, SiteMapping& mapping) {
    toml::array* array = node.as_array();
    if (array == nullptr) {
      Wrong(node, "cohort must be a list: [[...cohort]]");
      return;
    }
    for (toml::node& item : *array) {
      toml::table* table = Table(item, "cohort");
      if (table == nullptr) continue;
      CohortRule rule;
      int sources = 0;
      for (auto&& [key, value] : *table) {
        if (key.str() == "group" || key.str() == "moodle_cohort") {
          ++sources;
          rule.moodle_cohort = key.str() == "moodle_cohort";
          rule.pattern = Text(value, key.str());
        } else if (key.str() == "code") {
          rule.code = Text(value, "code");
          if (rule.code != CohortCode(rule.code))
            Wrong(value, "a cohort's code holds letters, digits, '-', '_' and '.' only");
        } else if (key.str() == "title") {
          rule.title = Text(value, "title");
        } else {
          Wrong(value, fmt::format("unknown key \"{}\" in a cohort", key.str()));
        }
      }
      if (sources != 1) Wrong(*table, "a cohort names exactly one of group, moodle_cohort");
      mapping.cohorts.push_back(std::move(rule));
    }
  }

  SiteMapping Site(toml::table& table) {
    SiteMapping mapping = SiteMapping::Standard();
    for (auto&& [key, value] : table) {
      const std::string_view name = key.str();
      if (name == "sex") {
        mapping.sex = Rules(value, name);
      } else if (name == "birth_date") {
        mapping.birth_date = Rules(value, name);
      } else if (name == "age_band") {
        mapping.age_band = Rules(value, name);
      } else if (name == "country") {
        mapping.country = Rules(value, name);
      } else if (name == "area") {
        mapping.area = Rules(value, name);
      } else if (name == "birth_date_format") {
        mapping.birth_date_format = Text(value, name);
        if (mapping.birth_date_format != "unix" && mapping.birth_date_format != "iso" &&
            mapping.birth_date_format.find('%') == std::string::npos) {
          Wrong(value, "birth_date_format is \"unix\", \"iso\" or letters such as \"%d/%m/%Y\"");
        }
      } else if (name == "age_bands") {
        mapping.age_bounds.clear();
        if (toml::array* array = value.as_array()) {
          for (toml::node& item : *array) {
            const auto bound = item.value_exact<int64_t>();
            if (!bound || *bound <= (mapping.age_bounds.empty() ? 0 : mapping.age_bounds.back()) || *bound > 120) {
              Wrong(item,
                    "age_bands holds rising whole years, the lower bound of each band after the first: [18, 25, 36]");
              break;
            }
            mapping.age_bounds.push_back(static_cast<int>(*bound));
          }
        }
        if (mapping.age_bounds.empty()) Wrong(value, "age_bands must be a list such as [18, 25, 36]");
      } else if (name == "learner_roles") {
        Roles(value, name, CourseRole::kLearner, mapping);
      } else if (name == "tutor_roles") {
        Roles(value, name, CourseRole::kTutor, mapping);
      } else if (name == "coordinator_roles") {
        Roles(value, name, CourseRole::kCoordinator, mapping);
      } else if (name == "cohort") {
        Cohorts(value, mapping);
      } else {
        std::string known;
        for (std::string_view one : kSiteKeys) known += fmt::format("{}{}", known.empty() ? "" : ", ", one);
        Wrong(value, fmt::format("unknown key \"{}\": one of {} was expected", name, known));
      }
    }
    return mapping;
  }

  const std::string& file_;
  std::vector<std::pair<toml::source_index, std::string>> mistakes_;
};

}  // namespace

absl::StatusOr<DimensionMap> ParseDimensions(std::string_view toml, const std::string& file_name) {
  return Parser(file_name).Parse(toml);
}

absl::StatusOr<std::shared_ptr<const DimensionMap>> LoadDimensions(const Config& config) {
  std::string path = config.moodle.dimensions_file;
  if (path.empty()) {
    path = config.data_dir + "/dimensions.toml";
    struct stat about;
    if (stat(path.c_str(), &about) != 0) return std::make_shared<const DimensionMap>();
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(fmt::format("{} cannot be read", path));
  std::stringstream text;
  text << file.rdbuf();
  ASSIGN_OR_RETURN(DimensionMap map, ParseDimensions(text.str(), path));
  return std::make_shared<const DimensionMap>(std::move(map));
}

}  // namespace compagnon::moodle
