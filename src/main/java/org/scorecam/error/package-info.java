/**
 * What can go wrong, as far as a caller may want to tell it apart: every error that leaves the
 * library is a {@link org.scorecam.error.ScoreCamException}.
 */
package org.scorecam.error;
