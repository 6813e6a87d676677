/**
 * From picture files to input tensors, and from saliency maps back to pictures.
 *
 * <pre>{@code
 * Picture photo = Picture.read(Path.of("boxer.jpg"));
 * Preprocessing preprocessing = Preprocessing.imagenet();
 * try (Tensor input = preprocessing.apply(photo)) {
 *   float[][] map = …;                                  // explained on the input
 *   Overlay.jet()
 *       .draw(Heatmap.of(map), photo, preprocessing.regionOf(photo))
 *       .write(Path.of("overlay.png"));
 * }
 * }</pre>
 *
 * <p>Pictures are 8-bit sRGB, rows from the top; x counts columns and y counts rows, and the top
 * left pixel covers the square from (0, 0) to (1, 1). Everything here but a {@link
 * org.bytedeco.pytorch.Tensor} is immutable, lives on the Java heap and may be shared by threads.
 */
package org.scorecam.image;
