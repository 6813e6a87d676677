/**
 * Explains many pictures: reading and preprocessing run beside scoring, masked inputs of several
 * pictures fill chunks together, and the results come in the pictures' order.
 */
package org.scorecam.pipeline;
