// What the test asks of its LibTorch, whose recordings count what is called.
#pragma once

struct FakeCalls {
  int living, begun, ended, replayed, mode;
};

const FakeCalls &fake_calls();

// Makes the next call of capture_begin or capture_end throw.
void fake_refuse_graph();
