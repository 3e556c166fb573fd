#include "switches.hpp"

#include <cstdlib>
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
    for (const auto& known : kNames) {
      if (known.name == rest.substr(0, comma)) bits |= known.bits;
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
