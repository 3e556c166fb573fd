/** Layers, initialisers, losses, and models made of them. */
package org.talweg.nn;
