package org.scorecam.demo;

/**
 * One object of a scene.
 *
 * @param kind what it is
 * @param box the smallest box around the pixels it is drawn on
 */
public record SceneObject(ShapeKind kind, Box box) {}
