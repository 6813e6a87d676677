#pragma once

#include "torch/dlpack_abi.h"

struct FakeTensor;

#define FAKE_EXPORT __attribute__((visibility("default")))

// Whether tensors are refused from now on, as LibTorch refuses a dtype that it does not have.
FAKE_EXPORT void fake_refuse(bool on);
FAKE_EXPORT const DLTensor &fake_view(const FakeTensor *fake);
FAKE_EXPORT void fake_release(FakeTensor *fake);
