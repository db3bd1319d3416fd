#include "moodle/domain/taken_ids.h"

#include <charconv>

#include "absl/strings/str_cat.h"

namespace compagnon::moodle {

bool TakenIds::Take(int64_t id) {
  std::bitset<kBlock>& block = blocks_[id / kBlock];
  const size_t offset = static_cast<size_t>(id % kBlock);
  if (block[offset]) return false;
  block[offset] = true;
  dirty_.insert(id / kBlock);
  ++count_;
  return true;
}

bool TakenIds::Contains(int64_t id) const {
  auto block = blocks_.find(id / kBlock);
  return block != blocks_.end() && block->second[static_cast<size_t>(id % kBlock)];
}

std::set<int64_t> TakenIds::TakeDirty() {
  std::set<int64_t> dirty;
  dirty.swap(dirty_);
  return dirty;
}

std::string TakenIds::Encode(int64_t block) const {
  std::string text;
  auto found = blocks_.find(block);
  if (found == blocks_.end()) return text;
  const std::bitset<kBlock>& bits = found->second;
  for (size_t i = 0; i < bits.size();) {
    if (!bits[i]) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end + 1 < bits.size() && bits[end + 1]) ++end;
    if (!text.empty()) text += ',';
    text += end == i ? absl::StrCat(i) : absl::StrCat(i, "-", end);
    i = end + 1;
  }
  return text;
}

bool TakenIds::Decode(int64_t block, std::string_view text) {
  std::bitset<kBlock>& bits = blocks_[block];
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    size_t first = 0, last = 0;
    auto read = std::from_chars(at, end, first);
    if (read.ec != std::errc()) return false;
    at = read.ptr;
    last = first;
    if (at != end && *at == '-') {
      read = std::from_chars(at + 1, end, last);
      if (read.ec != std::errc()) return false;
      at = read.ptr;
    }
    if (first > last || last >= bits.size()) return false;
    for (size_t i = first; i <= last; ++i) {
      if (!bits[i]) ++count_;
      bits[i] = true;
    }
    if (at != end && *at++ != ',') return false;
  }
  return true;
}

}  // namespace compagnon::moodle
