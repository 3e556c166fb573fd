#include "switches.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>

namespace talweg::check {
namespace {

uint32_t from_environment() {
  const char* text = std::getenv("TALWEG_CHECK");
  if (text == nullptr || *text == '\0') return kBounds;
  constexpr struct {
    std::string_view name;
    uint32_t bits;
  } kNames[] = {{"all", kAll},     {"none", 0},           {"bounds", kBounds}, {"uninitialised", kUninitialised},
                {"races", kRaces}, {"barriers", kBarriers}, {"leaks", kLeaks},
                {"global_races", kGlobalRaces}};
  uint32_t bits = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t comma = rest.find(',');
    const std::string_view name = rest.substr(0, comma);
    const auto* const known = std::find_if(std::begin(kNames), std::end(kNames),
                                           [&](const auto& check) { return check.name == name; });
    if (known != std::end(kNames)) {
      bits |= known->bits;
    } else {
      std::string all;
      for (const auto& check : kNames) all.append(all.empty() ? "" : ", ").append(check.name);
      std::fprintf(stderr, "[software device] '%.*s' in TALWEG_CHECK is ignored: there are %s\n",
                   static_cast<int>(name.size()), name.data(), all.c_str());
    }
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  return bits;
}

}  // namespace

std::atomic<uint32_t>& switches() {
  static std::atomic<uint32_t>& bits = *new std::atomic<uint32_t>(from_environment());
  return bits;
}

}  // namespace talweg::check
