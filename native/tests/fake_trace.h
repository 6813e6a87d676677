// What the test asks of the LibTorch in fake_trace.cpp.
#pragma once

#include <cstdint>

// Has this thread call an operator, as far as observers can tell.
void fake_call_operator(const char *name);

// Of tracing states and observers.
int fake_living_states();
int fake_living_observers();

// Of this thread: whether operators are written down.
bool fake_is_tracing();
