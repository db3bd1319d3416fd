#include "edge/http/encoding.h"

#include <brotli/encode.h>
#include <zlib.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "edge/http/ascii_text.h"
#include "platform/base/status.h"

namespace compagnon::edge {
namespace {

std::string Gzip(std::string_view bytes, int level) {
  z_stream stream{};
  if (deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) Die("zlib: no memory");
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = bytes.size();
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = out.size();
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) Die("zlib: a bounded buffer was too small");
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Brotli(std::string_view bytes, int quality) {
  size_t size = BrotliEncoderMaxCompressedSize(bytes.size());
  std::string out(size == 0 ? bytes.size() + 1024 : size, '\0');
  size = out.size();
  if (!BrotliEncoderCompress(quality, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT, bytes.size(),
                             reinterpret_cast<const uint8_t*>(bytes.data()), &size,
                             reinterpret_cast<uint8_t*>(out.data()))) {
    Die("brotli: a bounded buffer was too small");
  }
  out.resize(size);
  return out;
}

}  // namespace

Coding ChooseCoding(std::string_view accept_encoding) {
  double brotli = -1, gzip = -1, any = -1;
  for (std::string_view item : SplitText(accept_encoding, ',')) {
    const size_t semicolon = std::min(item.find(';'), item.size());
    const std::string_view name = Trim(item.substr(0, semicolon));
    const std::string_view weight = Trim(item.substr(std::min(semicolon + 1, item.size())));
    double q = 1;
    if (weight.starts_with("q=") && !absl::SimpleAtod(std::string(weight.substr(2)), &q)) q = 0;
    if (EqualsIgnoreCase(name, "br")) brotli = q;
    if (EqualsIgnoreCase(name, "gzip")) gzip = q;
    if (name == "*") any = q;
  }
  if (brotli < 0) brotli = any;
  if (gzip < 0) gzip = any;
  if (brotli > 0 && brotli >= gzip) return Coding::kBrotli;
  return gzip > 0 ? Coding::kGzip : Coding::kIdentity;
}

std::string_view NameOf(Coding coding) {
  switch (coding) {
    case Coding::kIdentity:
      return "";
    case Coding::kGzip:
      return "gzip";
    case Coding::kBrotli:
      return "br";
  }
  return "";
}

std::string Encode(Coding coding, std::string_view bytes, Effort effort) {
  switch (coding) {
    case Coding::kIdentity:
      return std::string(bytes);
    case Coding::kGzip:
      return Gzip(bytes, effort == Effort::kBest ? 9 : 5);
    case Coding::kBrotli:
      return Brotli(bytes, effort == Effort::kBest ? 11 : 4);
  }
  return std::string(bytes);
}

}  // namespace compagnon::edge
