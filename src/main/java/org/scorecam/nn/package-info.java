/**
 * Hooks on {@code torch::nn} modules, as PyTorch has them and LibTorch has not.
 *
 * <p>A network written in Java extends {@link org.scorecam.nn.Network} and calls its children
 * through the {@link org.scorecam.nn.Submodule}s that {@link org.scorecam.nn.Network#child} gives;
 * they are plain modules of LibTorch otherwise, with their names, parameters, {@code save} and
 * {@code load}.
 */
package org.scorecam.nn;
