#include "platform/bus/topic.h"

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

namespace compagnon::bus {
namespace {

std::vector<std::string> Words(const std::string& text) {
  std::vector<std::string> words;
  if (text.empty()) return words;
  size_t from = 0;
  for (size_t dot; (dot = text.find('.', from)) != std::string::npos; from = dot + 1)
    words.push_back(text.substr(from, dot - from));
  words.push_back(text.substr(from));
  return words;
}

// The definition read aloud, exponential: what TopicMatches has to agree with.
bool Slow(const std::vector<std::string>& pattern, size_t p, const std::vector<std::string>& key, size_t k) {
  if (p == pattern.size()) return k == key.size();
  if (pattern[p] == "#") return Slow(pattern, p + 1, key, k) || (k < key.size() && Slow(pattern, p, key, k + 1));
  return k < key.size() && (pattern[p] == "*" || pattern[p] == key[k]) && Slow(pattern, p + 1, key, k + 1);
}

std::string Random(std::mt19937& random, const std::vector<std::string>& alphabet) {
  std::string text;
  const int words = static_cast<int>(random() % 7);
  for (int i = 0; i < words; ++i) {
    if (i > 0) text += '.';
    text += alphabet[random() % alphabet.size()];
  }
  return text;
}

TEST_CASE("a topic pattern matches what the definition read aloud matches", "[bus]") {
  std::mt19937 random(20240607);
  int matched = 0;
  for (int i = 0; i < 200000; ++i) {
    const std::string pattern = Random(random, {"a", "b", "*", "#", "#", "ab"});
    const std::string key = Random(random, {"a", "b", "ab", ""});
    const bool expected = Slow(Words(pattern), 0, Words(key), 0);
    matched += expected;
    if (TopicMatches(pattern, key) != expected)
      FAIL("pattern <" << pattern << "> key <" << key << "> expected " << expected);
  }
  CHECK(matched > 10000);
}

TEST_CASE("a topic pattern binds the events the design says it binds", "[bus]") {
  const std::string key = "moodle.sn1.core.course.completed";
  CHECK(TopicMatches("moodle.#", key));
  CHECK(TopicMatches("#", key));
  CHECK(TopicMatches("moodle.*.core.course.completed", key));
  CHECK(TopicMatches("#.completed", key));
  CHECK(TopicMatches("moodle.#.course.#", key));
  CHECK_FALSE(TopicMatches("moodle.*", key));
  CHECK_FALSE(TopicMatches("moodl.#", key));
  CHECK_FALSE(TopicMatches("moodle", key));
  CHECK_FALSE(TopicMatches("", key));
  CHECK(TopicMatches("", ""));
  CHECK(TopicMatches("#", ""));
  CHECK_FALSE(TopicMatches("*", ""));
}

}  // namespace
}  // namespace compagnon::bus
