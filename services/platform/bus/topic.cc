#include "platform/bus/topic.h"

namespace compagnon::bus {
namespace {

// The words of a text from some place on, read in place.
struct Words {
  std::string_view rest;
  bool end;

  explicit Words(std::string_view text) : rest(text), end(text.empty()) {}

  std::string_view front() const { return rest.substr(0, rest.find('.')); }
  void Next() {
    const size_t dot = rest.find('.');
    end = dot == std::string_view::npos;
    rest = end ? std::string_view() : rest.substr(dot + 1);
  }
};

}  // namespace

bool TopicMatches(std::string_view pattern, std::string_view routing_key) {
  Words p(pattern), k(routing_key);
  // Only the last # met needs to be taken up again with one word more: an earlier one has matched all it has to.
  Words p_after_hash = p, k_at_hash = k;
  bool hash = false;
  for (;;) {
    if (!p.end && p.front() == "#") {
      p.Next();
      hash = true;
      p_after_hash = p;
      k_at_hash = k;
    } else if (!p.end && !k.end && (p.front() == "*" || p.front() == k.front())) {
      p.Next();
      k.Next();
    } else if (p.end && k.end) {
      return true;
    } else if (hash && !k_at_hash.end) {
      k_at_hash.Next();
      k = k_at_hash;
      p = p_after_hash;
    } else {
      return false;
    }
  }
}

}  // namespace compagnon::bus
