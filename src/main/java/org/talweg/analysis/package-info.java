/**
 * Looking at training instead of doing it: whether gradients are right ({@link org.talweg.analysis.GradientCheck}) and
 * well ({@link org.talweg.analysis.GradientHealth}), what kind of point training stopped at
 * ({@link org.talweg.analysis.StationaryPoint}), what the loss looks like around it
 * ({@link org.talweg.analysis.LossSurface}), and what the answer is where there is a formula for it
 * ({@link org.talweg.analysis.LinearRegression}).
 */
package org.talweg.analysis;
