// @ts-check
// The losses of a training as curves on a canvas, smoothed, on a logarithmic scale.

const COLORS = ["#e8e6e0", "#4aa3df", "#e07a3f", "#58b368", "#d2699e", "#b59a6a", "#8f8fe0"];
const SMOOTHED = 0.85;
const LEFT = 40;
const BOTTOM = 14;

/** @typedef {Record<string, [number, number][]>} Curves by loss: step and value */

/** @param {number} index @returns {string} */
export function colorOf(index) {
  return COLORS[index % COLORS.length];
}

/** The names of all losses, the total first. @param {Curves} curves @returns {string[]} */
export function namesOf(curves) {
  const names = Object.keys(curves);
  return names.includes("total") ? ["total", ...names.filter((name) => name !== "total")] : names;
}

/**
 * A running mean whose beginning counts as much as the rest.
 * @param {[number, number][]} points
 * @returns {[number, number][]}
 */
export function smoothed(points) {
  let mean = 0;
  let weight = 0;
  return points.map(([step, value]) => {
    mean = SMOOTHED * mean + (1 - SMOOTHED) * value;
    weight = SMOOTHED * weight + (1 - SMOOTHED);
    return [step, mean / weight];
  });
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Curves} curves
 * @param {Set<string>} hidden losses that are switched off
 * @param {string} ink of the scale
 */
export function drawChart(canvas, curves, hidden, ink) {
  const context = canvas.getContext("2d");
  if (!context) return;
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const names = namesOf(curves);
  const lines = names.map((name) => (hidden.has(name) ? [] : smoothed(curves[name]).filter(([, value]) => value > 1e-12)));
  const values = lines.flat().map(([, value]) => Math.log10(value));
  if (!values.length) return;
  const low = Math.floor(Math.min(...values) * 2) / 2;
  const high = Math.max(Math.ceil(Math.max(...values) * 2) / 2, low + 0.5);
  const last = Math.max(...lines.flat().map(([step]) => step), 2);
  const x = (/** @type {number} */ step) => LEFT + ((step - 1) / (last - 1)) * (width - LEFT - 4);
  const y = (/** @type {number} */ power) => 4 + ((high - power) / (high - low)) * (height - BOTTOM - 8);
  context.font = "10px sans-serif";
  context.fillStyle = ink;
  context.strokeStyle = "#8884";
  context.textAlign = "right";
  const step = high - low > 3 ? 1 : 0.5;
  for (let power = Math.ceil(low); power <= high; power += step) {
    context.beginPath();
    context.moveTo(LEFT, y(power));
    context.lineTo(width, y(power));
    context.stroke();
    context.fillText(Number((10 ** power).toPrecision(2)).toString().slice(0, 7), LEFT - 4, y(power) + 3);
  }
  context.fillText(String(last), width - 2, height - 2);
  context.lineWidth = 1.5;
  lines.forEach((line, index) => {
    context.strokeStyle = colorOf(index);
    context.beginPath();
    line.forEach(([at, value], i) => {
      const place = /** @type {[number, number]} */ ([x(at), y(Math.log10(value))]);
      if (i) context.lineTo(...place);
      else context.moveTo(...place);
    });
    context.stroke();
  });
}
