#include "edge/pages/view.h"

#include <algorithm>

namespace compagnon::edge {

View& View::Set(std::string_view key, std::string text) {
  fields_.emplace_back(std::string(key), std::move(text));
  return *this;
}

View& View::Set(std::string_view key, bool flag) {
  fields_.emplace_back(std::string(key), flag);
  return *this;
}

View& View::Set(std::string_view key, View object) {
  fields_.emplace_back(std::string(key), std::make_unique<View>(std::move(object)));
  return *this;
}

View& View::Set(std::string_view key, List list) {
  fields_.emplace_back(std::string(key), std::move(list));
  return *this;
}

void View::Append(View other) {
  const size_t own = fields_.size();
  for (auto& field : other.fields_) {
    const bool here = std::any_of(fields_.begin(), fields_.begin() + own,
                                  [&](const auto& mine) { return mine.first == field.first; });
    if (!here) fields_.push_back(std::move(field));
  }
}

}  // namespace compagnon::edge
