// proto_check SET [RELEASED]: prints what is wrong with the protos and exits 1, or 0 when nothing is.
#include <filesystem>
#include <fstream>
#include <iostream>

#include "rules.h"

namespace {

bool Read(const char* path, google::protobuf::FileDescriptorSet* set) {
  std::ifstream in(path, std::ios::binary);
  return in && set->ParseFromIstream(&in);
}

}  // namespace

int main(int argc, char** argv) {
  google::protobuf::FileDescriptorSet set, released;
  if (argc < 2 || argc > 3 || !Read(argv[1], &set)) {
    std::cerr << "usage: proto_check SET [RELEASED]\n";
    return 2;
  }
  std::vector<std::string> found = compagnon::proto_check::CheckRules(set);
  if (argc == 3 && std::filesystem::exists(argv[2])) {
    if (!Read(argv[2], &released)) {
      std::cerr << argv[2] << ": no descriptor set\n";
      return 2;
    }
    for (std::string& one : compagnon::proto_check::CheckCompatible(released, set))
      found.push_back("since the last release: " + one);
  }
  for (const std::string& one : found) std::cout << one << "\n";
  if (found.empty()) std::cout << "protos: nothing wrong\n";
  return found.empty() ? 0 : 1;
}
