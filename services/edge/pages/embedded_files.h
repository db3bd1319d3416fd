#ifndef COMPAGNON_EDGE_PAGES_EMBEDDED_FILES_H_
#define COMPAGNON_EDGE_PAGES_EMBEDDED_FILES_H_

#include <span>
#include <string_view>

namespace compagnon::edge {

// A file of pages/ as it was at build time; lives for ever.
struct EmbeddedFile {
  std::string_view path;  // "templates/home.mustache", "i18n/fr.txt", "assets/site.css"
  std::string_view content;
};
std::span<const EmbeddedFile> EmbeddedFiles();

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_PAGES_EMBEDDED_FILES_H_
