// What operators of LibTorch's a thread calls, written down as a TorchScript graph by LibTorch's tracer.
#pragma once

namespace scorecam {

// Begins to write down what this thread calls. The trace has a graph of its own.
void *begin_trace(const char *library);

// Ends what this thread began; the graph stays until the trace is freed. Fails if what the program called may
// depend on the numbers in a tensor.
void end_trace(const char *library, const void *trace);

void free_trace(void *trace);

// Says what stands for a c10::IValue in this thread's graph: a torch::jit::Value.
void set_traced(const char *library, const void *value, void *stands_for_it);

// What stands for it; one that the graph does not know is a constant from now on.
void *get_traced(const char *library, const void *value);

}  // namespace scorecam
