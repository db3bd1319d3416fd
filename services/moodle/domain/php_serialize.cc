#include "moodle/domain/php_serialize.h"

#include <charconv>
#include <cstdint>

namespace compagnon::moodle {
namespace {

constexpr int kDeepestNesting = 32;
constexpr int kDeepestKept = 3;

class Reader {
 public:
  Reader(std::string_view text, FlatMap* flat) : text_(text), flat_(flat) {}

  bool ReadAll() { return Value("", 0) && at_ == text_.size(); }

 private:
  bool Take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool Until(char c, std::string_view* part) {
    const size_t end = text_.find(c, at_);
    if (end == std::string_view::npos) return false;
    *part = text_.substr(at_, end - at_);
    at_ = end + 1;
    return true;
  }

  bool Length(size_t* length) {
    std::string_view digits;
    if (!Until(':', &digits) || digits.empty()) return false;
    auto read = std::from_chars(digits.data(), digits.data() + digits.size(), *length);
    return read.ec == std::errc() && read.ptr == digits.data() + digits.size();
  }

  // A length counts bytes, so a quote or a brace inside ends nothing.
  bool Quoted(std::string_view* part) {
    size_t length = 0;
    if (!Length(&length) || !Take('"') || length > text_.size() - at_) return false;
    *part = text_.substr(at_, length);
    at_ += length;
    return Take('"');
  }

  void Keep(const std::string& key, std::string_view value, int depth) {
    if (depth <= kDeepestKept) flat_->emplace(key, value);
  }

  bool Entries(const std::string& key, int depth) {
    size_t count = 0;
    if (!Length(&count) || !Take('{')) return false;
    for (size_t i = 0; i < count; ++i) {
      std::string_view name;
      if (at_ >= text_.size()) return false;
      const char kind = text_[at_++];
      if (!Take(':')) return false;
      if (kind == 'i') {
        if (!Until(';', &name)) return false;
      } else if (kind == 's') {
        if (!Quoted(&name) || !Take(';')) return false;
      } else {
        return false;
      }
      // Private and protected fields of an object are written "\0Class\0field".
      if (const size_t nul = name.rfind('\0'); nul != std::string_view::npos) name = name.substr(nul + 1);
      std::string inner = key;
      if (!inner.empty()) inner += '.';
      inner += name;
      if (!Value(inner, depth + 1)) return false;
    }
    return Take('}');
  }

  bool Value(const std::string& key, int depth) {
    if (depth > kDeepestNesting || at_ >= text_.size()) return false;
    const char kind = text_[at_++];
    if (kind == 'N') return Take(';');
    if (!Take(':')) return false;
    std::string_view part;
    switch (kind) {
      case 'b':
        if (!Until(';', &part) || (part != "0" && part != "1")) return false;
        Keep(key, part, depth);
        return true;
      case 'i':
      case 'd':
        if (!Until(';', &part) || part.empty()) return false;
        Keep(key, part, depth);
        return true;
      case 's':
        if (!Quoted(&part) || !Take(';')) return false;
        Keep(key, part, depth);
        return true;
      case 'a':
        return Entries(key, depth);
      case 'O':
        return Quoted(&part) && Take(':') && Entries(key, depth);
      default:
        return false;
    }
  }

  std::string_view text_;
  FlatMap* flat_;
  size_t at_ = 0;
};

}  // namespace

bool ReadPhpSerialized(std::string_view text, FlatMap* flat) { return Reader(text, flat).ReadAll(); }

}  // namespace compagnon::moodle
