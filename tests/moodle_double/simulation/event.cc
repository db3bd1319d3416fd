#include "moodle_double/simulation/event.h"

#include "moodle_double/simulation/json_text.h"
#include "platform/base/ids.h"

namespace compagnon::moodle_double {
namespace {

constexpr int64_t kDayUs = 86'400'000'000;
constexpr size_t kLargestState = 256 * 1024;

std::string Uuid(uint64_t high, uint64_t low) {
  high = (high & ~0xf000ull) | 0x4000;                           // version 4
  low = (low & ~0xc000000000000000ull) | 0x8000000000000000ull;  // RFC 9562 variant
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(36);
  for (int i = 15; i >= 0; --i) {
    out.push_back(kHex[(high >> (4 * i)) & 15]);
    if (i == 8 || i == 4) out.push_back('-');
  }
  out.push_back('-');
  for (int i = 15; i >= 0; --i) {
    out.push_back(kHex[(low >> (4 * i)) & 15]);
    if (i == 12) out.push_back('-');
  }
  return out;
}

std::string_view EntryName(Origin origin) {
  switch (origin) {
    case Origin::kWeb:
      return "page";
    case Origin::kMobile:
      return "ws";
    case Origin::kCli:
      return "cron";
    case Origin::kRestore:
      return "page";
  }
  return "page";
}

void AppendClass(const EventType& type, JsonObject* row) {
  row->Text("eventname", type.name)
      .Text("component", type.component)
      .Text("action", type.action)
      .Text("target", type.target);
  if (type.object_table.empty()) {
    row->Raw("objecttable", "");
  } else {
    row->Text("objecttable", type.object_table);
  }
}

void AppendTextOrNull(std::string_view key, std::string_view value, JsonObject* row) {
  if (value.empty()) {
    row->Raw(key, "");
  } else {
    row->Text(key, value);
  }
}

}  // namespace

std::string_view OriginName(Origin origin) {
  switch (origin) {
    case Origin::kWeb:
      return "web";
    case Origin::kMobile:
      return "ws";
    case Origin::kCli:
      return "cli";
    case Origin::kRestore:
      return "restore";
  }
  return "web";
}

void AppendBridgeRow(const Event& event, std::string* out) {
  const EventType& type = *event.type;
  const bool hide = event.anonymous;
  auto when = [hide](int64_t us) { return hide ? us - us % kDayUs : us; };
  JsonObject row(out);
  row.Text("uuid", Uuid(event.uuid_high, event.uuid_low));
  AppendClass(type, &row);
  row.Id("objectid", hide ? 0 : event.object_id)
      .Text("crud", std::string_view(&type.crud, 1))
      .Int("edulevel", type.edulevel)
      .Int("contextid", event.context_id)
      .Int("contextlevel", type.context_level)
      .Int("contextinstanceid", event.context_instance)
      .Int("userid", hide ? 0 : event.user)
      .Int("courseid", event.course)
      .Id("relateduserid", hide ? 0 : event.related_user)
      .Int("anonymous", hide ? 1 : 0)
      .Raw("other", &type == &event_type::kUserLoggedOut ? std::string_view("{}") : std::string_view(event.other))
      .Int("timecreated", when(event.occurred_us) / 1'000'000)
      .Int("occurred", when(event.occurred_us))
      .Int("recorded", when(event.recorded_us))
      .Text("origin", OriginName(event.origin))
      .Text("entry", EntryName(event.origin));
  AppendTextOrNull("ip", hide ? std::string_view() : std::string_view(event.ip), &row);
  row.Id("realuserid", hide ? 0 : event.real_user);
  if (!hide && event.state.size() > kLargestState) {
    std::string truncated;
    JsonObject(&truncated)
        .Text("sha256", HexEncode(Sha256(event.state)))
        .Int("size", static_cast<int64_t>(event.state.size()))
        .Close();
    row.Raw("state", "").Raw("state_truncated", truncated);
  } else {
    row.Raw("state", hide ? std::string_view() : std::string_view(event.state));
  }
  row.Close();
}

void AppendLogRow(const Event& event, int64_t id, std::string* out) {
  const EventType& type = *event.type;
  JsonObject row(out);
  row.Int("id", id);
  AppendClass(type, &row);
  row.Id("objectid", event.object_id)
      .Text("crud", std::string_view(&type.crud, 1))
      .Int("edulevel", type.edulevel)
      .Int("contextid", event.context_id)
      .Int("contextlevel", type.context_level)
      .Int("contextinstanceid", event.context_instance)
      .Int("userid", event.user)
      .Int("courseid", event.course)
      .Id("relateduserid", event.related_user)
      .Int("anonymous", event.anonymous ? 1 : 0)
      .Text("other", event.other.empty() ? std::string_view("null") : std::string_view(event.other))
      .Int("timecreated", event.occurred_us / 1'000'000)
      .Text("origin", OriginName(event.origin));
  AppendTextOrNull("ip", event.ip, &row);
  row.Id("realuserid", event.real_user);
  row.Close();
  out->push_back('\n');
}

}  // namespace compagnon::moodle_double
