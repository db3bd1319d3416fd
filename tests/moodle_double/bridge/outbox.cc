#include "moodle_double/bridge/outbox.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/time/civil_time.h"
#include "moodle_double/simulation/concat.h"
#include "moodle_double/simulation/json_text.h"
#include "moodle_double/simulation/random.h"
#include "platform/base/ids.h"

namespace compagnon::moodle_double {
namespace {

constexpr int64_t kDayUs = 86'400'000'000;
constexpr int64_t kLargestPage = 5'000;
constexpr int64_t kLargestBytes = 4 << 20;

std::string DayName(int64_t day) {
  const absl::CivilDay civil = absl::CivilDay(1970, 1, 1) + day;
  char text[16];
  std::snprintf(text, sizeof text, "%04d-%02d-%02d", static_cast<int>(civil.year()), civil.month(), civil.day());
  return text;
}

std::vector<DayCount> Named(const std::map<int64_t, int64_t>& days) {
  std::vector<DayCount> out;
  for (const auto& [day, rows] : days) out.push_back({DayName(day), rows});
  return out;
}

}  // namespace

Outbox::Outbox(uint64_t seed) : seed_(seed) { NameEpoch(); }

void Outbox::NameEpoch() {
  Random random(SeedFor(seed_, "epoch", epochs_++));
  static constexpr char kHex[] = "0123456789abcdef";
  epoch_.clear();
  for (int i = 0; i < 32; ++i) {
    epoch_.push_back(i == 12 ? '4' : i == 16 ? '8' : kHex[random.Below(16)]);
    if (i == 7 || i == 11 || i == 15 || i == 19) epoch_.push_back('-');
  }
}

void Outbox::OnEvent(const Event& event) {
  scratch_.clear();
  AppendBridgeRow(event, &scratch_);
  // What the bridge never tells must not be findable by it either: an anonymous answer belongs to nobody here.
  const int64_t recorded = event.anonymous ? event.recorded_us - event.recorded_us % kDayUs : event.recorded_us;
  Append(scratch_, recorded, event.anonymous ? 0 : event.user, event.anonymous ? 0 : event.related_user);
}

void Outbox::AppendBytes(std::string_view content, int64_t recorded_us) { Append(content, recorded_us, 0, 0); }

void Outbox::Append(std::string_view content, int64_t recorded_us, int64_t user, int64_t related_user) {
  Row row;
  row.hash = HexEncode(Sha256(content));
  row.size = static_cast<uint32_t>(content.size());
  row.recorded_us = recorded_us;
  row.user = user;
  row.related_user = related_user;
  row.escaped.reserve(content.size() + content.size() / 6);
  AppendEscaped(content.substr(1), &row.escaped);
  bytes_ += row.size;
  ++rows_of_day_[recorded_us / kDayUs];
  rows_.push_back(std::move(row));
}

absl::StatusOr<OutboxPage> Outbox::Pull(const std::string& subscriber, const std::string& epoch, int64_t after,
                                        int64_t limit, int64_t max_bytes, int64_t now_us) {
  if (limit < 1 || limit > kLargestPage || max_bytes < 1 || max_bytes > kLargestBytes || after < 0 ||
      subscriber.empty()) {
    return absl::InvalidArgumentError("limit, maxbytes or after");
  }
  numbered_ = std::min(numbered_ + kLargestPage, static_cast<int64_t>(rows_.size()));
  const bool unknown = epoch.empty() ? after != 0 : epoch != epoch_;
  if (unknown || after > latest() || after + 1 < oldest()) {
    // A first pull of nothing is allowed even where old rows are pruned: it learns where to begin.
    if (!(epoch.empty() && after == 0)) return absl::FailedPreconditionError("cursorreset");
    after = oldest() - 1;
  }
  subscribers_[subscriber].last_pull_us = now_us;

  OutboxPage page;
  page.latest = latest();
  page.oldest = oldest();
  page.unnumbered = unnumbered();
  page.faults = faults_;
  std::map<int64_t, int64_t> days;
  days[now_us / kDayUs] = 0;
  const int64_t begin = epoch_begin_ + after;
  const int64_t end = std::min(numbered_, begin + limit);
  int64_t bytes = 0;
  for (int64_t i = begin; i < end; ++i) {
    const Row& row = rows_[static_cast<size_t>(i)];
    const int64_t seq = i - epoch_begin_ + 1;
    const size_t prefix = std::to_string(seq).size() + 84;  // {"seq":S,"hash":"H", and the line feed
    if (page.rows > 0 && bytes + static_cast<int64_t>(row.size + prefix) > max_bytes) break;
    bytes += static_cast<int64_t>(row.size + prefix);
    if (page.rows == 0) {
      page.first = seq;
      const size_t guess = static_cast<size_t>(std::min<int64_t>(end - begin, max_bytes / (row.size + 84) + 1));
      page.escaped_events.reserve(guess * (row.escaped.size() + 128));
    }
    page.escaped_events.append("{\\\"seq\\\":");
    AppendInt(seq, &page.escaped_events);
    page.escaped_events.append(",\\\"hash\\\":\\\"").append(row.hash).append("\\\",").append(row.escaped).append("\\n");
    ++page.rows;
    days[row.recorded_us / kDayUs] = 0;
  }
  for (auto& [day, rows] : days) {
    const auto counted = rows_of_day_.find(day);
    if (counted != rows_of_day_.end()) rows = counted->second;
  }
  page.counted = Named(days);
  return page;
}

absl::Status Outbox::Ack(const std::string& subscriber, const std::string& epoch, int64_t upto) {
  if (epoch != epoch_ || upto > latest() || upto < 0) return absl::FailedPreconditionError("cursorreset");
  const auto found = subscribers_.find(subscriber);
  if (found == subscribers_.end()) return absl::NotFoundError("unknownsubscriber");
  found->second.upto = std::max(found->second.upto, upto);
  return absl::OkStatus();
}

int64_t Outbox::lowest_mark() const {
  if (subscribers_.empty()) return 0;
  int64_t lowest = INT64_MAX;
  for (const auto& [name, subscriber] : subscribers_) lowest = std::min(lowest, subscriber.upto);
  return lowest;
}

int64_t Outbox::oldest_unsent_us() const {
  const int64_t next = epoch_begin_ + lowest_mark();
  return next < static_cast<int64_t>(rows_.size()) ? rows_[static_cast<size_t>(next)].recorded_us : 0;
}

std::vector<DayCount> Outbox::counts() const { return Named(rows_of_day_); }
std::vector<DayCount> Outbox::left_out() const { return Named(left_out_of_day_); }

void Outbox::ForEach(const std::function<void(const std::string& content)>& take) const {
  for (size_t i = static_cast<size_t>(pruned_); i < rows_.size(); ++i) take("{" + Unescaped(rows_[i].escaped));
}

void Outbox::CountOwnCall(int64_t now_us) { ++left_out_of_day_[now_us / kDayUs]; }

int64_t Outbox::Redact(int64_t user) {
  int64_t redacted = 0;
  for (Row& row : rows_) {
    if (user == 0 || (row.user != user && row.related_user != user)) continue;
    auto content = nlohmann::ordered_json::parse("{" + Unescaped(row.escaped));
    if (row.user == user) content["userid"] = 0;
    if (row.related_user == user) content["relateduserid"] = nullptr;
    for (const char* field : {"other", "ip", "state"}) content[field] = nullptr;
    content["redacted"] = true;
    row.escaped.clear();
    AppendEscaped(std::string_view(content.dump()).substr(1), &row.escaped);
    row.size = static_cast<uint32_t>(row.escaped.size());
    row.user = row.user == user ? 0 : row.user;
    row.related_user = row.related_user == user ? 0 : row.related_user;
    ++redacted;
  }
  return redacted;
}

void Outbox::NewEpoch() {
  NameEpoch();
  epoch_begin_ = numbered_ = pruned_ = static_cast<int64_t>(rows_.size());
  subscribers_.clear();
}

void Outbox::ForgetAfter(int64_t latest_kept) {
  const int64_t end = std::clamp(epoch_begin_ + latest_kept, epoch_begin_, static_cast<int64_t>(rows_.size()));
  while (static_cast<int64_t>(rows_.size()) > end) {
    --rows_of_day_[rows_.back().recorded_us / kDayUs];
    rows_.pop_back();
  }
  numbered_ = std::min(numbered_, end);
  for (auto& [name, subscriber] : subscribers_) subscriber.upto = std::min(subscriber.upto, latest());
}

void Outbox::Prune(int64_t upto) {
  pruned_ = std::clamp(epoch_begin_ + upto, pruned_, numbered_);
  for (int64_t i = 0; i < pruned_; ++i) {
    rows_[static_cast<size_t>(i)].escaped.clear();
    rows_[static_cast<size_t>(i)].escaped.shrink_to_fit();
  }
}

}  // namespace compagnon::moodle_double
