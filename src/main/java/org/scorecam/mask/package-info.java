/** From activation maps to masked inputs: which channels, how they are scaled, and the writing. */
package org.scorecam.mask;
