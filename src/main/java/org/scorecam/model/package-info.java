/**
 * Networks whose layers can be watched: {@link org.scorecam.model.HookedModel} is what everything
 * above sees, whether a network comes from a TorchScript file or is built in Java.
 */
package org.scorecam.model;
