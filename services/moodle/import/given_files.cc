#include "moodle/import/given_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>

#include "absl/strings/ascii.h"
#include "moodle/domain/local_day.h"
#include "moodle/import/line_file.h"
#include "moodle/intake/flat_json.h"

namespace compagnon::moodle {
namespace {

const std::map<std::string, std::string>& StandardColumns() {
  static const auto* const columns = new std::map<std::string, std::string>{{"sex", "sex"},
                                                                            {"gender", "sex"},
                                                                            {"sexe", "sex"},
                                                                            {"genre", "sex"},
                                                                            {"age_band", "age_band"},
                                                                            {"birth_date", "birth_date"},
                                                                            {"birthdate", "birth_date"},
                                                                            {"country", "country"},
                                                                            {"pays", "country"},
                                                                            {"area", "area"},
                                                                            {"milieu", "area"},
                                                                            {"firstname", "first_name"},
                                                                            {"lastname", "last_name"}};
  return *columns;
}

std::string DimensionName(std::string_view text) {
  if (text == "age") return "age_band";
  if (text == "birthdate") return "birth_date";
  for (std::string_view name : {"sex", "age_band", "birth_date", "country", "area"}) {
    if (text == name) return std::string(name);
  }
  return "";
}

// Calls `row` with the columns of each record by name.
absl::Status EachRow(const std::string& path, absl::Span<const std::string_view> needed, GivenFile* about,
                     const std::function<bool(const FlatMap&)>& row, std::vector<std::string>* header) {
  ASSIGN_OR_RETURN(std::unique_ptr<LineFile> lines, LineFile::Open(path));
  CsvFile csv(*lines);
  CsvFile::Record record;
  ASSIGN_OR_RETURN(const bool any, csv.Next(&record));
  if (!any) return absl::InvalidArgumentError(fmt::format("{} is empty", path));
  for (const std::string& name : record.fields)
    header->push_back(std::string(absl::StripAsciiWhitespace(absl::AsciiStrToLower(name))));
  std::string missing;
  for (std::string_view name : needed) {
    if (std::find(header->begin(), header->end(), name) == header->end()) missing += fmt::format(" {}", name);
  }
  if (!missing.empty()) return absl::InvalidArgumentError(fmt::format("{}: the header lacks:{}", path, missing));
  FlatMap fields;
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, csv.Next(&record));
    if (!more) return absl::OkStatus();
    bool fine = !record.refused && record.fields.size() == header->size();
    if (fine) {
      fields.clear();
      for (size_t i = 0; i < header->size(); ++i) {
        std::string_view text = record.fields[i];
        const bool null = text == "NULL" || text == "\\N" || text.find('\0') != std::string_view::npos;
        fields[(*header)[i]] = null ? "" : std::string(absl::StripAsciiWhitespace(record.fields[i]));
      }
      fine = row(fields);
    }
    if (!fine) about->refused_lines.push_back(record.line);
  }
}

int64_t DueOf(const std::string& text, const absl::TimeZone& zone) {
  const std::optional<int32_t> day = DayFromText(text, zone);
  if (!day) return 0;
  const bool seconds = std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
  if (seconds) {
    int64_t at = 0;
    std::from_chars(text.data(), text.data() + text.size(), at);
    return at * kSecondUs;
  }
  if (text.size() > 10) {
    absl::Time at;
    std::string error;
    for (const char* format : {"%Y-%m-%d%ET%H:%M:%E*S", "%Y-%m-%d %H:%M:%E*S", "%Y-%m-%d %H:%M", "%Y-%m-%d%ET%H:%M"}) {
      if (absl::ParseTime(format, text, zone, &at, &error)) return absl::ToUnixMicros(at);
    }
  }
  return MidnightOf(*day + 1, zone) - kSecondUs;
}

}  // namespace

absl::StatusOr<ColumnMap> ReadColumnMap(const std::map<std::string, std::string>& map) {
  ColumnMap result;
  std::string mistakes;
  for (const auto& [from, to] : map) {
    if (from.starts_with("role:")) {
      const std::optional<CourseRole> role = RoleFromText(to);
      if (!role || from.size() == 5) {
        mistakes += fmt::format("{}--map {}={}: learner, tutor, coordinator or none was expected",
                                mistakes.empty() ? "" : "\n", from, to);
      } else {
        result.roles[from.substr(5)] = *role;
      }
      continue;
    }
    const std::string dimension = DimensionName(to);
    if (dimension.empty()) {
      mistakes += fmt::format("{}--map {}={}: sex, age_band, birth_date, country or area was expected",
                              mistakes.empty() ? "" : "\n", from, to);
      continue;
    }
    result.dimension_of_column[absl::AsciiStrToLower(from)] = dimension;
  }
  if (!mistakes.empty()) return absl::InvalidArgumentError(mistakes);
  return result;
}

absl::StatusOr<std::map<int64_t, std::map<std::string, std::string>>> ReadPeopleFile(const std::string& path,
                                                                                     const ColumnMap& map,
                                                                                     GivenFile* about) {
  std::map<int64_t, std::map<std::string, std::string>> people;
  std::vector<std::string> header;
  std::map<std::string, std::string> columns;  // column -> dimension
  const auto choose = [&] {
    std::set<std::string> mapped;
    for (const auto& [column, dimension] : map.dimension_of_column) {
      if (std::find(header.begin(), header.end(), column) == header.end()) continue;
      columns[column] = dimension;
      mapped.insert(dimension);
    }
    for (const std::string& column : header) {
      auto standard = StandardColumns().find(column);
      if (standard == StandardColumns().end() || mapped.contains(standard->second)) continue;
      columns[column] = standard->second;
      mapped.insert(standard->second);
    }
    for (const auto& [column, dimension] : columns)
      about->used_columns.push_back(fmt::format("{} -> {}", column, dimension));
  };
  RETURN_IF_ERROR(EachRow(
      path, {"id"}, about,
      [&](const FlatMap& fields) {
        if (columns.empty()) choose();
        const int64_t id = IntAt(fields, "id");
        if (id <= 0) return false;
        auto& person = people[id];
        for (const auto& [column, dimension] : columns) person[dimension] = TextAt(fields, column);
        return true;
      },
      &header));
  for (const auto& [column, dimension] : map.dimension_of_column) {
    if (std::find(header.begin(), header.end(), column) == header.end()) {
      return absl::InvalidArgumentError(
          fmt::format("--map {}={}: {} has no column {}", column, dimension, path, column));
    }
  }
  return people;
}

absl::StatusOr<std::vector<GivenCourse>> ReadCoursesFile(const std::string& path, const absl::TimeZone& zone,
                                                         GivenFile* about) {
  std::vector<GivenCourse> courses;
  std::vector<std::string> header;
  RETURN_IF_ERROR(EachRow(
      path, {"id"}, about,
      [&](const FlatMap& fields) {
        const int64_t id = IntAt(fields, "id");
        const std::string start = TextAt(fields, "startdate"), end = TextAt(fields, "enddate");
        GivenCourse course{id, TextAt(fields, "shortname"), TextAt(fields, "fullname"), DayFromText(start, zone),
                           DayFromText(end, zone)};
        // A date that is there and cannot be read must not pass for "no date".
        const auto bad = [](const std::string& text, const std::optional<int32_t>& day) {
          return !day && !text.empty() && text != "0";
        };
        if (id <= 0 || bad(start, course.start_day) || bad(end, course.end_day)) return false;
        courses.push_back(std::move(course));
        return true;
      },
      &header));
  return courses;
}

absl::StatusOr<std::vector<GivenActivity>> ReadAssessmentsFile(const std::string& path, const absl::TimeZone& zone,
                                                               GivenFile* about) {
  std::vector<GivenActivity> activities;
  std::vector<std::string> header;
  RETURN_IF_ERROR(EachRow(
      path, {"cmid", "courseid"}, about,
      [&](const FlatMap& fields) {
        const int64_t cmid = IntAt(fields, "cmid"), course = IntAt(fields, "courseid");
        if (cmid <= 0 || course <= 0) return false;
        activities.push_back({cmid, course, TextAt(fields, "type"), DueOf(TextAt(fields, "due"), zone),
                              IntAt(fields, "itemid"), MilliAt(fields, "grademax"), MilliAt(fields, "gradepass")});
        return true;
      },
      &header));
  return activities;
}

}  // namespace compagnon::moodle
