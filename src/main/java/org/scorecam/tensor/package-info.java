/** From memory to tensors and back: Java arrays, raw pointers and {@code .npy} files. */
package org.scorecam.tensor;
