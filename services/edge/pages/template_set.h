#ifndef COMPAGNON_EDGE_PAGES_TEMPLATE_SET_H_
#define COMPAGNON_EDGE_PAGES_TEMPLATE_SET_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "edge/pages/catalogue.h"
#include "edge/pages/view.h"
#include "platform/base/status.h"

namespace compagnon::edge {

// Every page template in every language, parsed once. Templates are mustache with two additions made at load time:
// [[key]] is the catalogue's text (escaped), and {{> name}} is the text of templates/name.mustache. Line breaks with
// the blanks after them vanish, so a template that needs a blank writes it. Rendering is safe from any thread.
class TemplateSet {
 public:
  // `files` by name without extension. Fails on a lint finding, a missing text or partial, and a broken section.
  static absl::StatusOr<TemplateSet> Load(const std::map<std::string, std::string>& files,
                                          const std::map<Language, Catalogue>& catalogues);
  TemplateSet(TemplateSet&&) noexcept;
  TemplateSet& operator=(TemplateSet&&) noexcept;
  ~TemplateSet();

  // A name that was not loaded stops the process.
  std::string Render(std::string_view name, Language language, const View& view) const;

 private:
  struct Impl;
  TemplateSet();
  std::unique_ptr<Impl> impl_;
};

// What is wrong with a template, one line each; empty when nothing. Data must pass through the escaper and land where
// the escaper's five characters are enough: in text or in a double-quoted attribute that is no event handler, no style
// and, for URLs, under a path of ours.
std::vector<std::string> LintTemplate(std::string_view name, std::string_view text);

// The five characters of HTML escaped.
std::string EscapeHtml(std::string_view text);

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_PAGES_TEMPLATE_SET_H_
