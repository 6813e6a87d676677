#pragma once

namespace scorecam {

// Defines one of torchvision's operators, "torchvision::nms" or "torchvision::roi_align", for the LibTorch of that file,
// which is loaded; once per process. It must not be defined.
void define_vision_operator(const char *library, const char *name);

}  // namespace scorecam
