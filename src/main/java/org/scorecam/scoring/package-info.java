/**
 * Runs masked inputs through a network in chunks: {@link org.scorecam.scoring.PassScoring} is given
 * a source of rows that also reads their scores ({@link org.scorecam.scoring.MaskedInputs}), and
 * decides how many rows a chunk has, in which precision the network runs, and what is done where
 * memory is short. Knows nothing of what the scores are for.
 */
package org.scorecam.scoring;
