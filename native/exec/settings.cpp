// Process-wide settings and counters. The environment gives the settings' first values.
#include <cstdlib>
#include <string>

#include "launch.hpp"

namespace talweg::exec {
namespace {

long from_environment(const char* name, long fallback) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? fallback : std::strtol(text, nullptr, 10);
}

}  // namespace

Settings& settings() {
  static Settings& instance = *[] {
    Settings* made = new Settings;  // never destroyed: streams may outlive static destruction
    made->schedule_seed = static_cast<uint64_t>(from_environment("TALWEG_SCHEDULE_SEED", 0));
    made->approximation_seed = static_cast<uint64_t>(from_environment("TALWEG_APPROXIMATION_SEED", 0));
    made->truncating_mma = from_environment("TALWEG_TRUNCATING_MMA", 0) != 0;
    made->threads = static_cast<int>(from_environment("TALWEG_THREADS", 0));
    made->launch_limit = static_cast<uint64_t>(from_environment("TALWEG_LAUNCH_LIMIT", 0));
    return made;
  }();
  return instance;
}

Counters& counters() {
  static Counters& instance = *new Counters;
  return instance;
}

}  // namespace talweg::exec
