/** File name of {@link quietLog}. */
export const quietLogName = "quiet_log.cc";

/**
 * C++ that is compiled into the addon. TensorFlow writes through Abseil's log, which nobody here initialises: it then
 * ignores `TF_CPP_MIN_LOG_LEVEL` and says so at the first message. This sets the level the variable asks for when the
 * addon is loaded. The symbol is weak, because its name holds Abseil's version: with another one nothing happens.
 */
export const quietLog = `#include <cstdlib>

#ifdef __APPLE__
#define UNDERSCORE "_"
#else
#define UNDERSCORE ""
#endif

extern "C" void set_min_log_level(int level)
    __asm__(UNDERSCORE "_ZN4absl12lts_2025012714SetMinLogLevelENS0_18LogSeverityAtLeastE") __attribute__((weak));

namespace {
const bool done = [] {
  const char* level = std::getenv("TF_CPP_MIN_LOG_LEVEL");
  if (set_min_log_level != nullptr && level != nullptr) set_min_log_level(std::atoi(level));
  return true;
}();
}  // namespace
`;
