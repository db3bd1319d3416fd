#include "analytics/store/dictionary.h"

#include <fmt/format.h>

#include <algorithm>

namespace compagnon::analytics {

absl::StatusOr<std::vector<int32_t>> Dictionary::NumbersOf(Numbers& known, const std::vector<Key>& keys,
                                                           std::string_view insert, std::string_view select) {
  std::vector<int32_t> numbers(keys.size(), 0);
  std::vector<Key> unknown;
  {
    absl::ReaderMutexLock lock(&mutex_);
    for (size_t i = 0; i < keys.size(); ++i) {
      if (const auto found = known.find(keys[i]); found != known.end()) {
        numbers[i] = found->second;
      } else {
        unknown.push_back(keys[i]);
      }
    }
  }
  if (unknown.empty()) return numbers;

  // One order for all writers, so that two of them cannot wait for each other.
  std::sort(unknown.begin(), unknown.end());
  unknown.erase(std::unique(unknown.begin(), unknown.end()), unknown.end());
  std::vector<int32_t> learnt;
  RETURN_IF_ERROR(database_.Write([&](store::Session& session) -> absl::Status {
    learnt.assign(unknown.size(), 0);
    for (size_t i = 0; i < unknown.size(); ++i) {
      const auto& [site, text] = unknown[i];
      std::vector<store::Value> params = {text};
      if (site != 0) params.emplace_back(int64_t{site});
      RETURN_IF_ERROR(session.Execute(insert, params).status());
      RETURN_IF_ERROR(session.Query(select, params, [&](const store::Row& row) {
        learnt[i] = static_cast<int32_t>(row.Int(0));
        return absl::OkStatus();
      }));
    }
    return absl::OkStatus();
  }));
  absl::MutexLock lock(&mutex_);
  for (size_t i = 0; i < unknown.size(); ++i) known[unknown[i]] = learnt[i];
  for (size_t i = 0; i < keys.size(); ++i) numbers[i] = known[keys[i]];
  return numbers;
}

absl::StatusOr<std::vector<int32_t>> Dictionary::Words(absl::Span<const std::string> words) {
  std::vector<Key> keys;
  for (const std::string& word : words) keys.emplace_back(0, word);
  return NumbersOf(words_, keys, "INSERT INTO word (text) VALUES (:p1) ON CONFLICT (text) DO NOTHING",
                   "SELECT id FROM word WHERE text = :p1");
}

absl::StatusOr<std::vector<int32_t>> Dictionary::Sites(absl::Span<const std::string> codes) {
  std::vector<Key> keys;
  for (const std::string& code : codes) keys.emplace_back(0, code);
  return NumbersOf(sites_, keys, "INSERT INTO site (code) VALUES (:p1) ON CONFLICT (code) DO NOTHING",
                   "SELECT id FROM site WHERE code = :p1");
}

absl::StatusOr<std::vector<int32_t>> Dictionary::Streams(absl::Span<const std::pair<int32_t, std::string>> streams) {
  return NumbersOf(streams_, {streams.begin(), streams.end()},
                   "INSERT INTO stream (name, site) VALUES (:p1, :p2) ON CONFLICT (site, name) DO NOTHING",
                   "SELECT id FROM stream WHERE name = :p1 AND site = :p2");
}

absl::StatusOr<std::string> Dictionary::Word(int32_t number) {
  {
    absl::ReaderMutexLock lock(&mutex_);
    if (const auto found = texts_.find(number); found != texts_.end()) return found->second;
  }
  std::string text;
  bool known = false;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) {
    return session.Query("SELECT text FROM word WHERE id = :p1", {int64_t{number}}, [&](const store::Row& row) {
      text = row.Text(0);
      known = true;
      return absl::OkStatus();
    });
  }));
  if (!known) return absl::InternalError(fmt::format("no word has the number {}", number));
  absl::MutexLock lock(&mutex_);
  texts_[number] = text;
  return text;
}

}  // namespace compagnon::analytics
