#ifndef COMPAGNON_MOODLE_API_DIMENSIONS_FILE_H_
#define COMPAGNON_MOODLE_API_DIMENSIONS_FILE_H_

#include <memory>
#include <string>
#include <string_view>

#include "moodle/domain/dimensions.h"
#include "platform/base/config.h"
#include "platform/base/status.h"

namespace compagnon::moodle {

// dimensions.toml, as deploy/dimensions.example.toml explains it. InvalidArgument holds one line per mistake:
// "file:line: what is wrong, what was expected"; nothing is half taken.
absl::StatusOr<DimensionMap> ParseDimensions(std::string_view toml, const std::string& file_name);

// The file the configuration names, else <data_dir>/dimensions.toml if it is there, else the standard mapping.
absl::StatusOr<std::shared_ptr<const DimensionMap>> LoadDimensions(const Config& config);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_API_DIMENSIONS_FILE_H_
