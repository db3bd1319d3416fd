#include "analytics/api/decode.h"

#include <google/protobuf/arena.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "analytics/domain/coverage.h"
#include "analytics/domain/fields.h"
#include "analytics/domain/local_time.h"
#include "compagnon/event/v1/slim.pb.h"

namespace compagnon::analytics {
namespace {

using event::v1::SlimEvent;

constexpr int64_t kLatestUs = int64_t{84006} * kDayUs;  // 2200-01-01
// Positions and days beyond these are no real ones and would overflow what is computed with them.
constexpr int64_t kMaxPosition = int64_t{1} << 62;
// Each block of a void range is a row: more positions than a site ever has would be an attack.
constexpr int64_t kMaxVoid = int64_t{1} << 34;
constexpr int32_t kMinDay = -40000, kMaxDay = 100000;
constexpr size_t kMaxName = 255;
constexpr size_t kMaxText = 4000;
constexpr int64_t kToleranceUs = int64_t{5} * 60 * 1000000;

bool IsSiteCode(std::string_view code) {
  return !code.empty() && code.size() <= 32 && std::all_of(code.begin(), code.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

// The store takes no NUL and no broken UTF-8 in a text: one such event would hold back its whole batch for ever. Fields
// of a message are UTF-8 once they were parsed; what comes from the headers of a message is anything.
bool IsText(std::string_view text, size_t most) {
  return text.size() <= most && text.find('\0') == std::string_view::npos;
}

// A log's name is printable ASCII: the import checks it.
bool IsStream(std::string_view stream) {
  return stream == kSiteStream ||
         (stream.starts_with("log/") && stream.size() > 4 && stream.size() <= 128 &&
          std::all_of(stream.begin(), stream.end(), [](char c) { return c > ' ' && c < 127; }));
}

bool IsInstant(int64_t at_us) { return at_us >= 0 && at_us < kLatestUs; }
bool IsDay(int32_t day) { return day >= kMinDay && day <= kMaxDay; }

// A name that is kept in a text of one line each.
bool IsLine(std::string_view text) { return IsText(text, kMaxName) && text.find('\n') == std::string_view::npos; }

class Decoder {
 public:
  EventBatch Run(absl::Span<const bus::Delivery> deliveries) {
    batch_.activities.reserve(deliveries.size());
    for (const bus::Delivery& delivery : deliveries) Add(delivery.message);
    return std::move(batch_);
  }

 private:
  void Add(const bus::Message& message) {
    arena_.Reset();
    auto* event = google::protobuf::Arena::CreateMessage<SlimEvent>(&arena_);
    if (!event->ParseFromString(message.data)) return SetAside(message, "malformed");
    if (!IsSiteCode(event->site())) return SetAside(message, "site_invalid");
    if (!IsStream(event->stream())) return SetAside(message, "stream_invalid");
    if (event->pos() < 1 || event->pos() > kMaxPosition) return SetAside(message, "position_invalid");
    const int32_t stream = StreamOf(event->site(), event->stream());
    const std::string_view broken = AddBody(*event, stream);
    if (!broken.empty()) batch_.poison.push_back({stream, event->pos(), &message, std::string(broken)});
  }

  // Empty, or the rule it breaks.
  std::string_view AddBody(const SlimEvent& event, int32_t stream) {
    if (event.has_activity()) return AddActivity(event, stream);
    if (event.body_case() == SlimEvent::BODY_NOT_SET) return "body_unknown";
    if (event.stream() != kSiteStream) return "state_outside_site_stream";
    switch (event.body_case()) {
      case SlimEvent::kCourse:
        return AddCourse(event, stream);
      case SlimEvent::kEnrolment:
        return AddEnrolment(event, stream);
      case SlimEvent::kCoverage:
        return AddCoverage(event, stream);
      case SlimEvent::kVoid:
        return AddVoid(event, stream);
      default:
        return AddCompleteness(event, stream);
    }
  }

  std::string_view AddActivity(const SlimEvent& event, int32_t stream) {
    const event::v1::Activity& body = event.activity();
    if (body.name().empty() || !IsText(body.name(), kMaxName)) return "name_invalid";
    if (!IsInstant(event.occurred_us())) return "occurred_out_of_range";
    if (!IsInstant(event.recorded_us())) return "recorded_out_of_range";
    if (body.person() < 0 || body.related_person() < 0 || body.course() < 0) return "id_negative";
    Activity a;
    a.stream = stream;
    a.name = NameOf(body.name());
    a.pos = event.pos();
    a.occurred_us = event.occurred_us();
    a.recorded_us = event.recorded_us();
    ActivityTraits traits;
    traits.crud = body.crud().empty() ? '\0' : body.crud()[0];
    traits.edulevel = body.edulevel();
    traits.origin = body.origin();
    traits.acted_by_other = body.acted_by_other();
    traits.anonymous = body.anonymous();
    traits.clock_flagged = event.clock_flagged();
    traits.has_score = body.has_score();
    traits.completion_state = body.completion_state();
    traits.context_level = body.context_level();
    // The rule of the site's clock (indicators.md, "Times of an event"), for a publisher that did not apply it.
    if (a.recorded_us > 0 && a.occurred_us > a.recorded_us + kToleranceUs) {
      a.occurred_us = a.recorded_us;
      traits.clock_flagged = true;
    }
    a.traits = PackTraits(traits);
    a.person = body.person();
    a.related_person = body.related_person();
    a.course = body.course();
    a.context_instance = body.context_instance();
    a.object = body.object();
    a.grade_item = body.grade_item();
    a.score_milli = body.score_milli();
    batch_.activities.push_back(a);
    return "";
  }

  std::string_view AddCourse(const SlimEvent& event, int32_t stream) {
    const event::v1::CourseState& body = event.course();
    if (body.course() < 1) return "course_missing";
    if (!IsText(body.short_name(), kMaxText) || !IsText(body.full_name(), kMaxText) ||
        !IsText(body.time_zone(), kMaxName))
      return "text_invalid";
    if (!IsDay(body.start_day()) || !IsDay(body.end_day())) return "day_out_of_range";
    CourseState state{stream, event.pos(), body.course(),    body.short_name(), body.full_name(),
                      {},     {},          body.time_zone(), body.visible()};
    if (body.has_start()) state.start_day = body.start_day();
    if (body.has_end()) state.end_day = body.end_day();
    batch_.courses.push_back(std::move(state));
    return "";
  }

  std::string_view AddEnrolment(const SlimEvent& event, int32_t stream) {
    const event::v1::EnrolmentState& body = event.enrolment();
    if (body.person() < 1) return "person_missing";
    if (body.course() < 1) return "course_missing";
    for (const std::string* text : {&body.cohort(), &body.sex(), &body.age_band(), &body.country(), &body.area()}) {
      if (!IsText(*text, kMaxName)) return "text_invalid";
    }
    std::vector<Interval> parts;
    for (const event::v1::Interval& i : body.intervals()) {
      // An end in the year 5138 means never, as much as 0 does in Moodle.
      parts.push_back({std::max<int64_t>(0, i.from_us()), i.to_us() >= kLatestUs ? kNever : i.to_us()});
    }
    std::erase_if(parts, [](const Interval& i) { return i.from >= kLatestUs; });
    batch_.enrolments.push_back({stream, event.pos(), body.person(), body.course(), body.learner(), body.cohort(),
                                 body.sex(), body.age_band(), body.country(), body.area(),
                                 Merge(std::move(parts), kDayUs)});
    return "";
  }

  std::string_view AddCoverage(const SlimEvent& event, int32_t stream) {
    CoverageState state{stream, event.pos(), event.occurred_us(), {}};
    for (const auto& span : event.coverage().spans()) {
      const CoverageSpan said{span.source(), {span.span().from_us(), span.span().to_us()}};
      if (said.source.empty() || !IsLine(said.source) || !IsInstant(said.span.from)) return "coverage_invalid";
      if (said.span.to != kNever && !IsInstant(said.span.to)) return "coverage_invalid";
      if (said.span.from >= said.span.to) continue;
      if (!state.coverage.spans.empty() && said.span.from < state.coverage.spans.back().span.to)
        return "coverage_overlaps";
      state.coverage.spans.push_back(said);
    }
    for (const auto& mark : event.coverage().marks()) {
      if (!IsLine(mark.stream()) || mark.pos() < 0) return "coverage_invalid";
      state.coverage.marks.push_back({mark.stream(), mark.pos(), mark.events()});
    }
    batch_.coverages.push_back(std::move(state));
    return "";
  }

  std::string_view AddCompleteness(const SlimEvent& event, int32_t stream) {
    const event::v1::CompletenessState& body = event.completeness();
    if (!IsDay(body.day())) return "day_out_of_range";
    if (body.pulled() < 0 || body.counted() < 0) return "count_negative";
    batch_.completeness.push_back({stream, event.pos(), body.day(), body.pulled(), body.counted()});
    return "";
  }

  std::string_view AddVoid(const SlimEvent& event, int32_t stream) {
    const event::v1::VoidState& body = event.void_();
    if (body.first_pos() < 1 || body.first_pos() > event.pos() || event.pos() - body.first_pos() > kMaxVoid)
      return "position_invalid";
    VoidState state{stream, body.first_pos(), event.pos(), {}};
    if (body.has_lost()) {
      state.lost = {std::max<int64_t>(0, body.lost().from_us()), std::min(body.lost().to_us(), kLatestUs)};
      if (state.lost.from >= state.lost.to) return "interval_invalid";
    }
    batch_.voids.push_back(state);
    return "";
  }

  // A message that cannot be read may still say where it belongs: id "<stream>/<pos>", source "/sites/<site>".
  void SetAside(const bus::Message& message, std::string_view reason) {
    Poison poison{-1, 0, &message, std::string(reason)};
    std::string_view site = message.source, stream = message.id;
    const size_t slash = stream.rfind('/');
    constexpr std::string_view kSites = "/sites/";
    if (site.starts_with(kSites) && slash != std::string_view::npos &&
        ParseInt(stream.substr(slash + 1), &poison.pos) && poison.pos >= 1 && poison.pos <= kMaxPosition) {
      site.remove_prefix(kSites.size());
      stream = stream.substr(0, slash);
      if (IsSiteCode(site) && IsStream(stream)) poison.stream = StreamOf(std::string(site), std::string(stream));
    }
    batch_.poison.push_back(std::move(poison));
  }

  int32_t StreamOf(const std::string& site, const std::string& stream) {
    if (!batch_.streams.empty()) {
      const StreamName& last = batch_.streams[last_stream_];
      if (last.site == site && last.stream == stream) return last_stream_;
    }
    const auto [found, added] = streams_.try_emplace({site, stream}, static_cast<int32_t>(batch_.streams.size()));
    if (added) batch_.streams.push_back({site, stream});
    last_stream_ = found->second;
    return found->second;
  }

  int32_t NameOf(const std::string& name) {
    const auto [found, added] = names_.try_emplace(name, static_cast<int32_t>(batch_.names.size()));
    if (added) batch_.names.push_back(name);
    return found->second;
  }

  google::protobuf::Arena arena_;
  EventBatch batch_;
  int32_t last_stream_ = 0;
  std::map<std::pair<std::string, std::string>, int32_t> streams_;
  absl::flat_hash_map<std::string, int32_t> names_;
};

}  // namespace

EventBatch Decode(absl::Span<const bus::Delivery> deliveries) { return Decoder().Run(deliveries); }

}  // namespace compagnon::analytics
