#include "edge/http/request_rules.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "edge/http/ascii_text.h"

namespace compagnon::edge {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsUnreserved(unsigned char c) { return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~'; }

}  // namespace

bool IsUtf8(std::string_view bytes) {
  size_t i = 0;
  while (i < bytes.size()) {
    const unsigned char c = bytes[i];
    if (c < 0x80) {
      ++i;
      continue;
    }
    int more;
    uint32_t point, lowest;
    if ((c & 0xe0) == 0xc0) {
      more = 1, point = c & 0x1f, lowest = 0x80;
    } else if ((c & 0xf0) == 0xe0) {
      more = 2, point = c & 0x0f, lowest = 0x800;
    } else if ((c & 0xf8) == 0xf0) {
      more = 3, point = c & 0x07, lowest = 0x10000;
    } else {
      return false;
    }
    if (i + more >= bytes.size()) return false;
    for (int k = 1; k <= more; ++k) {
      const unsigned char next = bytes[i + k];
      if ((next & 0xc0) != 0x80) return false;
      point = (point << 6) | (next & 0x3f);
    }
    if (point < lowest || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return false;
    i += more + 1;
  }
  return true;
}

bool PercentDecode(std::string_view text, bool plus_is_space, std::string* out) {
  out->clear();
  out->reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return false;
      const int high = HexValue(text[i + 1]), low = HexValue(text[i + 2]);
      if (high < 0 || low < 0) return false;
      c = static_cast<unsigned char>(high << 4 | low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    const bool blank = c == '\t' || c == '\r' || c == '\n';
    if ((c < 0x20 && !(plus_is_space && blank)) || c == 0x7f) return false;
    out->push_back(static_cast<char>(c));
  }
  return IsUtf8(*out);
}

std::string PercentEncode(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const unsigned char c : text) {
    if (IsUnreserved(c)) {
      out.push_back(static_cast<char>(c));
    } else {
      out.push_back('%');
      out.push_back(kHex[c >> 4]);
      out.push_back(kHex[c & 15]);
    }
  }
  return out;
}

bool SplitPath(std::string_view path, std::vector<std::string>* segments) {
  segments->clear();
  if (path.empty() || path.front() != '/') return false;
  path.remove_prefix(1);
  if (!path.empty() && path.back() == '/') path.remove_suffix(1);
  if (path.empty()) return true;
  while (true) {
    const size_t slash = path.find('/');
    std::string segment;
    if (!PercentDecode(path.substr(0, slash), false, &segment)) return false;
    if (segment.empty() || segment == "." || segment == "..") return false;
    if (segment.find_first_of("/\\") != std::string::npos) return false;
    segments->push_back(std::move(segment));
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

bool ParseForm(std::string_view text, size_t limit, std::vector<std::pair<std::string, std::string>>* out) {
  out->clear();
  while (!text.empty()) {
    const size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    if (out->size() >= limit) return false;
    const size_t equals = pair.find('=');
    std::string name, value;
    if (!PercentDecode(pair.substr(0, equals), true, &name)) return false;
    if (equals != std::string_view::npos && !PercentDecode(pair.substr(equals + 1), true, &value)) return false;
    out->emplace_back(std::move(name), std::move(value));
  }
  return true;
}

int64_t ContentLength(const Headers& headers) {
  int64_t length = 0;
  bool seen = false;
  for (const auto& [name, value] : headers.all()) {
    if (!EqualsIgnoreCase(name, "content-length")) continue;
    if (seen) return -1;
    seen = true;
    // SimpleAtoi takes signs and blanks, which a proxy in front may read otherwise.
    if (value.empty() || !std::all_of(value.begin(), value.end(), absl::ascii_isdigit) ||
        !absl::SimpleAtoi(value, &length)) {
      return -1;
    }
  }
  return length;
}

int CheckRequest(std::string_view method, std::string_view target, const Headers& headers, const RequestLimits& limits,
                 Request* request) {
  if (method != "GET" && method != "HEAD" && method != "POST") return 405;
  if (target.size() > limits.target_bytes) return 414;
  size_t bytes = 0;
  for (const auto& [name, value] : headers.all()) bytes += name.size() + value.size() + 4;
  if (bytes > limits.header_bytes || headers.all().size() > limits.header_count) return 431;
  for (const auto& field : headers.all()) {
    if (!IsFieldValue(field.second)) return 400;
  }
  // A body without a length announced cannot be bounded before it is in memory.
  if (headers.Has("transfer-encoding")) return 411;
  if (headers.Has("expect")) return 417;
  const int64_t length = ContentLength(headers);
  if (length < 0) return 400;
  if (method != "POST" && length > 0) return 400;
  if (length > static_cast<int64_t>(limits.body_bytes)) return 413;

  const size_t question = target.find('?');
  request->method = std::string(method);
  request->path = std::string(target.substr(0, question));
  if (!SplitPath(request->path, &request->segments)) return 400;
  if (question != std::string_view::npos &&
      !ParseForm(target.substr(question + 1), limits.parameters, &request->query)) {
    return 400;
  }
  return 0;
}

}  // namespace compagnon::edge
