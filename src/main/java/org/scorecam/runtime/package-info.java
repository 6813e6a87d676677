/** Loads LibTorch and sets it up, and holds what every other package stands on: scopes, devices. */
package org.scorecam.runtime;
