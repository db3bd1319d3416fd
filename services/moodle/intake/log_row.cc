#include "moodle/intake/log_row.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>

#include "moodle/domain/php_serialize.h"
#include "moodle/intake/flat_element.h"

namespace compagnon::moodle {
namespace {

static_assert(kJsonPadding >= simdjson::SIMDJSON_PADDING);

enum Column : int {
  kId,
  kEventName,
  kComponent,
  kAction,
  kTarget,
  kObjectTable,
  kObjectId,
  kCrud,
  kEduLevel,
  kContextId,
  kContextLevel,
  kContextInstance,
  kUser,
  kCourse,
  kRelatedUser,
  kAnonymous,
  kOther,
  kTimeCreated,
  kOrigin,
  kIp,
  kRealUser,
  kColumns
};
constexpr std::array<std::string_view, kColumns> kNames = {
    "id",       "eventname", "component",     "action",    "target",       "objecttable",
    "objectid", "crud",      "edulevel",      "contextid", "contextlevel", "contextinstanceid",
    "userid",   "courseid",  "relateduserid", "anonymous", "other",        "timecreated",
    "origin",   "ip",        "realuserid"};
constexpr Column kNeeded[] = {kId, kEventName, kTimeCreated, kUser, kCourse};

// The latest instant a row may bear, in seconds: the year 9999. Beyond it microseconds would still fit, but no calendar
// does.
constexpr int64_t kLastSecond = 253402300799;

Column ColumnOf(std::string_view name) {
  for (int i = 0; i < kColumns; ++i) {
    if (kNames[i] == name) return static_cast<Column>(i);
  }
  return kColumns;
}

bool IsNullText(std::string_view text) { return text.empty() || text == "NULL" || text == "null" || text == "\\N"; }

// Whole number in a text; a fraction of zeros is let pass, as spreadsheets write "5.0".
std::optional<int64_t> Number(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  int64_t value = 0;
  auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc()) return std::nullopt;
  const char* end = text.data() + text.size();
  if (read.ptr != end) {
    if (*read.ptr != '.') return std::nullopt;
    for (const char* c = read.ptr + 1; c != end; ++c) {
      if (*c != '0') return std::nullopt;
    }
  }
  return value;
}

absl::Status Wrong(Column column) {
  return absl::InvalidArgumentError(fmt::format("column {} is not a number", kNames[column]));
}

absl::Status PutNumber(Column column, int64_t value, MoodleEvent* event) {
  switch (column) {
    case kId:
      event->seq = value;
      break;
    case kObjectId:
      event->object_id = value;
      break;
    case kEduLevel:
      event->edulevel = static_cast<int>(value);
      break;
    case kContextId:
      event->context_id = value;
      break;
    case kContextLevel:
      event->context_level = static_cast<int>(value);
      break;
    case kContextInstance:
      event->context_instance = value;
      break;
    // Moodle writes -1 where nobody acted (grades computed by cron).
    case kUser:
      event->user = std::max<int64_t>(value, 0);
      break;
    case kCourse:
      event->course = value;
      break;
    case kRelatedUser:
      event->related_user = std::max<int64_t>(value, 0);
      break;
    case kAnonymous:
      event->anonymous = value != 0;
      break;
    case kTimeCreated:
      if (value < 0 || value > kLastSecond) return absl::InvalidArgumentError("a time beyond the calendar");
      event->occurred_us = event->recorded_us = value * 1'000'000;
      break;
    // 0 is not null: somebody else acted, who is nobody (0 would read as null in MoodleEvent).
    case kRealUser:
      event->real_user = value == 0 ? -1 : value;
      break;
    default:
      return Wrong(column);
  }
  return absl::OkStatus();
}

absl::Status PutNull(Column column, MoodleEvent* event) {
  if (column == kTimeCreated) return absl::InvalidArgumentError("no time");
  // A row that does not say whether it is anonymous is treated as if it were.
  if (column == kAnonymous) event->anonymous = true;
  return absl::OkStatus();
}

// Puts one column into the event, from either format.
absl::Status Put(Column column, bool null, std::string_view text, MoodleEvent* event) {
  if (null) return PutNull(column, event);
  switch (column) {
    case kEventName:
      event->name.assign(text);
      break;
    case kComponent:
      event->component.assign(text);
      break;
    case kAction:
      event->action.assign(text);
      break;
    case kTarget:
      event->target.assign(text);
      break;
    case kObjectTable:
      event->object_table.assign(text);
      break;
    case kCrud:
      event->crud = text[0];
      break;
    case kOrigin:
      event->origin.assign(text);
      break;
    case kIp:
      event->ip.assign(text);
      break;
    default: {
      const std::optional<int64_t> value = Number(text);
      if (!value) return Wrong(column);
      return PutNumber(column, *value, event);
    }
  }
  return absl::OkStatus();
}

void Clear(MoodleEvent* event) {
  // Strings keep their memory: a million rows allocate almost nothing.
  for (std::string* text : {&event->name, &event->component, &event->action, &event->target, &event->object_table,
                            &event->origin, &event->ip}) {
    text->clear();
  }
  if (!event->other.empty()) event->other.clear();
  event->seq = event->object_id = event->context_id = event->context_instance = event->user = event->course =
      event->related_user = 0;
  event->occurred_us = event->recorded_us = event->real_user = 0;
  event->edulevel = event->context_level = 0;
  event->crud = 'r';
  event->anonymous = event->clock_flagged = event->redacted = false;
}

// Replaces what is not UTF-8 by U+FFFD, byte by byte.
std::string MendUtf8(std::string_view text) {
  std::string mended;
  mended.reserve(text.size() + 8);
  for (size_t i = 0; i < text.size();) {
    const unsigned char lead = static_cast<unsigned char>(text[i]);
    const size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (i + length <= text.size() && simdjson::validate_utf8(text.data() + i, length)) {
      mended.append(text.substr(i, length));
      i += length;
    } else {
      mended += "\xEF\xBF\xBD";
      ++i;
    }
  }
  return mended;
}

}  // namespace

// The DOM parser picks the processor's best instructions at run time; the on-demand one would be fixed to the build's.
struct LogRowReader::Impl {
  simdjson::dom::parser row_parser;
  simdjson::dom::parser other_parser;
  std::string other_text;
  std::vector<Column> columns;  // of a CSV file, by position
  int expected = 0;             // column that the next JSON key is likely to name

  // `other` is JSON text, PHP-serialised text or nothing; what cannot be read is left out, as its row still happened.
  void ReadOther(std::string_view text, FlatMap* flat) {
    if (IsNullText(text) || text == "[]" || text == "{}") return;
    if (text.front() == '{') {
      other_text.assign(text);
      const size_t length = other_text.size();
      other_text.resize(length + simdjson::SIMDJSON_PADDING);
      simdjson::dom::object object;
      if (!other_parser.parse(other_text.data(), length, false).get_object().get(object))
        FlattenInto(object, "", 1, flat);
    } else if (!ReadPhpSerialized(text, flat)) {
      flat->clear();
    }
  }

  absl::Status Read(const char* json, size_t length, MoodleEvent* event) {
    simdjson::dom::element row;
    if (auto error = row_parser.parse(json, length, false).get(row); error) {
      return error == simdjson::UTF8_ERROR ? absl::DataLossError("UTF-8") : absl::InvalidArgumentError("not JSON");
    }
    simdjson::dom::object object;
    if (row.get_object().get(object)) return absl::InvalidArgumentError("not a JSON object");
    Clear(event);
    unsigned found = 0;
    for (auto [key, value] : object) {
      // Rows of one file have their columns in one order.
      const Column column = kNames[expected] == key ? static_cast<Column>(expected) : ColumnOf(key);
      if (column == kColumns) continue;
      expected = (column + 1) % kColumns;
      found |= 1U << column;
      if (column == kOther) {
        if (value.is_string()) ReadOther(value.get_string().value_unsafe(), &event->other);
        if (value.is_object()) FlattenInto(value.get_object().value_unsafe(), "", 1, &event->other);
      } else if (value.is_int64()) {
        RETURN_IF_ERROR(PutNumber(column, value.get_int64().value_unsafe(), event));
      } else if (value.is_string()) {
        const std::string_view text = value.get_string().value_unsafe();
        RETURN_IF_ERROR(Put(column, IsNullText(text), text, event));
      } else if (value.is_null()) {
        RETURN_IF_ERROR(Put(column, true, {}, event));
      } else {
        const std::optional<std::string> text = ScalarText(value);
        if (!text) return Wrong(column);
        RETURN_IF_ERROR(Put(column, false, *text, event));
      }
    }
    for (Column column : kNeeded) {
      if (!(found & (1U << column))) return absl::InvalidArgumentError(fmt::format("no column {}", kNames[column]));
    }
    return Check(*event);
  }

  static absl::Status Check(const MoodleEvent& event) {
    if (event.seq <= 0) return absl::InvalidArgumentError("id is not positive");
    if (event.name.empty()) return absl::InvalidArgumentError("no event name");
    return absl::OkStatus();
  }
};

LogRowReader::LogRowReader() : impl_(std::make_unique<Impl>()) {}
LogRowReader::~LogRowReader() = default;

absl::Status LogRowReader::FromJson(std::string_view json, MoodleEvent* event) {
  absl::Status status = impl_->Read(json.data(), json.size(), event);
  if (!absl::IsDataLoss(status)) return status;
  std::string mended = MendUtf8(json);
  const size_t length = mended.size();
  mended.resize(length + kJsonPadding);
  status = impl_->Read(mended.data(), length, event);
  return absl::IsDataLoss(status) ? absl::InvalidArgumentError("not UTF-8") : status;
}

absl::Status LogRowReader::SetColumns(absl::Span<const std::string> header) {
  impl_->columns.clear();
  for (const std::string& name : header) {
    std::string lower;
    for (char c : name) {
      if (c != ' ' && c != '\r') lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    impl_->columns.push_back(ColumnOf(lower));
  }
  std::string missing;
  for (Column column : kNeeded) {
    if (std::find(impl_->columns.begin(), impl_->columns.end(), column) == impl_->columns.end())
      missing += fmt::format(" {}", kNames[column]);
  }
  if (!missing.empty()) return absl::InvalidArgumentError("the header lacks:" + missing);
  return absl::OkStatus();
}

absl::Status LogRowReader::FromCsv(absl::Span<const std::string> fields, MoodleEvent* event) {
  if (fields.size() != impl_->columns.size()) {
    return absl::InvalidArgumentError(
        fmt::format("{} fields where the header has {}", fields.size(), impl_->columns.size()));
  }
  Clear(event);
  for (size_t i = 0; i < fields.size(); ++i) {
    const Column column = impl_->columns[i];
    if (column == kOther) {
      impl_->ReadOther(fields[i], &event->other);
    } else if (column != kColumns) {
      RETURN_IF_ERROR(Put(column, IsNullText(fields[i]), fields[i], event));
    }
  }
  for (std::string* text :
       {&event->name, &event->component, &event->action, &event->target, &event->object_table, &event->origin}) {
    if (!simdjson::validate_utf8(text->data(), text->size())) *text = MendUtf8(*text);
  }
  return Impl::Check(*event);
}

}  // namespace compagnon::moodle
