#pragma once

namespace scorecam {

// Registers our operators with the LibTorch of that file, which is loaded; once per process.
void register_operators(const char *library);

}  // namespace scorecam
