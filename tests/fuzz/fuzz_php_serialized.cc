// PHP's serialize() as old log rows hold it: reading ends, within its bounds, and says the same twice.
#include <cstdint>
#include <string_view>

#include "moodle/domain/php_serialize.h"
#include "platform/base/status.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace compagnon;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  moodle::FlatMap first, second;
  const bool read = moodle::ReadPhpSerialized(text, &first);
  if (read != moodle::ReadPhpSerialized(text, &second) || (read && first != second))
    Die("the same text was read in two ways");
  return 0;
}
