/**
 * Measures explanations: against the network alone, against a plain Score-CAM, and stage by stage.
 * {@link org.scorecam.bench.Race} times {@link org.scorecam.bench.Contestant}s in turns.
 */
package org.scorecam.bench;
