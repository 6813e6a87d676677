/**
 * What the jar carries to show the method working: generated scenes of plain shapes whose places
 * are known, a small network that names the shapes in a scene, and the code that trained it.
 */
package org.scorecam.demo;
