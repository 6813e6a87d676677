/**
 * Score-CAM: saliency maps of any network, without gradients, and the methods it is compared with.
 *
 * <p>{@link org.scorecam.ScoreCam} is built once on a {@link org.scorecam.model.HookedModel} and
 * explains any number of inputs; a {@link org.scorecam.Target} says what is explained, a {@link
 * org.scorecam.Recipe} which of the published variants is computed, and a {@link
 * org.scorecam.Saliency} is the result.
 *
 * <p>Inside, {@code BatchExplainer} has the way of an input: {@code FirstPass} captures the
 * activation maps, {@code LayerMaps} finds them in what the layer put out, {@code ChannelScoring}
 * selects channels and writes their masked inputs, {@link org.scorecam.scoring.PassScoring} scores
 * these in chunks, and {@code ChannelScoring} turns the scores into weights and these into the
 * saliency map. Where channels are chosen as scores come in, {@code AdaptivePasses} says after each
 * round which masked inputs follow.
 *
 * <p>The method: H. Wang et al., <a href="https://arxiv.org/abs/1910.01279">Score-CAM:
 * Score-Weighted Visual Explanations for Convolutional Neural Networks</a>, CVPR workshops 2020.
 */
package org.scorecam;
