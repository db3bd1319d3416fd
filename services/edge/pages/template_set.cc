#include "edge/pages/template_set.h"

#include <kainjow/mustache.hpp>

#include "absl/strings/str_cat.h"
#include "edge/http/ascii_text.h"

namespace compagnon::edge {
namespace {

using kainjow::mustache::data;
using kainjow::mustache::list;
using kainjow::mustache::mustache;

constexpr int kPartialDepth = 8;

data ToData(const View& view) {
  data object(data::type::object);
  for (const auto& [key, value] : view.fields()) {
    data& slot = object[key];
    if (const auto* text = std::get_if<std::string>(&value)) {
      slot = text->empty() ? data(false) : data(*text);
    } else if (const auto* flag = std::get_if<bool>(&value)) {
      slot = data(*flag);
    } else if (const auto* child = std::get_if<std::unique_ptr<View>>(&value)) {
      slot = ToData(**child);
    } else {
      slot = data(data::type::list);
      // The library's push_back copies whole trees; its list is its own, and not const.
      auto& items = const_cast<list&>(slot.list_value());
      for (const View& item : std::get<View::List>(value)) items.push_back(ToData(item));
    }
  }
  return object;
}

// Text with every {{> name}} replaced by that file.
absl::StatusOr<std::string> Include(const std::map<std::string, std::string>& files, const std::string& text,
                                    int depth) {
  if (depth > kPartialDepth) return absl::InvalidArgumentError("partials include each other without end");
  std::string out;
  size_t from = 0;
  while (true) {
    const size_t open = text.find("{{>", from);
    out.append(text, from, open == std::string::npos ? std::string::npos : open - from);
    if (open == std::string::npos) return out;
    const size_t close = text.find("}}", open);
    if (close == std::string::npos) return absl::InvalidArgumentError("unclosed partial");
    const std::string name(Trim(std::string_view(text).substr(open + 3, close - open - 3)));
    const auto file = files.find(name);
    if (file == files.end()) return absl::InvalidArgumentError(absl::StrCat("no partial \"", name, "\""));
    ASSIGN_OR_RETURN(const std::string inner, Include(files, file->second, depth + 1));
    out.append(inner);
    from = close + 2;
  }
}

absl::StatusOr<std::string> Translate(const std::string& text, const Catalogue& catalogue) {
  std::string out;
  size_t from = 0;
  while (true) {
    const size_t open = text.find("[[", from);
    out.append(text, from, open == std::string::npos ? std::string::npos : open - from);
    if (open == std::string::npos) return out;
    const size_t close = text.find("]]", open);
    if (close == std::string::npos) return absl::InvalidArgumentError("unclosed [[");
    const std::string key(Trim(std::string_view(text).substr(open + 2, close - open - 2)));
    if (!catalogue.Has(key)) {
      return absl::InvalidArgumentError(
          absl::StrCat(std::string(CodeOf(catalogue.language())), ".txt has no text \"", key, "\""));
    }
    const std::string& translated = catalogue.Text(key);
    if (translated.find('{') != std::string::npos) {
      return absl::InvalidArgumentError(absl::StrCat("text \"", key, "\" wants arguments, a template gives none"));
    }
    out.append(EscapeHtml(translated));
    from = close + 2;
  }
}

std::string JoinLines(const std::string& text) {
  std::string out;
  for (const std::string_view line : SplitText(text, '\n')) out.append(Trim(line));
  return out;
}

}  // namespace

struct TemplateSet::Impl {
  // mustache::render is not const only because it keeps parse errors of partials and lambdas; these templates have
  // neither, so nothing is written while rendering and threads may share them.
  mutable std::map<std::pair<std::string, Language>, std::unique_ptr<mustache>, std::less<>> parsed;
};

TemplateSet::TemplateSet() : impl_(std::make_unique<Impl>()) {}
TemplateSet::TemplateSet(TemplateSet&&) noexcept = default;
TemplateSet& TemplateSet::operator=(TemplateSet&&) noexcept = default;
TemplateSet::~TemplateSet() = default;

absl::StatusOr<TemplateSet> TemplateSet::Load(const std::map<std::string, std::string>& files,
                                              const std::map<Language, Catalogue>& catalogues) {
  TemplateSet set;
  for (const auto& [name, text] : files) {
    const std::vector<std::string> findings = LintTemplate(name, text);
    if (!findings.empty()) return absl::InvalidArgumentError(findings.front());
    const auto failed = [&](const absl::Status& status) {
      return absl::InvalidArgumentError(absl::StrCat(name, ".mustache: ", status.message()));
    };
    const absl::StatusOr<std::string> whole = Include(files, text, 0);
    if (!whole.ok()) return failed(whole.status());
    for (const auto& [language, catalogue] : catalogues) {
      const absl::StatusOr<std::string> translated = Translate(JoinLines(*whole), catalogue);
      if (!translated.ok()) return failed(translated.status());
      auto parsed = std::make_unique<mustache>(*translated);
      if (!parsed->is_valid()) return failed(absl::InvalidArgumentError(parsed->error_message()));
      parsed->set_custom_escape([](const std::string& value) { return EscapeHtml(value); });
      set.impl_->parsed[{name, language}] = std::move(parsed);
    }
  }
  return set;
}

std::string TemplateSet::Render(std::string_view name, Language language, const View& view) const {
  const auto found = impl_->parsed.find(std::pair<std::string, Language>(name, language));
  if (found == impl_->parsed.end()) Die("no template " + std::string(name));
  std::string out;
  out.reserve(32 * 1024);
  found->second->render(ToData(view), [&out](const std::string& piece) { out.append(piece); });
  return out;
}

std::string EscapeHtml(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 16);
  for (const char c : text) {
    switch (c) {
      case '&':
        out.append("&amp;");
        break;
      case '<':
        out.append("&lt;");
        break;
      case '>':
        out.append("&gt;");
        break;
      case '"':
        out.append("&quot;");
        break;
      case '\'':
        out.append("&#39;");
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

}  // namespace compagnon::edge
