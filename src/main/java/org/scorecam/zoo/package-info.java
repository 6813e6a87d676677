/**
 * Torchvision's networks on LibTorch's modules, with its names of parameters and buffers, so that
 * its published weight files fit.
 *
 * <pre>{@code
 * try (ModuleModel model = Zoo.load("resnet18", Path.of("resnet18-f37072fd.pth"), Device.cpu());
 *     ScoreCam cam = ScoreCam.on(model).build()) { … }
 * }</pre>
 */
package org.scorecam.zoo;
