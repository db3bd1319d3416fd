// compagnon.toml as an operator may write it: any text gives a configuration that explains itself, or mistakes.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "compagnon/config/config_file.h"
#include "platform/base/status.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace compagnon;
  static const int file = memfd_create("fuzz.toml", 0);
  if (file < 0 || ftruncate(file, 0) != 0 || pwrite(file, data, size, 0) != static_cast<ssize_t>(size))
    Die("no file in memory");
  for (const char* locale : {"fr", "en"}) {
    const auto config = LoadConfig(absl::StrCat("/proc/self/fd/", file), locale);
    if (config.ok() ? ExplainConfig(*config, locale).empty() : config.status().message().empty())
      Die("neither an explanation nor a mistake");
  }
  return 0;
}
