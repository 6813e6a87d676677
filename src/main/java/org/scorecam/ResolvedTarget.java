package org.scorecam;

/**
 * A target of one image.
 *
 * @param target with its top class found and its indices checked
 * @param referenceScore of the unmasked image
 */
record ResolvedTarget(Target target, float referenceScore) {}
