#include "compagnon/tree.h"

#include <CLI/CLI.hpp>

namespace compagnon {

VerbNode TreeOf(const CLI::App& app) {
  VerbNode node{app.get_name(), app.get_description(), {}, {}};
  for (const CLI::Option* option : app.get_options()) {
    OptionNode one;
    one.positional = option->nonpositional() == false;
    if (one.positional) one.names.push_back(option->get_name());
    for (const std::string& name : option->get_lnames()) one.names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) one.names.push_back("-" + name);
    // A checked option's type goes on with the check: "INT:INT in [1 - 60000]".
    if (option->get_items_expected_max() != 0)
      one.value = option->get_type_name().substr(0, option->get_type_name().find(':'));
    one.text = option->get_description();
    one.required = option->get_required();
    node.options.push_back(std::move(one));
  }
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    node.verbs.push_back(TreeOf(*verb));
  return node;
}

}  // namespace compagnon
