/** The command line: {@code java -jar scorecam.jar}. */
package org.scorecam.cli;
