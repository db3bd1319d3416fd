#include "moodle/domain/log_row.h"

#include <simdjson.h>

#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "moodle/domain/php_serialize.h"

namespace compagnon::moodle {
namespace {

static_assert(kJsonPadding >= simdjson::SIMDJSON_PADDING);

enum Column : int {
  kId, kEventName, kComponent, kAction, kTarget, kObjectTable, kObjectId, kCrud, kEduLevel, kContextId, kContextLevel,
  kContextInstance, kUser, kCourse, kRelatedUser, kAnonymous, kOther, kTimeCreated, kOrigin, kIp, kRealUser, kColumns
};
constexpr std::array<std::string_view, kColumns> kNames = {
    "id", "eventname", "component", "action", "target", "objecttable", "objectid", "crud", "edulevel", "contextid", "contextlevel",
    "contextinstanceid", "userid", "courseid", "relateduserid", "anonymous", "other", "timecreated", "origin", "ip", "realuserid"};
constexpr Column kNeeded[] = {kId, kEventName, kTimeCreated, kUser, kCourse};

// The latest instant a row may bear, in seconds: the year 9999. Beyond it microseconds would still fit, but no calendar does.
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

// Puts one column into the event. `null` and `text` come from either format.
absl::Status Put(Column column, bool null, std::string_view text, MoodleEvent* event) {
  const auto number = [&](int64_t* to) -> absl::Status {
    if (null) return absl::OkStatus();
    const std::optional<int64_t> value = Number(text);
    if (!value) return Wrong(column);
    *to = *value;
    return absl::OkStatus();
  };
  const auto words = [&](std::string* to) {
    if (!null) to->assign(text);
    return absl::OkStatus();
  };
  int64_t value = 0;
  switch (column) {
    case kId: return number(&event->seq);
    case kEventName: return words(&event->name);
    case kComponent: return words(&event->component);
    case kAction: return words(&event->action);
    case kTarget: return words(&event->target);
    case kObjectTable: return words(&event->object_table);
    case kObjectId: return number(&event->object_id);
    case kCrud:
      if (!null) event->crud = text[0];
      return absl::OkStatus();
    case kEduLevel:
      RETURN_IF_ERROR(number(&value));
      event->edulevel = static_cast<int>(value);
      return absl::OkStatus();
    case kContextId: return number(&event->context_id);
    case kContextLevel:
      RETURN_IF_ERROR(number(&value));
      event->context_level = static_cast<int>(value);
      return absl::OkStatus();
    case kContextInstance: return number(&event->context_instance);
    case kUser:
      RETURN_IF_ERROR(number(&value));
      // Moodle writes -1 where nobody acted (grades computed by cron).
      event->user = std::max<int64_t>(value, 0);
      return absl::OkStatus();
    case kCourse: return number(&event->course);
    case kRelatedUser:
      RETURN_IF_ERROR(number(&value));
      event->related_user = std::max<int64_t>(value, 0);
      return absl::OkStatus();
    case kAnonymous:
      RETURN_IF_ERROR(number(&value));
      // A row that does not say whether it is anonymous is treated as if it were.
      event->anonymous = null || value != 0;
      return absl::OkStatus();
    case kTimeCreated:
      if (null) return absl::InvalidArgumentError("no time");
      RETURN_IF_ERROR(number(&value));
      if (value < 0 || value > kLastSecond) return absl::InvalidArgumentError("a time beyond the calendar");
      event->occurred_us = event->recorded_us = value * 1'000'000;
      return absl::OkStatus();
    case kOrigin: return words(&event->origin);
    case kIp: return words(&event->ip);
    case kRealUser:
      RETURN_IF_ERROR(number(&value));
      // 0 is not null: somebody else acted, who is nobody (0 would read as null in MoodleEvent).
      event->real_user = null ? 0 : value == 0 ? -1 : value;
      return absl::OkStatus();
    case kOther:
    case kColumns: return absl::OkStatus();
  }
  return absl::OkStatus();
}

void Clear(MoodleEvent* event) {
  // Strings keep their memory: a million rows allocate almost nothing.
  for (std::string* text : {&event->name, &event->component, &event->action, &event->target, &event->object_table, &event->origin,
                            &event->ip}) {
    text->clear();
  }
  if (!event->other.empty()) event->other.clear();
  event->seq = event->object_id = event->context_id = event->context_instance = event->user = event->course = event->related_user = 0;
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

using OnDemandValue = simdjson::ondemand::value;

// A scalar as text; numbers keep their digits. Arrays and objects come back through `nested`.
std::optional<std::string> ScalarText(OnDemandValue value) {
  simdjson::ondemand::json_type type;
  if (value.type().get(type)) return std::nullopt;
  switch (type) {
    case simdjson::ondemand::json_type::string: {
      std::string_view text;
      if (value.get_string().get(text)) return std::nullopt;
      return std::string(text);
    }
    case simdjson::ondemand::json_type::number: {
      std::string_view token = value.raw_json_token();
      while (!token.empty() && static_cast<unsigned char>(token.back()) <= ' ') token.remove_suffix(1);
      return std::string(token);
    }
    case simdjson::ondemand::json_type::boolean: {
      bool truth = false;
      if (value.get_bool().get(truth)) return std::nullopt;
      return std::string(truth ? "1" : "0");
    }
    default:
      return std::nullopt;
  }
}

bool Flatten(simdjson::ondemand::object object, const std::string& prefix, int depth, FlatMap* flat) {
  for (auto field : object) {
    std::string_view key;
    OnDemandValue value;
    simdjson::ondemand::json_type type;
    if (field.unescaped_key().get(key)) return false;
    std::string name = prefix + std::string(key);
    if (field.value().get(value) || value.type().get(type)) return false;
    if (type == simdjson::ondemand::json_type::object) {
      simdjson::ondemand::object inner;
      if (value.get_object().get(inner)) return false;
      if (depth < 3 && !Flatten(inner, name + ".", depth + 1, flat)) return false;
    } else if (type != simdjson::ondemand::json_type::array && type != simdjson::ondemand::json_type::null) {
      std::optional<std::string> text = ScalarText(value);
      if (!text) return false;
      flat->insert_or_assign(std::move(name), *std::move(text));
    }
  }
  return true;
}

}  // namespace

struct LogRowReader::Impl {
  simdjson::ondemand::parser row_parser;
  simdjson::ondemand::parser other_parser;
  std::string other_text;
  std::vector<Column> columns;  // of a CSV file, by position
  size_t expected = 0;          // position at which the next JSON key is likely

  // `other` is JSON text, PHP-serialised text or nothing; what cannot be read is left out, as its row still happened.
  void ReadOther(std::string_view text, FlatMap* flat) {
    if (IsNullText(text) || text == "[]" || text == "{}") return;
    if (text.front() == '{') {
      other_text.assign(text);
      const size_t length = other_text.size();
      other_text.resize(length + simdjson::SIMDJSON_PADDING);
      simdjson::ondemand::document document;
      simdjson::ondemand::object object;
      if (other_parser.iterate(other_text.data(), length, other_text.size()).get(document) || document.get_object().get(object) ||
          !Flatten(object, "", 1, flat)) {
        flat->clear();
      }
    } else if (!ReadPhpSerialized(text, flat)) {
      flat->clear();
    }
  }

  absl::Status Read(const char* json, size_t length, size_t capacity, MoodleEvent* event) {
    simdjson::ondemand::document document;
    simdjson::ondemand::object object;
    if (auto error = row_parser.iterate(json, length, capacity).get(document); error) {
      return error == simdjson::UTF8_ERROR ? absl::DataLossError("UTF-8") : absl::InvalidArgumentError("not JSON");
    }
    if (document.get_object().get(object)) return absl::InvalidArgumentError("not a JSON object");
    Clear(event);
    unsigned found = 0;
    for (auto field : object) {
      std::string_view key;
      OnDemandValue value;
      if (field.unescaped_key().get(key)) return absl::InvalidArgumentError("not JSON");
      if (field.value().get(value)) return absl::InvalidArgumentError("not JSON");
      // Rows of one file have their columns in one order.
      Column column = expected < kColumns && kNames[expected] == key ? static_cast<Column>(expected) : ColumnOf(key);
      if (column == kColumns) continue;
      expected = static_cast<size_t>(column) + 1 == kColumns ? 0 : column + 1;
      simdjson::ondemand::json_type type;
      if (value.type().get(type)) return absl::InvalidArgumentError("not JSON");
      switch (type) {
        case simdjson::ondemand::json_type::null: {
          bool null = false;
          // Asking consumes the literal and checks it.
          if (value.is_null().get(null) || !null) return absl::InvalidArgumentError("not JSON");
          RETURN_IF_ERROR(Put(column, true, {}, event));
          break;
        }
        case simdjson::ondemand::json_type::string: {
          std::string_view text;
          if (value.get_string().get(text)) return absl::InvalidArgumentError("not JSON");
          if (column == kOther) {
            ReadOther(text, &event->other);
          } else {
            RETURN_IF_ERROR(Put(column, IsNullText(text), text, event));
          }
          break;
        }
        case simdjson::ondemand::json_type::number: {
          std::string_view text = value.raw_json_token();
          while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
          RETURN_IF_ERROR(Put(column, false, text, event));
          break;
        }
        case simdjson::ondemand::json_type::boolean: {
          bool truth = false;
          if (value.get_bool().get(truth)) return absl::InvalidArgumentError("not JSON");
          RETURN_IF_ERROR(Put(column, false, truth ? "1" : "0", event));
          break;
        }
        case simdjson::ondemand::json_type::object: {
          simdjson::ondemand::object inner;
          if (value.get_object().get(inner)) return absl::InvalidArgumentError("not JSON");
          if (column != kOther) return Wrong(column);
          if (!Flatten(inner, "", 1, &event->other)) return absl::InvalidArgumentError("not JSON");
          break;
        }
        case simdjson::ondemand::json_type::array:
          if (column != kOther) return Wrong(column);
          break;
      }
      found |= 1U << column;
    }
    // On-demand parsing reads no further than it is asked: a cut-off row shows only here.
    if (!document.at_end()) return absl::InvalidArgumentError("more than one JSON object");
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
  absl::Status status = impl_->Read(json.data(), json.size(), json.size() + kJsonPadding, event);
  if (!absl::IsDataLoss(status)) return status;
  std::string mended = MendUtf8(json);
  const size_t length = mended.size();
  mended.resize(length + kJsonPadding);
  status = impl_->Read(mended.data(), length, mended.size(), event);
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
    if (std::find(impl_->columns.begin(), impl_->columns.end(), column) == impl_->columns.end()) missing += fmt::format(" {}", kNames[column]);
  }
  if (!missing.empty()) return absl::InvalidArgumentError("the header lacks:" + missing);
  return absl::OkStatus();
}

absl::Status LogRowReader::FromCsv(absl::Span<const std::string> fields, MoodleEvent* event) {
  if (fields.size() != impl_->columns.size()) {
    return absl::InvalidArgumentError(fmt::format("{} fields where the header has {}", fields.size(), impl_->columns.size()));
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
  for (std::string* text : {&event->name, &event->component, &event->action, &event->target, &event->object_table, &event->origin}) {
    if (!simdjson::validate_utf8(text->data(), text->size())) *text = MendUtf8(*text);
  }
  return Impl::Check(*event);
}

}  // namespace compagnon::moodle
