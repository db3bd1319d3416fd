#include <algorithm>
#include <nlohmann/json.hpp>

#include "moodle_double/bridge/export.h"
#include "moodle_double/server/site_double.h"
#include "moodle_double/simulation/concat.h"
#include "moodle_double/simulation/json_text.h"
#include "moodle_double/simulation/log_files.h"
#include "platform/base/ids.h"

namespace compagnon::moodle_double {
namespace {

std::string Done() { return R"({"ok":true})"; }

// A course page seen now by nobody in particular (the guest account): a row that is well formed but for what a test
// changes in it.
Event PlainEvent(const SiteSimulation& simulation, int64_t now_us, int64_t number) {
  Event event;
  event.type = &event_type::kCourseViewed;
  const Course& home = simulation.world().course(1);
  event.context_id = home.context;
  event.context_instance = event.course = home.id;
  event.user = 1;
  event.occurred_us = now_us - now_us % 1'000'000;
  event.recorded_us = now_us;
  event.ip = "192.0.2.1";
  Random random(SeedFor(simulation.parameters().seed, "provoked", number));
  event.uuid_high = random.Next();
  event.uuid_low = random.Next();
  return event;
}

}  // namespace

absl::Status SiteDouble::AddRow(std::string_view kind, int64_t now_us) {
  Event event = PlainEvent(*simulation_, now_us, outbox_.rows());
  std::string row;
  auto append_changed = [&](auto change) {
    AppendBridgeRow(event, &row);
    auto json = nlohmann::ordered_json::parse(row);
    change(json);
    outbox_.AppendBytes(json.dump(), now_us);
  };
  if (kind == "plain") {
    outbox_.OnEvent(event);
  } else if (kind == "future") {
    event.occurred_us += int64_t{3} * 86'400 * 1'000'000;  // occurred three days after it was recorded
    outbox_.OnEvent(event);
  } else if (kind == "late") {
    event.occurred_us -= int64_t{40} * 86'400 * 1'000'000;
    outbox_.OnEvent(event);
  } else if (kind == "huge") {
    event.other = "{\"text\":\"" + std::string(5 << 20, 'x') + "\"}";
    outbox_.OnEvent(event);
  } else if (kind == "huge-state") {
    event.state = "{\"text\":\"" + std::string(300 << 10, 'x') + "\"}";
    outbox_.OnEvent(event);
  } else if (kind == "unknown") {
    append_changed([](auto& json) {
      json["eventname"] = "\\local_other\\event\\thing_happened";
      json["component"] = "local_other";
      json["action"] = "happened";
      json["target"] = "thing";
      json["surprise"] = {{"deep", {1, 2, 3}}};
    });
  } else if (kind == "string-ids") {
    append_changed([](auto& json) {
      for (const char* field : {"userid", "courseid", "contextid", "contextinstanceid"})
        json[field] = std::to_string(json[field].template get<int64_t>());
    });
  } else if (kind == "no-name") {
    append_changed([](auto& json) { json.erase("eventname"); });
  } else if (kind == "negative") {
    append_changed([](auto& json) { json["occurred"] = -5; });
  } else if (kind == "bad-json") {
    outbox_.AppendBytes("{\"uuid\":\"broken\",\"eventname\":", now_us);
  } else if (kind == "bad-utf8") {
    event.other = "{\"text\":\"abc\xC3\x28\xFF\"}";
    outbox_.OnEvent(event);
  } else if (kind == "nul") {
    event.other = "{\"text\":\"a\\u0000b\"}";
    outbox_.OnEvent(event);
  } else if (kind == "duplicate-uuid") {
    outbox_.OnEvent(event);
    outbox_.OnEvent(event);
  } else if (kind == "gap") {
    event.type = &event_type::kBridgeGap;
    event.context_id = World::kSystemContext;
    event.context_instance = event.course = event.user = 0;
    JsonObject(&event.other)
        .Text("step", "views")
        .Int("rows", 1'234)
        .Int("from", now_us - 3'600'000'000)
        .Int("to", now_us)
        .Close();
    outbox_.OnEvent(event);
  } else {
    return absl::InvalidArgumentError(Concat("no such row: ", kind));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> SiteDouble::Control(std::string_view action, const Form& form, int64_t now_us) {
  if (action == "rows") {
    const int64_t added = AddRows(std::max<int64_t>(0, form.Int("n", 1)), now_us);
    return Concat("{\"ok\":true,\"rows\":", added, "}");
  }
  std::unique_lock lock(mutex_, std::defer_lock);
  if (!replaying_) lock.lock();
  auto note = [&](std::string_view given) { Note(Concat("do ", now_us, " ", given)); };
  if (action == "fault") {
    Fault fault;
    fault.name = form.Text("name");
    fault.function = form.Text("function", "*");
    fault.times = form.Int("times", 1);
    fault.amount = form.Int("amount", 0);
    fault.text = form.Text("errorcode");
    if (absl::Status status = faults_.Add(std::move(fault), *recordings_); !status.ok()) return status;
    return Done();
  }
  if (action == "clear") {
    faults_.Clear();
    offline_.clear();
    token_revoked_ = false;
    return Done();
  }
  if (action == "row") {
    const std::string kind = form.Text("kind", "plain");
    const int64_t times = std::clamp<int64_t>(form.Int("times", 1), 1, 10'000);
    for (int64_t i = 0; i < times; ++i) {
      if (absl::Status status = AddRow(kind, now_us); !status.ok()) return status;
    }
    note(Concat("row?kind=", kind, "&times=", times));
    return Done();
  }
  if (action == "wake") {
    const std::optional<Participation> woken = simulation_->WakeNow(now_us);
    if (!woken) return absl::NotFoundError("nobody sleeps in an open course");
    note(action);
    return Concat("{\"ok\":true,\"user\":", woken->user, ",\"course\":", woken->course, "}");
  }
  if (action == "pause" || action == "resume") {
    paused_ = action == "pause";
    return Done();
  }
  if (action == "offline") {
    // Nobody reaches the site from `after` seconds from now, for `seconds`; what happens meanwhile arrives afterwards.
    const int64_t from = now_us + form.Int("after", 0) * 1'000'000;
    offline_.emplace_back(from, from + form.Int("seconds", 60) * 1'000'000);
    return Done();
  }
  if (action == "online") {
    offline_.clear();
    return Done();
  }
  if (action == "revoke") {
    token_revoked_ = true;
    token_state_ = form.Text("as", "error-bad-token");
    return recordings_->Find(token_state_) != nullptr ? absl::StatusOr<std::string>(Done())
                                                      : absl::InvalidArgumentError("as: no such recording");
  }
  if (action == "restore-token") {
    token_revoked_ = false;
    return Done();
  }
  if (action == "fingerprint") {
    fingerprint_ =
        HexEncode(Sha256(Concat("fingerprint ", options_.site.seed, options_.site.code, " copy ", ++copies_)));
    note(action);
    return Concat("{\"ok\":true,\"fingerprint\":\"", fingerprint_, "\"}");
  }
  if (action == "fingerprint-back") {
    fingerprint_ = HexEncode(Sha256(Concat("fingerprint ", options_.site.seed, options_.site.code)));
    note(action);
    return Done();
  }
  if (action == "epoch") {
    outbox_.NewEpoch();
    note(action);
    return Concat("{\"ok\":true,\"epoch\":\"", outbox_.epoch(), "\"}");
  }
  if (action == "copy") {
    // The administrator says "copy": a new site and a new epoch.
    site_id_ =
        HexEncode(Sha256(Concat("site ", options_.site.seed, options_.site.code, " copy ", ++copies_))).substr(0, 32);
    outbox_.NewEpoch();
    note(action);
    return Concat("{\"ok\":true,\"site\":\"", site_id_, "\",\"epoch\":\"", outbox_.epoch(), "\"}");
  }
  if (action == "restore-backup") {
    const int64_t latest = form.Int("latest", std::max<int64_t>(0, outbox_.latest() - 100));
    outbox_.ForgetAfter(latest);
    note(Concat("restore-backup?latest=", latest));
    return Concat("{\"ok\":true,\"latest\":", outbox_.latest(), "}");
  }
  if (action == "prune") {
    outbox_.Prune(form.Int("upto", outbox_.lowest_mark()));
    return Concat("{\"ok\":true,\"oldest\":", outbox_.oldest(), "}");
  }
  if (action == "plugin-fault") {
    outbox_.AddFault();
    return Done();
  }
  if (action == "delete-user") {
    const int64_t user = form.Int("user", 0);
    const World& world = simulation_->world();
    if (user <= World::kServiceAccount || user > static_cast<int64_t>(world.users().size()) ||
        world.user(user).created == 0 || world.user(user).deleted) {
      return absl::InvalidArgumentError("user");
    }
    simulation_->mutable_world()->DeleteUser(user, Moment{now_us, World::kAdmin, Origin::kWeb, 0});
    const int64_t redacted = outbox_.Redact(user);
    note(Concat("delete-user?user=", user));
    return Concat("{\"ok\":true,\"redacted\":", redacted, "}");
  }
  if (action == "drift") {
    // A change in the database that no event tells: what only comparing finds.
    const int64_t user = form.Int("user", 0);
    if (user <= World::kServiceAccount || user > static_cast<int64_t>(simulation_->world().users().size()))
      return absl::InvalidArgumentError("user");
    simulation_->mutable_world()->ChangeSilently(user, form.Text("area", "rural"));
    note(Concat("drift?user=", user, "&area=", form.Text("area", "rural")));
    return Done();
  }
  return absl::NotFoundError(Concat("no such action: ", action));
}

std::string SiteDouble::File(std::string_view name) {
  std::lock_guard lock(mutex_);
  if (name != "log.jsonl") return FileBesideLog(simulation_->world(), name);
  std::string out;
  int64_t id = 0;
  outbox_.ForEach([&](const std::string& content) {
    ++id;
    const auto row = nlohmann::ordered_json::parse(content, nullptr, false);
    if (!row.is_object() || !row.contains("eventname") || row.value("timecreated", int64_t{-1}) < 0)
      return;  // a provoked row
    nlohmann::ordered_json line = {{"id", id}};
    for (const char* field :
         {"eventname", "component", "action", "target", "objecttable", "objectid", "crud", "edulevel", "contextid",
          "contextlevel", "contextinstanceid", "userid", "courseid", "relateduserid", "anonymous"}) {
      line[field] = row[field];
    }
    line["other"] = row["other"].dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    for (const char* field : {"timecreated", "origin", "ip", "realuserid"}) line[field] = row[field];
    out += line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    out.push_back('\n');
  });
  return out;
}

std::string SiteDouble::Describe(int64_t now_us) {
  std::lock_guard lock(mutex_);
  const World& world = simulation_->world();
  nlohmann::ordered_json out;
  out["code"] = options_.site.code;
  out["title"] = options_.site.title;
  out["zone"] = simulation_->parameters().zone;
  out["url"] = options_.url;
  out["now_us"] = now_us;
  out["site"] = site_id_;
  out["epoch"] = outbox_.epoch();
  out["fingerprint"] = fingerprint_;
  out["rows"] = outbox_.rows();
  out["latest"] = outbox_.latest();
  out["oldest"] = outbox_.oldest();
  out["paused"] = paused_;
  out["subscribers"] = nlohmann::ordered_json::object();
  for (const auto& [name, subscriber] : outbox_.subscribers()) out["subscribers"][name] = subscriber.upto;
  out["calls"] = nlohmann::ordered_json::object();
  for (const auto& [function, times] : calls_) out["calls"][function.empty() ? "(none)" : function] = times;
  out["faults"] = nlohmann::ordered_json::array();
  for (const Fault& fault : faults_.waiting())
    out["faults"].push_back({{"name", fault.name}, {"function", fault.function}, {"times", fault.times}});
  out["tables"] = nlohmann::ordered_json::object();
  for (std::string_view kind : ExportKinds()) {
    if (const auto page = Export(world, kind, INT64_MAX - 1, 1, true, 0); page.ok())
      out["tables"][std::string(kind)] = page->total;
  }
  return out.dump();
}

}  // namespace compagnon::moodle_double
