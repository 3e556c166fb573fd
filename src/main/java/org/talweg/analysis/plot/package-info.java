/** Pictures of loss landscapes, drawn once for PNG and for SVG. */
package org.talweg.analysis.plot;
