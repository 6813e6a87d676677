/** Loads LibTorch, sets it up, and holds what every other package stands on: devices, errors. */
package org.scorecam.runtime;
