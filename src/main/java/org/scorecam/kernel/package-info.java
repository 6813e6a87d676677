/**
 * Our own kernels in {@code native/}, which upsample, normalise and mask in one pass.
 *
 * <p>{@code CpuBinding}, {@code CudaBinding} and the structures that they pass are generated from
 * {@code native/include} by JavaCPP. Libraries are loaded in this order, each by JavaCPP's loader
 * from the jar or the folder that this package comes from:
 *
 * <ol>
 *   <li>LibTorch, by {@link org.scorecam.runtime.LibTorch}. With it comes the OpenMP runtime
 *       ({@code libgomp.so.1}); ours has the same name and is therefore not loaded a second time,
 *       so that both use one pool of threads.
 *   <li>{@code libscorecam}, then {@code libjniscorecam}, which is generated and calls it.
 *   <li>For the first tensor on a CUDA device, {@code libscorecam_cuda} and {@code
 *       libjniscorecam_cuda}; they are in the jar if there was a CUDA compiler when it was built.
 * </ol>
 */
package org.scorecam.kernel;
