#include <algorithm>
#include <cctype>

#include "edge/http/ascii_text.h"
#include "edge/pages/template_set.h"

namespace compagnon::edge {
namespace {

bool IsUrlAttribute(std::string_view name) {
  for (const std::string_view url :
       {"href", "src", "action", "formaction", "cite", "poster", "data", "srcset", "xlink:href"}) {
    if (EqualsIgnoreCase(name, url)) return true;
  }
  return false;
}

// Walks the template as HTML, closely enough to know where each tag stands.
class Linter {
 public:
  Linter(std::string_view name, std::string_view text) : name_(name), text_(text) {}

  std::vector<std::string> Run() {
    while (at_ < text_.size()) {
      if (Here("{{")) {
        Mustache();
      } else if (Here("[[")) {
        at_ = std::min(text_.find("]]", at_), text_.size() - 2) + 2;
      } else if (Here("<!--")) {
        Find("an HTML comment would travel; use {{! }}");
        at_ += 4;
      } else if (place_ == Place::kText && text_[at_] == '<') {
        OpenTag();
      } else {
        Step();
      }
    }
    return std::move(findings_);
  }

 private:
  enum class Place { kText, kTag, kQuoted, kRawText };

  bool Here(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  void Find(std::string_view what) {
    const auto line = 1 + std::count(text_.begin(), text_.begin() + at_, '\n');
    findings_.push_back(std::string(name_) + ".mustache:" + std::to_string(line) + ": " + std::string(what));
  }

  void Mustache() {
    if (Here("{{{") || Here("{{&")) Find("unescaped data");
    if (Here("{{=")) Find("delimiters must stay as they are");
    size_t end = text_.find("}}", at_);
    if (end == std::string_view::npos) {
      Find("unclosed tag");
      at_ = text_.size();
      return;
    }
    const std::string_view inside = Trim(text_.substr(at_ + 2, end - at_ - 2));
    const bool data = !inside.empty() && std::string_view("#^/!>").find(inside.front()) == std::string_view::npos;
    if (data) {
      if (place_ == Place::kRawText) Find("data inside script or style");
      if (place_ == Place::kTag) Find("data in a tag outside a quoted attribute");
      if (place_ == Place::kQuoted) {
        if (attribute_.size() > 2 && EqualsIgnoreCase(attribute_.substr(0, 2), "on")) Find("data in an event handler");
        if (EqualsIgnoreCase(attribute_, "style")) Find("data in a style attribute");
        // A value that starts with data could be "javascript:..."; under "/" or "?" or "#" it is a path of ours.
        if (IsUrlAttribute(attribute_) && value_.empty()) Find("data begins a URL");
        if (IsUrlAttribute(attribute_) && value_ == "/") Find("data after \"/\" could begin \"//host\"");
      }
    }
    if (place_ == Place::kQuoted && data) value_.push_back('x');
    at_ = end + 2;
  }

  void OpenTag() {
    size_t end = at_ + 1;
    while (end < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[end])) || text_[end] == '/' || text_[end] == '!'))
      ++end;
    element_ = std::string(text_.substr(at_ + 1, end - at_ - 1));
    if (element_.empty()) {
      Find("a bare <");
    }
    place_ = Place::kTag;
    attribute_.clear();
    at_ = end;
  }

  void Step() {
    const char c = text_[at_];
    switch (place_) {
      case Place::kText:
        break;
      case Place::kTag:
        if (c == '>') {
          const bool raw = EqualsIgnoreCase(element_, "script") || EqualsIgnoreCase(element_, "style");
          place_ = raw ? Place::kRawText : Place::kText;
        } else if (c == '\'') {
          Find("attributes are quoted with \"");
        } else if (c == '"') {
          if (EqualsIgnoreCase(attribute_, "style")) Find("style= is refused by the content security policy");
          place_ = Place::kQuoted;
          value_.clear();
        } else if (c == ' ' || c == '\n') {
          attribute_.clear();
        } else if (c == '=') {
          if (at_ + 1 < text_.size() && text_[at_ + 1] != '"') Find("an attribute without quotes");
        } else {
          attribute_.push_back(c);
        }
        break;
      case Place::kQuoted:
        if (c == '"') {
          place_ = Place::kTag;
        } else {
          value_.push_back(c);
        }
        break;
      case Place::kRawText:
        if (c == '<' && Here("</")) {
          OpenTag();
          return;
        }
        break;
    }
    ++at_;
  }

  const std::string_view name_, text_;
  size_t at_ = 0;
  Place place_ = Place::kText;
  std::string element_, attribute_, value_;
  std::vector<std::string> findings_;
};

}  // namespace

std::vector<std::string> LintTemplate(std::string_view name, std::string_view text) { return Linter(name, text).Run(); }

}  // namespace compagnon::edge
