#ifndef COMPAGNON_MOODLE_DOMAIN_TAKEN_IDS_H_
#define COMPAGNON_MOODLE_DOMAIN_TAKEN_IDS_H_

#include <bitset>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace compagnon::moodle {

// Ids of a log's rows that have been taken, in blocks of 8,192: a batch writes the few blocks it touches, however long
// the log and however gappy its ids (a database cluster may count in threes). Ids are positive.
class TakenIds {
 public:
  static constexpr int64_t kBlock = 8192;

  // False when the id was taken already.
  bool Take(int64_t id);
  bool Contains(int64_t id) const;
  int64_t count() const { return count_; }

  // Blocks touched since the last call.
  std::set<int64_t> TakeDirty();
  // "0-8191" or "3,5-9": offsets in the block, for the store.
  std::string Encode(int64_t block) const;
  // Adds a stored block; false when the text is not one of ours.
  bool Decode(int64_t block, std::string_view text);

 private:
  std::map<int64_t, std::bitset<kBlock>> blocks_;
  std::set<int64_t> dirty_;
  int64_t count_ = 0;
};

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_DOMAIN_TAKEN_IDS_H_
