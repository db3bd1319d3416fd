#include "moodle/store/publication.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "compagnon/event/v1/slim.pb.h"
#include "moodle/domain/slim.h"
#include "moodle/store/site_store.h"
#include "platform/base/ids.h"
#include "platform/base/trace.h"
#include "platform/bus/outbox.h"

namespace compagnon::moodle {
namespace {

using event::v1::SlimEvent;

constexpr std::string_view kSiteStream = "site";
// Keeps statements well under SQLite's limit of a million characters.
constexpr size_t kIdsPerStatement = 5000;

std::string_view StateName(const SlimEvent& event) {
  switch (event.body_case()) {
    case SlimEvent::kCourse:
      return "course";
    case SlimEvent::kEnrolment:
      return "enrolment";
    case SlimEvent::kCoverage:
      return "coverage";
    case SlimEvent::kCompleteness:
      return "completeness";
    case SlimEvent::kVoid:
      return "void";
    default:
      return "";
  }
}

// Gives out `count` positions; answers the first. Locks the counter's row until the transaction ends.
absl::StatusOr<int64_t> TakePositions(store::Session& session, std::string_view site, int64_t count) {
  const store::Value code{std::string(site)};
  ASSIGN_OR_RETURN(int64_t changed,
                   session.Execute("UPDATE slim_stream SET pos = pos + :p2 WHERE site = :p1", {{code, count}}));
  if (changed == 0) {
    RETURN_IF_ERROR(
        session.Execute("INSERT INTO slim_stream (site, pos) VALUES (:p1, 0) ON CONFLICT (site) DO NOTHING", {{code}})
            .status());
    ASSIGN_OR_RETURN(changed,
                     session.Execute("UPDATE slim_stream SET pos = pos + :p2 WHERE site = :p1", {{code, count}}));
    if (changed != 1) return absl::InternalError("slim_stream: no counter");
  }
  int64_t last = 0;
  RETURN_IF_ERROR(session.Query("SELECT pos FROM slim_stream WHERE site = :p1", {{code}}, [&](const store::Row& row) {
    last = row.Int(0);
    return absl::OkStatus();
  }));
  return last - count + 1;
}

// "\core\event\course_viewed" of component core -> key parts. A slim event carries no component, so they come from its
// name:
// \<component>\event\<target>_<action>; Moodle's own rule of naming.
std::string ActivityKey(std::string_view site, std::string_view name) {
  const size_t component_end = name.find('\\', 1);
  const std::string_view component =
      name.substr(1, component_end == std::string_view::npos ? std::string_view::npos : component_end - 1);
  std::string_view last = name.substr(name.rfind('\\') + 1);
  const size_t action_at = last.rfind('_');
  const std::string_view target = action_at == std::string_view::npos ? last : last.substr(0, action_at);
  const std::string_view action = action_at == std::string_view::npos ? std::string_view() : last.substr(action_at + 1);
  return RoutingKey(site, component, target, action);
}

bus::Message MessageOf(std::string_view site, const SlimEvent& event, std::string key, const std::string& traceparent) {
  bus::Message message;
  message.exchange = "events";
  message.id = absl::StrCat(event.stream(), "/", event.pos());
  message.source = absl::StrCat("/sites/", std::string(site));
  message.time_us = event.occurred_us();
  message.traceparent = traceparent;
  if (event.has_activity()) {
    message.type = event.activity().name();
    message.routing_key = key.empty() ? ActivityKey(site, event.activity().name()) : std::move(key);
  } else {
    const std::string_view state = StateName(event);
    message.type = absl::StrCat("compagnon.", std::string(state), ".updated");
    message.routing_key = RoutingKey(site, "directory", state, "updated");
  }
  message.data = event.SerializeAsString();
  return message;
}

// `first_pos` not 0: positions of the site's stream are given from there instead of taken.
absl::Status Publish(store::Session& session, std::string_view site, absl::Span<SlimEvent> events,
                     std::vector<std::string> keys, int64_t first_pos = 0) {
  if (events.empty()) return absl::OkStatus();
  int64_t live = 0;
  for (const SlimEvent& event : events) live += event.stream().empty() || event.stream() == kSiteStream ? 1 : 0;
  int64_t pos = first_pos;
  if (live > 0 && first_pos == 0) {
    ASSIGN_OR_RETURN(pos, TakePositions(session, site, live));
  }
  // One for all: what made them is one step.
  const std::string traceparent = NewTraceparent();
  std::vector<bus::Message> messages;
  messages.reserve(events.size());
  for (size_t i = 0; i < events.size(); ++i) {
    SlimEvent& event = events[i];
    event.set_site(site.data(), site.size());
    if (event.stream().empty()) event.set_stream("site");
    if (event.stream() == kSiteStream) event.set_pos(pos++);
    messages.push_back(MessageOf(site, event, keys.empty() ? std::string() : std::move(keys[i]), traceparent));
  }
  return bus::AppendToOutbox(session, messages);
}

struct Prepared {
  std::vector<SlimEvent> events;
  std::vector<std::string> keys;
};

absl::StatusOr<Prepared> Prepare(store::Session& session, std::string_view site, std::string_view stream,
                                 absl::Span<const MoodleEvent> events) {
  Prepared out;
  std::vector<SlimActivity> kept;
  std::vector<const MoodleEvent*> sources;
  kept.reserve(events.size());
  sources.reserve(events.size());
  std::vector<int64_t> users;
  users.reserve(events.size() * 2);
  for (const MoodleEvent& event : events) {
    auto slim = ToSlim(event);
    if (!slim) continue;
    users.push_back(slim->user);
    users.push_back(slim->related_user);
    kept.push_back(*slim);
    sources.push_back(&event);
  }
  if (kept.empty()) return out;
  ASSIGN_OR_RETURN(const std::vector<int64_t> pseudonyms, PseudonymsOf(session, site, users));

  out.events.resize(kept.size());
  out.keys.resize(kept.size());
  for (size_t i = 0; i < kept.size(); ++i) {
    const SlimActivity& slim = kept[i];
    SlimEvent& slim_event = out.events[i];
    slim_event.set_stream(stream.data(), stream.size());
    slim_event.set_pos(sources[i]->seq);
    slim_event.set_occurred_us(slim.occurred_us);
    slim_event.set_recorded_us(slim.recorded_us);
    slim_event.set_clock_flagged(slim.clock_flagged);
    event::v1::Activity& activity = *slim_event.mutable_activity();
    activity.set_name(slim.name.data(), slim.name.size());
    activity.set_person(pseudonyms[2 * i]);
    activity.set_related_person(pseudonyms[2 * i + 1]);
    activity.set_course(slim.course);
    activity.set_crud(&slim.crud, 1);
    activity.set_edulevel(slim.edulevel);
    activity.set_context_level(slim.context_level);
    activity.set_context_instance(slim.context_instance);
    activity.set_object(slim.object);
    activity.set_origin(static_cast<event::v1::Origin>(slim.origin));
    activity.set_acted_by_other(slim.acted_by_other);
    activity.set_anonymous(slim.anonymous);
    activity.set_grade_item(slim.grade_item);
    activity.set_score_milli(slim.score_milli);
    activity.set_has_score(slim.has_score);
    activity.set_completion_state(slim.completion_state);
    out.keys[i] = RoutingKey(site, sources[i]->component, sources[i]->target, sources[i]->action);
  }
  return out;
}

}  // namespace

absl::StatusOr<std::vector<int64_t>> PseudonymsOf(store::Session& session, std::string_view site,
                                                  absl::Span<const int64_t> users) {
  std::vector<int64_t> wanted(users.begin(), users.end());
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  wanted.erase(wanted.begin(), std::upper_bound(wanted.begin(), wanted.end(), int64_t{0}));

  const store::Value code{std::string(site)};
  absl::flat_hash_map<int64_t, int64_t> known;
  known.reserve(wanted.size());
  // Twice at most but for a collision of random numbers, which another round draws again.
  for (int round = 0; !wanted.empty(); ++round) {
    if (round > 5) return absl::InternalError("person_key: pseudonyms cannot be made");
    for (size_t from = 0; from < wanted.size(); from += kIdsPerStatement) {
      std::string sql = "SELECT moodle_user, pseudonym FROM person_key WHERE site = :p1 AND moodle_user IN (";
      for (size_t i = from; i < std::min(wanted.size(), from + kIdsPerStatement); ++i)
        absl::StrAppend(&sql, i == from ? "" : ",", wanted[i]);
      sql.push_back(')');
      RETURN_IF_ERROR(session.Query(sql, {{code}}, [&](const store::Row& row) {
        known.insert_or_assign(row.Int(0), row.Int(1));
        return absl::OkStatus();
      }));
    }
    std::erase_if(wanted, [&](int64_t user) { return known.contains(user); });
    // In ascending order, so that two transactions that meet the same people lock them in the same order. What another
    // one inserted meanwhile is left alone and read in the next round.
    for (size_t from = 0; from < wanted.size(); from += kIdsPerStatement) {
      std::string sql =
          "INSERT INTO person_key (site, moodle_user, pseudonym) SELECT :p1, column1, column2 FROM (VALUES ";
      for (size_t i = from; i < std::min(wanted.size(), from + kIdsPerStatement); ++i) {
        absl::StrAppend(&sql, i == from ? "(" : ",(", wanted[i], ",", RandomPositiveInt64(), ")");
      }
      sql.append(") AS fresh WHERE true ON CONFLICT DO NOTHING");
      RETURN_IF_ERROR(session.Execute(sql, {{code}}).status());
    }
  }

  std::vector<int64_t> out;
  out.reserve(users.size());
  for (int64_t user : users) out.push_back(user > 0 ? known.at(user) : 0);
  return out;
}

absl::Status PublishSlim(store::Session& session, std::string_view site, absl::Span<SlimEvent> events) {
  return Publish(session, site, events, {});
}

absl::StatusOr<int64_t> PublishEvents(store::Session& session, std::string_view site, std::string_view stream,
                                      absl::Span<const MoodleEvent> events) {
  ASSIGN_OR_RETURN(Prepared prepared, Prepare(session, site, stream, events));
  RETURN_IF_ERROR(Publish(session, site, absl::MakeSpan(prepared.events), std::move(prepared.keys)));
  return static_cast<int64_t>(prepared.events.size());
}

absl::StatusOr<int64_t> RepublishEvents(store::Session& session, std::string_view site, int64_t first_pos,
                                        int64_t expected, absl::Span<const MoodleEvent> events) {
  ASSIGN_OR_RETURN(Prepared prepared, Prepare(session, site, kSiteStream, events));
  const int64_t made = static_cast<int64_t>(prepared.events.size());
  if (made == expected)
    RETURN_IF_ERROR(Publish(session, site, absl::MakeSpan(prepared.events), std::move(prepared.keys), first_pos));
  return made;
}

absl::Status PublishVoid(store::Session& session, std::string_view site, int64_t first_pos, int64_t last_pos,
                         std::optional<std::pair<int64_t, int64_t>> lost, int64_t now_us) {
  if (first_pos > last_pos) return absl::OkStatus();
  SlimEvent event;
  event.set_occurred_us(now_us);
  event.set_recorded_us(now_us);
  event.mutable_void_()->set_first_pos(first_pos);
  if (lost) {
    event.mutable_void_()->mutable_lost()->set_from_us(lost->first);
    event.mutable_void_()->mutable_lost()->set_to_us(lost->second);
  }
  return Publish(session, site, absl::MakeSpan(&event, 1), {}, last_pos);
}

absl::StatusOr<bool> PublishCompleteness(store::Session& session, std::string_view site, int64_t now_us) {
  const store::Value code{std::string(site)};
  std::vector<SlimEvent> states;
  RETURN_IF_ERROR(
      session.Query("SELECT day, pulled, counted FROM completeness WHERE site = :p1 AND published = 0 ORDER BY day",
                    {{code}}, [&](const store::Row& row) {
                      SlimEvent& event = states.emplace_back();
                      event.set_occurred_us(now_us);
                      event.set_recorded_us(now_us);
                      event.mutable_completeness()->set_day(static_cast<int32_t>(row.Int(0)));
                      event.mutable_completeness()->set_pulled(row.Int(1));
                      event.mutable_completeness()->set_counted(row.Int(2));
                      return absl::OkStatus();
                    }));
  if (states.empty()) return false;
  RETURN_IF_ERROR(
      session.Execute("UPDATE completeness SET published = 1 WHERE site = :p1 AND published = 0", {{code}}).status());
  RETURN_IF_ERROR(PublishSlim(session, site, absl::MakeSpan(states)));
  return true;
}

absl::StatusOr<int64_t> LastSitePos(store::Session& session, std::string_view site) {
  ASSIGN_OR_RETURN(const int64_t next, TakePositions(session, site, 0));
  return next - 1;
}

}  // namespace compagnon::moodle
