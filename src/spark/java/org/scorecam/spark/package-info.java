/**
 * Score-CAM on Apache Spark: a column of pictures becomes a column of saliency maps. Each executor
 * loads a network once, and its tasks share it.
 */
package org.scorecam.spark;
