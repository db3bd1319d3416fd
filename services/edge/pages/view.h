#ifndef COMPAGNON_EDGE_PAGES_VIEW_H_
#define COMPAGNON_EDGE_PAGES_VIEW_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace compagnon::edge {

// What a template is filled with: a tree of texts, flags, objects and lists. Texts are plain; the template escapes
// them. An empty text is false to a section, so that {{#note}}...{{/note}} disappears with its text.
class View {
 public:
  using List = std::vector<View>;
  using Value = std::variant<std::string, bool, std::unique_ptr<View>, List>;

  View& Set(std::string_view key, std::string text);
  View& Set(std::string_view key, std::string_view text) { return Set(key, std::string(text)); }
  View& Set(std::string_view key, const char* text) { return Set(key, std::string(text)); }
  View& Set(std::string_view key, bool flag);
  View& Set(std::string_view key, View object);
  View& Set(std::string_view key, List list);
  // Adds the fields of `other` whose keys are not here yet.
  void Append(View other);
  const std::vector<std::pair<std::string, Value>>& fields() const { return fields_; }

 private:
  std::vector<std::pair<std::string, Value>> fields_;
};

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_PAGES_VIEW_H_
