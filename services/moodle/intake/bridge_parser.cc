#include "moodle/intake/bridge_parser.h"

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
#include "platform/base/ids.h"

namespace compagnon::moodle {
namespace {

// The DOM parser picks its instructions at run time; on-demand would be built for the oldest processor.
namespace dom = simdjson::dom;

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
bool Coerce(dom::element value, int64_t* out) {
  switch (value.type()) {
    case dom::element_type::INT64:
      return value.get(*out) == simdjson::SUCCESS;
    case dom::element_type::DOUBLE: {
      double number = 0;
      if (value.get(number) || !std::isfinite(number) || std::abs(number) > 9e15) return false;
      *out = static_cast<int64_t>(number);
      return true;
    }
    case dom::element_type::STRING: {
      const std::string_view text = value.get_string().value_unsafe();
      if (text.empty()) {
        *out = 0;
        return true;
      }
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
      return error == std::errc() && end == text.data() + text.size();
    }
    case dom::element_type::BOOL:
      *out = value.get_bool().value_unsafe() ? 1 : 0;
      return true;
    case dom::element_type::NULL_VALUE:
      *out = 0;
      return true;
    default:
      return false;
  }
}

// A string; null is "", a number its text.
bool CoerceText(dom::element value, std::string* out) {
  if (value.type() == dom::element_type::STRING) {
    out->assign(value.get_string().value_unsafe());
    return true;
  }
  if (value.type() == dom::element_type::NULL_VALUE) {
    out->clear();
    return true;
  }
  int64_t number = 0;
  if (!Coerce(value, &number)) return false;
  *out = absl::StrCat(number);
  return true;
}

// Shortest text that reads back as the same number, without an exponent where PHP would write none.
std::string NumberText(double number) {
  char buffer[64];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::general);
  return error == std::errc() ? std::string(buffer, end) : std::string();
}

// Scalars one level deep; a scalar or a list in place of the map says nothing we read.
void ReadOther(dom::element value, MoodleEvent& event) {
  dom::object object;
  if (value.get(object)) return;
  for (const auto& [key, inner] : object) {
    switch (inner.type()) {
      case dom::element_type::STRING:
        event.other.insert_or_assign(std::string(key), std::string(inner.get_string().value_unsafe()));
        break;
      case dom::element_type::INT64:
      case dom::element_type::UINT64:
        event.other.insert_or_assign(std::string(key), simdjson::minify(inner));
        break;
      case dom::element_type::DOUBLE:
        event.other.insert_or_assign(std::string(key), NumberText(inner.get_double().value_unsafe()));
        break;
      case dom::element_type::BOOL:
        event.other.insert_or_assign(std::string(key), inner.get_bool().value_unsafe() ? "1" : "0");
        break;
      default:
        break;
    }
  }
}

enum Field {
  kSeq,
  kHash,
  kUuid,
  kName,
  kComponent,
  kAction,
  kTarget,
  kObjectTable,
  kObjectId,
  kCrud,
  kEdulevel,
  kContextId,
  kContextLevel,
  kContextInstance,
  kUser,
  kCourse,
  kRelated,
  kAnonymous,
  kOther,
  kTimeCreated,
  kOccurred,
  kRecorded,
  kOrigin,
  kIp,
  kRealUser,
  kState,
  kRedacted
};

const absl::flat_hash_map<std::string_view, Field>& Fields() {
  static const auto* fields = new absl::flat_hash_map<std::string_view, Field>{{"seq", kSeq},
                                                                               {"hash", kHash},
                                                                               {"uuid", kUuid},
                                                                               {"eventname", kName},
                                                                               {"component", kComponent},
                                                                               {"action", kAction},
                                                                               {"target", kTarget},
                                                                               {"objecttable", kObjectTable},
                                                                               {"objectid", kObjectId},
                                                                               {"crud", kCrud},
                                                                               {"edulevel", kEdulevel},
                                                                               {"contextid", kContextId},
                                                                               {"contextlevel", kContextLevel},
                                                                               {"contextinstanceid", kContextInstance},
                                                                               {"userid", kUser},
                                                                               {"courseid", kCourse},
                                                                               {"relateduserid", kRelated},
                                                                               {"anonymous", kAnonymous},
                                                                               {"other", kOther},
                                                                               {"timecreated", kTimeCreated},
                                                                               {"occurred", kOccurred},
                                                                               {"recorded", kRecorded},
                                                                               {"origin", kOrigin},
                                                                               {"ip", kIp},
                                                                               {"realuserid", kRealUser},
                                                                               {"state", kState},
                                                                               {"redacted", kRedacted}};
  return *fields;
}

// Reads one line into `event`; "" or why it is no event. event.seq is set as far as reading got.
std::string_view ReadRow(dom::element document, MoodleEvent& event) {
  dom::object object;
  if (document.get(object)) return "not_an_object";
  int64_t time_created = 0, number = 0;
  std::string text;
  // A row that does not say whether it is anonymous is treated as if it were, here as in a file.
  event.anonymous = true;
  for (const auto& [key, value] : object) {
    const auto found = Fields().find(key);
    if (found == Fields().end()) continue;
    bool fine = true;
    switch (found->second) {
      case kSeq:
        fine = Coerce(value, &event.seq);
        break;
      case kHash:
        fine = CoerceText(value, &text);
        if (fine && text.size() == 64) event.content_hash = absl::HexStringToBytes(text);
        break;
      case kUuid:
        fine = CoerceText(value, &event.uuid);
        break;
      case kName:
        fine = CoerceText(value, &event.name);
        break;
      case kComponent:
        fine = CoerceText(value, &event.component);
        break;
      case kAction:
        fine = CoerceText(value, &event.action);
        break;
      case kTarget:
        fine = CoerceText(value, &event.target);
        break;
      case kObjectTable:
        fine = CoerceText(value, &event.object_table);
        break;
      case kObjectId:
        fine = Coerce(value, &event.object_id);
        break;
      case kCrud:
        fine = CoerceText(value, &text) && text.size() == 1 &&
               (text[0] == 'c' || text[0] == 'r' || text[0] == 'u' || text[0] == 'd');
        if (fine) event.crud = text[0];
        break;
      case kEdulevel:
        fine = Coerce(value, &number);
        event.edulevel = number >= 0 && number <= 2 ? static_cast<int>(number) : 0;
        break;
      case kContextId:
        fine = Coerce(value, &event.context_id);
        break;
      case kContextLevel:
        fine = Coerce(value, &number) && number >= 0 && number <= 10000;
        event.context_level = fine ? static_cast<int>(number) : 0;
        break;
      case kContextInstance:
        fine = Coerce(value, &event.context_instance);
        break;
      case kUser:
        fine = Coerce(value, &event.user);
        break;
      case kCourse:
        fine = Coerce(value, &event.course);
        break;
      case kRelated:
        fine = Coerce(value, &event.related_user);
        break;
      case kAnonymous: {
        const bool said =
            !(value.type() == dom::element_type::NULL_VALUE || (CoerceText(value, &text) && text.empty()));
        fine = Coerce(value, &number);
        event.anonymous = !said || number != 0;
        break;
      }
      case kOther:
        ReadOther(value, event);
        break;
      case kTimeCreated:
        fine = Coerce(value, &time_created);
        break;
      case kOccurred:
        fine = Coerce(value, &event.occurred_us);
        break;
      case kRecorded:
        fine = Coerce(value, &event.recorded_us);
        break;
      case kOrigin:
        fine = CoerceText(value, &event.origin);
        break;
      case kIp:
        fine = CoerceText(value, &event.ip);
        break;
      case kRealUser:
        fine = Coerce(value, &event.real_user);
        break;
      case kState:
        if (value.type() == dom::element_type::OBJECT) event.state_json = simdjson::minify(value);
        break;
      case kRedacted:
        fine = Coerce(value, &number);
        event.redacted = number != 0;
        break;
    }
    if (!fine) return "bad_field";
  }
  if (event.seq <= 0) return "no_seq";
  if (!IsEventName(event.name)) return "bad_eventname";
  constexpr int64_t kLastSecond = int64_t{253402300799};  // the year 9999
  if (time_created < 0 || time_created > kLastSecond || event.occurred_us < 0 ||
      event.occurred_us / 1000000 > kLastSecond || event.recorded_us < 0 || event.recorded_us / 1000000 > kLastSecond) {
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
std::vector<DayCount> ReadDays(dom::element value) {
  std::vector<DayCount> days;
  dom::array array;
  if (value.get(array)) return days;
  for (dom::element item : array) {
    dom::element day, rows;
    std::string_view text;
    DayCount count;
    if (item["day"].get(day) || day.get(text) || !ReadDay(text, &count.day)) continue;
    if (item["rows"].get(rows) || !Coerce(rows, &count.rows)) continue;
    days.push_back(count);
  }
  return days;
}

absl::Status NotOurs(std::string_view why) {
  return WithReason(absl::InvalidArgumentError(absl::StrCat("bridge answer: ", std::string(why))), "protocol");
}

}  // namespace

struct BridgeParser::Impl {
  dom::parser outer;
  dom::parser inner;
  std::string body;   // the answer, with padding reserved behind it
  std::string lines;  // its string of lines, likewise

  static simdjson::error_code Parse(dom::parser& parser, const char* data, size_t size, dom::element* out) {
    // false: the caller vouches for SIMDJSON_PADDING readable bytes behind `size`.
    return parser.parse(reinterpret_cast<const uint8_t*>(data), size, false).get(*out);
  }

  // Calls `each(key, value)` for the fields of the answer's object. Invalid UTF-8 is repaired and counted.
  template <typename Each>
  absl::Status Fields(std::string&& text, int64_t* repaired, Each each) {
    body = simdjson::validate_utf8(text) ? std::move(text) : RepairUtf8(text, repaired);
    body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
    dom::element document;
    if (auto error = Parse(outer, body.data(), body.size(), &document)) {
      return WithReason(absl::InvalidArgumentError(absl::StrCat("bridge answer: ", simdjson::error_message(error))),
                        "not_json");
    }
    dom::object object;
    if (document.get(object)) return NotOurs("not an object");
    for (const auto& [key, value] : object) {
      if (!each(key, value)) return NotOurs(absl::StrCat("field ", std::string(key.substr(0, 40))));
    }
    return absl::OkStatus();
  }

  // The lines, copied where padding can follow them.
  std::string_view Keep(std::string_view text) {
    lines.clear();
    lines.reserve(text.size() + simdjson::SIMDJSON_PADDING);
    lines.assign(text);
    return lines;
  }
};

BridgeParser::BridgeParser() : impl_(std::make_unique<Impl>()) {}
BridgeParser::~BridgeParser() = default;

absl::StatusOr<PullPage> BridgeParser::Pull(std::string body, int64_t after, bool keep_raw) {
  PullPage page;
  std::string_view events;
  bool has_events = false;
  int64_t protocol = 0;
  RETURN_IF_ERROR(impl_->Fields(std::move(body), &page.repaired, [&](std::string_view key, dom::element value) {
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
    if (key == "events") return has_events = value.get(events) == simdjson::SUCCESS;
    return true;
  }));
  if (protocol != kBridgeProtocol) return NotOurs(absl::StrCat("protocol ", protocol));
  if (!has_events || page.epoch.empty()) return NotOurs("fields are missing");

  events = impl_->Keep(events);
  page.events.reserve(events.size() / 400 + 1);
  int64_t unreadable = 0;
  const auto reject = [&](int64_t seq, std::string_view reason, std::string_view line, std::string event_name = "") {
    page.rejected.push_back(
        {seq, std::string(reason), std::move(event_name), static_cast<int64_t>(line.size()), HexEncode(Sha256(line))});
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
    dom::element document;
    if (Impl::Parse(impl_->inner, line.data(), line.size(), &document)) {
      reject(SeqFromPrefix(line), "broken_json", line);
      continue;
    }
    MoodleEvent& event = page.events.emplace_back();
    if (const std::string_view why = ReadRow(document, event); !why.empty()) {
      const int64_t seq = event.seq > 0 ? event.seq : SeqFromPrefix(line);
      std::string name = IsEventName(event.name) ? std::move(event.name) : std::string();
      page.events.pop_back();
      reject(seq, why, line, std::move(name));
      continue;
    }
    if (keep_raw) event.raw.assign(line);
    ascending = ascending && event.seq > last;
    last = event.seq;
  }

  if (!ascending) {
    std::stable_sort(page.events.begin(), page.events.end(),
                     [](const MoodleEvent& a, const MoodleEvent& b) { return a.seq < b.seq; });
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
  const auto names = [](dom::element value, std::string_view wanted) {
    std::vector<std::string> out;
    dom::array array;
    if (value.get(array)) return out;
    for (dom::element item : array) {
      std::string_view text;
      if (item[wanted].get(text) == simdjson::SUCCESS) out.emplace_back(text);
    }
    return out;
  };
  RETURN_IF_ERROR(impl_->Fields(std::move(body), &repaired, [&](std::string_view key, dom::element value) {
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
  RETURN_IF_ERROR(impl_->Fields(std::move(body), &repaired, [&](std::string_view key, dom::element value) {
    if (key == "protocol") return Coerce(value, &protocol);
    if (key == "epoch") return CoerceText(value, &page.epoch);
    if (key == "fingerprint") return CoerceText(value, &page.fingerprint);
    if (key == "kind") return CoerceText(value, &page.kind);
    if (key == "as_of") return Coerce(value, &page.as_of);
    if (key == "next") return Coerce(value, &page.next);
    if (key == "done") return Coerce(value, &done);
    if (key == "total") return Coerce(value, &page.total);
    if (key == "rows") return has_rows = value.get(rows) == simdjson::SUCCESS;
    return true;
  }));
  if (protocol != kBridgeProtocol || !has_rows) return NotOurs("export");
  page.done = done != 0;
  rows = impl_->Keep(rows);
  while (!rows.empty()) {
    const size_t end = rows.find('\n');
    const std::string_view line = rows.substr(0, end);
    rows.remove_prefix(end == std::string_view::npos ? rows.size() : end + 1);
    if (line.empty()) continue;
    dom::element document, state;
    if (line.size() > kMaxRowBytes || Impl::Parse(impl_->inner, line.data(), line.size(), &document) ||
        document["state"].get(state) || state.type() != dom::element_type::OBJECT) {
      ++page.rejected;
      continue;
    }
    page.rows.push_back(simdjson::minify(state));
  }
  return page;
}

absl::StatusOr<int64_t> BridgeParser::Ack(std::string body) {
  int64_t upto = -1, repaired = 0;
  RETURN_IF_ERROR(impl_->Fields(std::move(body), &repaired, [&](std::string_view key, dom::element value) {
    return key != "upto" || Coerce(value, &upto);
  }));
  if (upto < 0) return NotOurs("ack");
  return upto;
}

}  // namespace compagnon::moodle
