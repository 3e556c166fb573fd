//<![CDATA[
// The legend of a chart shows the values at the epoch that a reader points at or goes to with the arrow keys.
"use strict";
const number = text => {
  const value = Number(text);
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "not a number" : value > 0 ? "infinite" : "−infinite";
  const size = Math.abs(value);
  if (value === 0) return "0";
  if (size < 1e-4 || size >= 1e7) return value.toExponential(2).replace("e+", "e").replace(/-/g, "−");
  const decimals = Math.min(6, Math.max(0, 3 - Math.floor(Math.log10(size))));
  return (size >= 1000 ? Math.round(value).toLocaleString("en-US") : value.toFixed(decimals)).replace("-", "−");
};
for (const figure of document.querySelectorAll("figure.plot")) {
  const chart = figure.querySelector("svg");
  const epochs = chart.dataset.x.split(" ").map(Number);
  const curves = [...chart.querySelectorAll("[data-values]")].map(curve => curve.dataset.values.split(" "));
  const values = [...figure.querySelectorAll(".legend b")];
  const at = figure.querySelector(".at");
  const first = [at.textContent, ...values.map(value => value.textContent)];
  const from = Number(chart.dataset.from), to = Number(chart.dataset.to);
  const low = epochs[0], high = epochs[epochs.length - 1];
  const place = i => high > low ? from + (epochs[i] - low) / (high - low) * (to - from) : from;
  const cursor = document.createElementNS("http://www.w3.org/2000/svg", "path");
  cursor.setAttribute("class", "cursor");
  let shown = -1;
  const show = i => {
    shown = i;
    at.textContent = "epoch " + epochs[i];
    values.forEach((value, k) => value.textContent = number(curves[k][i]));
    cursor.setAttribute("d", "M" + place(i) + " 22V232");
    chart.append(cursor);
  };
  const rest = () => {
    shown = -1;
    cursor.remove();
    [at, ...values].forEach((element, k) => element.textContent = first[k]);
  };
  chart.addEventListener("pointermove", event => {
    const box = chart.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * chart.viewBox.baseVal.width;
    let nearest = 0;
    epochs.forEach((epoch, i) => { if (Math.abs(place(i) - x) < Math.abs(place(nearest) - x)) nearest = i; });
    show(nearest);
  });
  chart.addEventListener("pointerleave", rest);
  chart.addEventListener("blur", rest);
  chart.tabIndex = 0;
  at.setAttribute("aria-live", "polite");
  chart.addEventListener("keydown", event => {
    const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (step === undefined) return;
    event.preventDefault();
    show(Math.min(epochs.length - 1, Math.max(0, (shown < 0 ? epochs.length - 1 : shown) + step)));
  });
}
//]]>
