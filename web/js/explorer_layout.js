// @ts-check
// What the explorer of each node type turns; no DOM in here.

/**
 * An axis of the pad. label: a key of the strings, given the seed of `seed` and the number of `number` where they are named.
 * @typedef {{widget: string, min: number, max: number, neutral: number, label: string, seed?: string, number?: string}} Axis
 * @typedef {{widget: string, min: number, max: number, step: number, label: string}} Slider
 * @typedef {{x: Axis, y: Axis, sliders: Slider[], layers?: string, grid: boolean}} Layout
 */

const STEP = 0.01;
export const LAYERS = ["all", "coarse", "middle", "fine"];
export const MIXED = ["coarse", "middle", "fine", "coarse, middle", "middle, fine"];

/** @type {Record<string, Layout>} */
export const LAYOUTS = {
  StyleAtelierSampleW: {
    x: { widget: "x", min: 0, max: 1, neutral: 0, label: "towardsSeed", seed: "x_seed" },
    y: { widget: "y", min: 0, max: 1, neutral: 0, label: "towardsSeed", seed: "y_seed" },
    sliders: [
      { widget: "truncation_psi", min: -0.5, max: 1.5, step: 0.05, label: "psi" },
      { widget: "truncation_cutoff", min: -1, max: 18, step: 1, label: "cutoff" },
    ],
    grid: true,
  },
  StyleAtelierEditW: {
    x: { widget: "amount", min: -5, max: 5, neutral: 0, label: "alongDirection", number: "direction" },
    y: { widget: "second_amount", min: -5, max: 5, neutral: 0, label: "alongDirection", number: "second_direction" },
    sliders: [
      { widget: "direction", min: 0, max: 15, step: 1, label: "direction" },
      { widget: "second_direction", min: 0, max: 15, step: 1, label: "secondDirection" },
    ],
    layers: "layers",
    grid: false,
  },
};

/** Where a value lies on its axis, 0..1, also when it is beyond the ends. @param {Axis} axis @param {number} value */
export function toPart(axis, value) {
  return clamp((value - axis.min) / (axis.max - axis.min), 0, 1);
}

/** @param {Axis} axis @param {number} part @returns {number} */
export function fromPart(axis, part) {
  return rounded(axis.min + clamp(part, 0, 1) * (axis.max - axis.min));
}

/** A value moved by a number of fiftieths of its axis. @param {Axis} axis @param {number} value @param {number} steps */
export function moved(axis, value, steps) {
  return rounded(clamp(value + (steps * (axis.max - axis.min)) / 50, axis.min, axis.max));
}

/** @param {number} value */
function rounded(value) {
  const digits = Math.round(Math.log10(1 / STEP));
  return Number(value.toFixed(digits)) + 0; // + 0: never "-0"
}

/** @param {number} value @param {number} low @param {number} high */
function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
