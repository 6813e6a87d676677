/** From memory to tensors and back: Java arrays, raw pointers, DLPack and {@code .npy} files. */
package org.scorecam.tensor;
