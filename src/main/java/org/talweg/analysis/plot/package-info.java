/** Pictures of loss landscapes, drawn once for PNG and for SVG, and curves for web pages. */
package org.talweg.analysis.plot;
