#include "moodle/domain/bridge.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "moodle/domain/slim.h"

namespace compagnon::moodle {
namespace {

namespace od = simdjson::ondemand;
using simdjson::error_code;

constexpr size_t kKeptOfRejected = 64 * 1024;

// Length of the well-formed UTF-8 sequence at `i` (RFC 3629), 0 when there is none.
size_t SequenceAt(std::string_view s, size_t i) {
  const auto at = [&](size_t k) { return k < s.size() ? static_cast<uint8_t>(s[k]) : 0; };
  const uint8_t a = at(i), b = at(i + 1), c = at(i + 2), d = at(i + 3);
  const auto tail = [](uint8_t x) { return (x & 0xC0) == 0x80; };
  if (a < 0x80) return 1;
  if (a >= 0xC2 && a <= 0xDF) return tail(b) ? 2 : 0;
  if (a >= 0xE0 && a <= 0xEF) {
    if (!tail(b) || !tail(c)) return 0;
    if ((a == 0xE0 && b < 0xA0) || (a == 0xED && b > 0x9F)) return 0;
    return 3;
  }
  if (a >= 0xF0 && a <= 0xF4) {
    if (!tail(b) || !tail(c) || !tail(d)) return 0;
    if ((a == 0xF0 && b < 0x90) || (a == 0xF4 && b > 0x8F)) return 0;
    return 4;
  }
  return 0;
}

std::string RepairUtf8(std::string_view s, int64_t* repaired) {
  std::string out;
  out.reserve(s.size() + 64);
  for (size_t i = 0; i < s.size();) {
    const size_t n = SequenceAt(s, i);
    if (n == 0) {
      out.append("\xEF\xBF\xBD");
      ++*repaired;
      ++i;
    } else {
      out.append(s.substr(i, n));
      i += n;
    }
  }
  return out;
}

// Integer, numeric string, boolean or null, as Moodle mixes them. False when it is something else.
bool Coerce(od::value value, int64_t* out) {
  od::json_type type;
  if (value.type().get(type)) return false;
  switch (type) {
    case od::json_type::number: {
      if (value.get_int64().get(*out) == simdjson::SUCCESS) return true;
      double number = 0;
      if (value.get_double().get(number) || !std::isfinite(number) || std::abs(number) > 9e15) return false;
      *out = static_cast<int64_t>(number);
      return true;
    }
    case od::json_type::string: {
      std::string_view text;
      if (value.get_string().get(text)) return false;
      if (text.empty()) {
        *out = 0;
        return true;
      }
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
      return error == std::errc() && end == text.data() + text.size();
    }
    case od::json_type::boolean: {
      bool b = false;
      if (value.get_bool().get(b)) return false;
      *out = b ? 1 : 0;
      return true;
    }
    case od::json_type::null:
      *out = 0;
      return true;
    default:
      return false;
  }
}

// A string; null is "", a number its text.
bool CoerceText(od::value value, std::string* out) {
  od::json_type type;
  if (value.type().get(type)) return false;
  if (type == od::json_type::string) {
    std::string_view text;
    if (value.get_string().get(text)) return false;
    out->assign(text);
    return true;
  }
  if (type == od::json_type::null) {
    out->clear();
    return true;
  }
  int64_t number = 0;
  if (!Coerce(value, &number)) return false;
  *out = absl::StrCat(number);
  return true;
}

bool ReadOther(od::value value, MoodleEvent& event) {
  od::json_type type;
  if (value.type().get(type)) return false;
  if (type != od::json_type::object) return true;  // a scalar or a list says nothing we read; skipped by the iterator
  od::object object;
  if (value.get_object().get(object)) return false;
  for (auto item : object) {
    od::field field;
    if (std::move(item).get(field)) return false;
    std::string_view key_view;
    if (field.unescaped_key().get(key_view)) return false;
    std::string key(key_view);
    od::value inner = field.value();
    od::json_type inner_type;
    if (inner.type().get(inner_type)) return false;
    switch (inner_type) {
      case od::json_type::string: {
        std::string_view text;
        if (inner.get_string().get(text)) return false;
        event.other.insert_or_assign(std::move(key), std::string(text));
        break;
      }
      case od::json_type::number: {
        std::string_view token = inner.raw_json_token();
        while (!token.empty() && std::isspace(static_cast<unsigned char>(token.back()))) token.remove_suffix(1);
        event.other.insert_or_assign(std::move(key), std::string(token));
        break;
      }
      case od::json_type::boolean: {
        bool b = false;
        if (inner.get_bool().get(b)) return false;
        event.other.insert_or_assign(std::move(key), b ? "1" : "0");
        break;
      }
      default:
        break;
    }
  }
  return true;
}

enum Field {
  kSeq, kHash, kUuid, kName, kComponent, kAction, kTarget, kObjectTable, kObjectId, kCrud, kEdulevel, kContextId, kContextLevel,
  kContextInstance, kUser, kCourse, kRelated, kAnonymous, kOther, kTimeCreated, kOccurred, kRecorded, kOrigin, kIp, kRealUser, kState, kRedacted
};

const absl::flat_hash_map<std::string_view, Field>& Fields() {
  static const auto* fields = new absl::flat_hash_map<std::string_view, Field>{
      {"seq", kSeq}, {"hash", kHash}, {"uuid", kUuid}, {"eventname", kName}, {"component", kComponent}, {"action", kAction}, {"target", kTarget},
      {"objecttable", kObjectTable}, {"objectid", kObjectId}, {"crud", kCrud}, {"edulevel", kEdulevel}, {"contextid", kContextId},
      {"contextlevel", kContextLevel}, {"contextinstanceid", kContextInstance}, {"userid", kUser}, {"courseid", kCourse}, {"relateduserid", kRelated},
      {"anonymous", kAnonymous}, {"other", kOther}, {"timecreated", kTimeCreated}, {"occurred", kOccurred}, {"recorded", kRecorded}, {"origin", kOrigin},
      {"ip", kIp}, {"realuserid", kRealUser}, {"state", kState}, {"redacted", kRedacted}};
  return *fields;
}

// Reads one line into `event`; "" or why it is no event. event.seq is set as far as reading got.
std::string_view ReadRow(od::document& document, MoodleEvent& event) {
  od::object object;
  if (document.get_object().get(object)) return "not_an_object";
  int64_t time_created = 0, number = 0;
  std::string text;
  for (auto item : object) {
    od::field field;
    if (std::move(item).get(field)) return "broken_json";
    std::string_view key;
    if (field.unescaped_key().get(key)) return "broken_json";
    const auto found = Fields().find(key);
    if (found == Fields().end()) continue;
    od::value value = field.value();
    bool fine = true;
    switch (found->second) {
      case kSeq: fine = Coerce(value, &event.seq); break;
      case kHash:
        fine = CoerceText(value, &text);
        if (fine && text.size() == 64) event.content_hash = absl::HexStringToBytes(text);
        break;
      case kUuid: fine = CoerceText(value, &event.uuid); break;
      case kName: fine = CoerceText(value, &event.name); break;
      case kComponent: fine = CoerceText(value, &event.component); break;
      case kAction: fine = CoerceText(value, &event.action); break;
      case kTarget: fine = CoerceText(value, &event.target); break;
      case kObjectTable: fine = CoerceText(value, &event.object_table); break;
      case kObjectId: fine = Coerce(value, &event.object_id); break;
      case kCrud:
        fine = CoerceText(value, &text) && text.size() == 1 && (text[0] == 'c' || text[0] == 'r' || text[0] == 'u' || text[0] == 'd');
        if (fine) event.crud = text[0];
        break;
      case kEdulevel:
        fine = Coerce(value, &number);
        event.edulevel = number >= 0 && number <= 2 ? static_cast<int>(number) : 0;
        break;
      case kContextId: fine = Coerce(value, &event.context_id); break;
      case kContextLevel:
        fine = Coerce(value, &number) && number >= 0 && number <= 10000;
        event.context_level = fine ? static_cast<int>(number) : 0;
        break;
      case kContextInstance: fine = Coerce(value, &event.context_instance); break;
      case kUser: fine = Coerce(value, &event.user); break;
      case kCourse: fine = Coerce(value, &event.course); break;
      case kRelated: fine = Coerce(value, &event.related_user); break;
      case kAnonymous:
        fine = Coerce(value, &number);
        event.anonymous = number != 0;
        break;
      case kOther: fine = ReadOther(value, event); break;
      case kTimeCreated: fine = Coerce(value, &time_created); break;
      case kOccurred: fine = Coerce(value, &event.occurred_us); break;
      case kRecorded: fine = Coerce(value, &event.recorded_us); break;
      case kOrigin: fine = CoerceText(value, &event.origin); break;
      case kIp: fine = CoerceText(value, &event.ip); break;
      case kRealUser: fine = Coerce(value, &event.real_user); break;
      case kState: {
        od::json_type type;
        fine = value.type().get(type) == simdjson::SUCCESS;
        if (fine && type == od::json_type::object) {
          od::object state;
          std::string_view raw;
          fine = value.get_object().get(state) == simdjson::SUCCESS && state.raw_json().get(raw) == simdjson::SUCCESS;
          if (fine) event.state_json.assign(raw);
        }
        break;
      }
      case kRedacted:
        fine = Coerce(value, &number);
        event.redacted = number != 0;
        break;
    }
    if (!fine) return "bad_field";
  }
  if (!document.at_end()) return "broken_json";
  if (event.seq <= 0) return "no_seq";
  if (!IsEventName(event.name)) return "bad_eventname";
  constexpr int64_t kLastSecond = int64_t{253402300799};  // the year 9999
  if (time_created < 0 || time_created > kLastSecond || event.occurred_us < 0 || event.occurred_us / 1000000 > kLastSecond ||
      event.recorded_us < 0 || event.recorded_us / 1000000 > kLastSecond) {
    return "bad_time";
  }
  if (event.occurred_us == 0) event.occurred_us = time_created * 1000000;
  if (event.occurred_us == 0) return "no_time";
  if (event.recorded_us == 0) event.recorded_us = event.occurred_us;
  return "";
}

// seq of a line that could not be parsed, from its fixed beginning {"seq":N, ; 0 when it is not there.
int64_t SeqFromPrefix(std::string_view line) {
  constexpr std::string_view kPrefix = "{\"seq\":";
  if (line.substr(0, kPrefix.size()) != kPrefix) return 0;
  line.remove_prefix(kPrefix.size());
  int64_t seq = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + std::min<size_t>(line.size(), 20), seq);
  return error == std::errc() && seq > 0 ? seq : 0;
}

bool ReadDay(std::string_view text, int64_t* day) {
  absl::CivilDay civil;
  if (!absl::ParseCivilTime(absl::string_view(text.data(), text.size()), &civil)) return false;
  *day = civil - absl::CivilDay(1970, 1, 1);
  return true;
}

// [{"day":"2026-11-21","rows":12}, ...]; entries it cannot read are left out.
std::vector<DayCount> ReadDays(od::value value) {
  std::vector<DayCount> days;
  od::array array;
  if (value.get_array().get(array)) return days;
  for (auto item : array) {
    od::object object;
    if (item.get_object().get(object)) continue;
    DayCount count;
    bool has_day = false;
    for (auto inner : object) {
      od::field field;
      if (std::move(inner).get(field)) break;
      std::string_view key;
      if (field.unescaped_key().get(key)) break;
      if (key == "day") {
        std::string text;
        has_day = CoerceText(field.value(), &text) && ReadDay(text, &count.day);
      } else if (key == "rows") {
        Coerce(field.value(), &count.rows);
      }
    }
    if (has_day) days.push_back(count);
  }
  return days;
}

absl::Status NotOurs(std::string_view why) { return WithReason(absl::InvalidArgumentError(absl::StrCat("bridge answer: ", std::string(why))), "protocol"); }

}  // namespace

struct BridgeParser::Impl {
  od::parser outer;
  od::parser inner;
  simdjson::padded_string body;

  // Calls `each(key, value)` for the fields of the answer's object. Invalid UTF-8 is repaired and counted.
  template <typename Each>
  absl::Status Fields(std::string&& text, int64_t* repaired, Each each) {
    if (!simdjson::validate_utf8(text)) text = RepairUtf8(text, repaired);
    body = simdjson::padded_string(text);
    std::string().swap(text);
    od::document document;
    if (auto error = outer.iterate(body).get(document)) return NotOurs(simdjson::error_message(error));
    od::object object;
    if (auto error = document.get_object().get(object)) return NotOurs(simdjson::error_message(error));
    for (auto item : object) {
      od::field field;
      if (auto error = std::move(item).get(field)) return NotOurs(simdjson::error_message(error));
      std::string_view key;
      if (auto error = field.unescaped_key().get(key)) return NotOurs(simdjson::error_message(error));
      if (!each(key, field.value())) return NotOurs(absl::StrCat("field ", std::string(key.substr(0, 40))));
    }
    return absl::OkStatus();
  }

  // `line` lies in outer's string buffer, which ends with SIMDJSON_PADDING spare bytes.
  error_code Line(std::string_view line, od::document* document) {
    return inner.iterate(line.data(), line.size(), line.size() + simdjson::SIMDJSON_PADDING).get(*document);
  }
};

BridgeParser::BridgeParser() : impl_(std::make_unique<Impl>()) {}
BridgeParser::~BridgeParser() = default;

absl::StatusOr<PullPage> BridgeParser::Pull(std::string body, int64_t after, bool keep_raw) {
  PullPage page;
  std::string_view events;
  bool has_events = false;
  int64_t protocol = 0;
  RETURN_IF_ERROR(impl_->Fields(std::move(body), &page.repaired, [&](std::string_view key, od::value value) {
    if (key == "protocol") return Coerce(value, &protocol);
    if (key == "site") return CoerceText(value, &page.site);
    if (key == "epoch") return CoerceText(value, &page.epoch);
    if (key == "fingerprint") return CoerceText(value, &page.fingerprint);
    if (key == "first") return Coerce(value, &page.first);
    if (key == "latest") return Coerce(value, &page.latest);
    if (key == "oldest") return Coerce(value, &page.oldest);
    if (key == "unnumbered") return Coerce(value, &page.unnumbered);
    if (key == "faults") return Coerce(value, &page.faults);
    if (key == "counted") {
      page.counted = ReadDays(value);
      return true;
    }
    if (key == "events") return has_events = value.get_string().get(events) == simdjson::SUCCESS;
    return true;
  }));
  if (protocol != kBridgeProtocol) return NotOurs(absl::StrCat("protocol ", protocol));
  if (!has_events || page.epoch.empty()) return NotOurs("fields are missing");

  page.events.reserve(events.size() / 400 + 1);
  int64_t unreadable = 0;
  const auto reject = [&](int64_t seq, std::string_view reason, std::string_view line) {
    page.rejected.push_back({seq, std::string(reason), std::string(line.substr(0, kKeptOfRejected))});
    if (seq == 0) ++unreadable;
  };
  bool ascending = true;
  int64_t last = after;
  while (!events.empty()) {
    const size_t end = events.find('\n');
    const std::string_view line = events.substr(0, end);
    events.remove_prefix(end == std::string_view::npos ? events.size() : end + 1);
    if (line.find_first_not_of(" \r\t") == std::string_view::npos) continue;
    ++page.lines;
    if (line.size() > kMaxRowBytes) {
      reject(SeqFromPrefix(line), "row_too_large", line);
      continue;
    }
    od::document document;
    if (impl_->Line(line, &document)) {
      reject(SeqFromPrefix(line), "broken_json", line);
      continue;
    }
    MoodleEvent& event = page.events.emplace_back();
    if (const std::string_view why = ReadRow(document, event); !why.empty()) {
      const int64_t seq = event.seq > 0 ? event.seq : SeqFromPrefix(line);
      page.events.pop_back();
      reject(seq, why, line);
      continue;
    }
    if (keep_raw) event.raw.assign(line);
    ascending = ascending && event.seq > last;
    last = event.seq;
  }

  if (!ascending) {
    std::stable_sort(page.events.begin(), page.events.end(), [](const MoodleEvent& a, const MoodleEvent& b) { return a.seq < b.seq; });
    const auto is_old = [&, previous = after](const MoodleEvent& e) mutable {
      const bool old = e.seq <= previous;
      if (!old) previous = e.seq;
      return old;
    };
    const size_t before = page.events.size();
    page.events.erase(std::remove_if(page.events.begin(), page.events.end(), is_old), page.events.end());
    page.duplicates = static_cast<int64_t>(before - page.events.size());
  }

  // What lies between: rows set aside explain a hole, one for each; what is left is missing.
  std::vector<int64_t> aside;
  for (const RejectedRow& row : page.rejected) {
    if (row.seq > after) aside.push_back(row.seq);
  }
  std::sort(aside.begin(), aside.end());
  size_t next_aside = 0;
  int64_t expected = after + 1;
  const auto skip_to = [&](int64_t seq) {
    while (expected < seq) {
      while (next_aside < aside.size() && aside[next_aside] < expected) ++next_aside;
      if (next_aside < aside.size() && aside[next_aside] == expected) {
        ++expected;
        continue;
      }
      const int64_t to = next_aside < aside.size() ? std::min(aside[next_aside], seq) - 1 : seq - 1;
      const int64_t explained = std::min(unreadable, to - expected + 1);
      unreadable -= explained;
      if (expected + explained <= to) page.missing.emplace_back(expected + explained, to);
      expected = to + 1;
    }
  };
  for (const MoodleEvent& event : page.events) {
    skip_to(event.seq);
    expected = event.seq + 1;
  }
  if (!aside.empty() && aside.back() >= expected) skip_to(aside.back() + 1);
  // Unreadable lines at the end of the page: past them, else the next page would begin with them for ever.
  page.next = std::min(expected - 1 + unreadable, std::max(page.latest, expected - 1));
  // A page without lines while rows are said to exist beyond the cursor: they are gone.
  if (page.lines == 0 && page.latest > after && page.unnumbered == 0) {
    page.missing.emplace_back(after + 1, page.latest);
    page.next = page.latest;
  }
  return page;
}

absl::StatusOr<BridgeStatus> BridgeParser::Status(std::string body) {
  BridgeStatus status;
  int64_t repaired = 0;
  const auto names = [](od::value value, std::string_view wanted) {
    std::vector<std::string> out;
    od::array array;
    if (value.get_array().get(array)) return out;
    for (auto item : array) {
      std::string_view text;
      if (item[wanted].get_string().get(text) == simdjson::SUCCESS) out.emplace_back(text);
    }
    return out;
  };
  RETURN_IF_ERROR(impl_->Fields(std::move(body), &repaired, [&](std::string_view key, od::value value) {
    if (key == "protocol") return Coerce(value, &status.protocol);
    if (key == "site") return CoerceText(value, &status.site);
    if (key == "epoch") return CoerceText(value, &status.epoch);
    if (key == "fingerprint") return CoerceText(value, &status.fingerprint);
    if (key == "pluginversion") return CoerceText(value, &status.plugin_version);
    if (key == "release") return CoerceText(value, &status.release);
    if (key == "dbfamily") return CoerceText(value, &status.db_family);
    if (key == "latest") return Coerce(value, &status.latest);
    if (key == "oldest") return Coerce(value, &status.oldest);
    if (key == "unnumbered") return Coerce(value, &status.unnumbered);
    if (key == "depth") return Coerce(value, &status.depth);
    if (key == "oldest_unsent") return Coerce(value, &status.oldest_unsent_us);
    if (key == "faults") return Coerce(value, &status.faults);
    if (key == "log_rows_per_day") return Coerce(value, &status.log_rows_per_day);
    if (key == "bytes") return Coerce(value, &status.bytes);
    if (key == "ceiling_bytes") return Coerce(value, &status.ceiling_bytes);
    if (key == "counts") status.counts = ReadDays(value);
    if (key == "subscribers") status.subscribers = names(value, "name");
    if (key == "warnings") status.warnings = names(value, "code");
    return true;
  }));
  if (status.protocol != kBridgeProtocol) return NotOurs(absl::StrCat("protocol ", status.protocol));
  return status;
}

absl::StatusOr<ExportPage> BridgeParser::Export(std::string body) {
  ExportPage page;
  std::string_view rows;
  int64_t done = 0, protocol = 0, repaired = 0;
  bool has_rows = false;
  RETURN_IF_ERROR(impl_->Fields(std::move(body), &repaired, [&](std::string_view key, od::value value) {
    if (key == "protocol") return Coerce(value, &protocol);
    if (key == "epoch") return CoerceText(value, &page.epoch);
    if (key == "fingerprint") return CoerceText(value, &page.fingerprint);
    if (key == "kind") return CoerceText(value, &page.kind);
    if (key == "as_of") return Coerce(value, &page.as_of);
    if (key == "next") return Coerce(value, &page.next);
    if (key == "done") return Coerce(value, &done);
    if (key == "total") return Coerce(value, &page.total);
    if (key == "rows") return has_rows = value.get_string().get(rows) == simdjson::SUCCESS;
    return true;
  }));
  if (protocol != kBridgeProtocol || !has_rows) return NotOurs("export");
  page.done = done != 0;
  while (!rows.empty()) {
    const size_t end = rows.find('\n');
    const std::string_view line = rows.substr(0, end);
    rows.remove_prefix(end == std::string_view::npos ? rows.size() : end + 1);
    if (line.empty()) continue;
    od::document document;
    od::object state;
    std::string_view raw;
    if (line.size() > kMaxRowBytes || impl_->Line(line, &document) || document["state"].get_object().get(state) || state.raw_json().get(raw)) {
      ++page.rejected;
      continue;
    }
    page.rows.emplace_back(raw);
  }
  return page;
}

absl::StatusOr<int64_t> BridgeParser::Ack(std::string body) {
  int64_t upto = -1, repaired = 0;
  RETURN_IF_ERROR(impl_->Fields(std::move(body), &repaired,
                                [&](std::string_view key, od::value value) { return key != "upto" || Coerce(value, &upto); }));
  if (upto < 0) return NotOurs("ack");
  return upto;
}

}  // namespace compagnon::moodle
