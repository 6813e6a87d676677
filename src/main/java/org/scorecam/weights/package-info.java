/**
 * Weight files: reading them without running anything in them, and copying them into networks.
 *
 * <p>{@link org.scorecam.weights.WeightFile} reads {@code .safetensors}, what Python's {@code
 * torch.save} and {@code torch.jit.save} write, and LibTorch's archives; {@link
 * org.scorecam.weights.WeightLoader} copies one into a {@code torch::nn::Module}.
 *
 * <p>A file is hostile until shown otherwise. No length in it is believed before it was compared
 * with the file's own size, no name in it reaches the file system, and its pickles are read as data
 * by an interpreter that knows a dozen names and can call none of Python's or Java's.
 */
package org.scorecam.weights;
