// A LibTorch that has nothing but tensors, whose allocator can be replaced and which may handle it wrongly.
#pragma once

#include "torch/allocator_abi.h"

enum class Fault { kNone, kOwnMemory, kNotFreed, kLargeForSmall };

extern "C" __attribute__((visibility("default"))) scorecam::abi::Allocator *fake_torch_allocator();
extern "C" __attribute__((visibility("default"))) void fake_torch_use(scorecam::abi::Allocator *allocator, Fault fault);
