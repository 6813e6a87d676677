/**
 * Reading and rewriting the graphs of TorchScript programs: their nodes and calls, cuts, and layers
 * on packed weights, which networks of modules have too. Nothing here knows a model.
 */
package org.scorecam.graph;
