#include "moodle_double/simulation/json_text.h"

#include <charconv>

namespace compagnon::moodle_double {

void AppendEscaped(std::string_view text, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  size_t plain = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out->append(text.substr(plain, i - plain));
    plain = i + 1;
    switch (c) {
      case '"':
        out->append("\\\"");
        break;
      case '\\':
        out->append("\\\\");
        break;
      case '\n':
        out->append("\\n");
        break;
      case '\r':
        out->append("\\r");
        break;
      case '\t':
        out->append("\\t");
        break;
      default:
        out->append("\\u00");
        out->push_back(kHex[c >> 4]);
        out->push_back(kHex[c & 15]);
    }
  }
  out->append(text.substr(plain));
}

std::string Unescaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out.push_back(text[i]);
      continue;
    }
    switch (text[++i]) {
      case 'n':
        out.push_back('\n');
        break;
      case 'r':
        out.push_back('\r');
        break;
      case 't':
        out.push_back('\t');
        break;
      case 'u': {
        int code = 0;
        std::from_chars(text.data() + i + 1, text.data() + i + 5, code, 16);
        out.push_back(static_cast<char>(code));
        i += 4;
        break;
      }
      default:
        out.push_back(text[i]);
    }
  }
  return out;
}

void AppendInt(int64_t value, std::string* out) {
  char digits[24];
  auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out->append(digits, end);
}

void AppendThousandths(int64_t value, std::string* out) {
  if (value < 0) {
    out->push_back('-');
    value = -value;
  }
  AppendInt(value / 1000, out);
  int rest = static_cast<int>(value % 1000);
  if (rest == 0) return;
  char digits[4] = {'.', static_cast<char>('0' + rest / 100), static_cast<char>('0' + rest / 10 % 10),
                    static_cast<char>('0' + rest % 10)};
  size_t size = 4;
  while (digits[size - 1] == '0') --size;
  out->append(digits, size);
}

void JsonObject::Key(std::string_view key) {
  if (!first_) out_->push_back(',');
  first_ = false;
  out_->push_back('"');
  out_->append(key);
  out_->append("\":");
}

JsonObject& JsonObject::Int(std::string_view key, int64_t value) {
  Key(key);
  AppendInt(value, out_);
  return *this;
}

JsonObject& JsonObject::Id(std::string_view key, int64_t value) {
  Key(key);
  if (value == 0) {
    out_->append("null");
  } else {
    AppendInt(value, out_);
  }
  return *this;
}

JsonObject& JsonObject::Thousandths(std::string_view key, int64_t value) {
  Key(key);
  AppendThousandths(value, out_);
  return *this;
}

JsonObject& JsonObject::Text(std::string_view key, std::string_view value) {
  Key(key);
  out_->push_back('"');
  AppendEscaped(value, out_);
  out_->push_back('"');
  return *this;
}

JsonObject& JsonObject::Raw(std::string_view key, std::string_view json) {
  Key(key);
  out_->append(json.empty() ? std::string_view("null") : json);
  return *this;
}

}  // namespace compagnon::moodle_double
