// @ts-check
// Under the pad: sliders and a select that show and turn the node's own widgets.

import { LAYERS } from "./explorer_layout.js";
import { find, isLinked, number, set } from "./explorer_widgets.js";
import { make, say } from "./explorer_words.js";

/** @typedef {import("./explorer_layout.js").Slider} Slider @typedef {{element: HTMLElement, draw: () => void}} Control */

/**
 * @param {any} node
 * @param {Slider} slider
 * @param {() => void} touched after every change by the person
 * @param {() => void} settled when a change is over
 * @returns {Control}
 */
export function makeSlider(node, slider, touched, settled) {
  const input = make("input", "range");
  input.type = "range";
  Object.assign(input, { min: slider.min, max: slider.max, step: slider.step });
  input.dataset.widget = slider.widget;
  const shown = make("output", "value");
  const { element, label } = row(input, shown);
  input.addEventListener("input", () => {
    set(node, { [slider.widget]: Number(input.value) });
    touched();
  });
  input.addEventListener("change", settled);
  // A focused slider would keep the host's undo keys to itself.
  input.addEventListener("pointerup", () => input.blur());
  return {
    element,
    draw() {
      const linked = isLinked(node, slider.widget);
      const value = number(node, slider.widget);
      label.textContent = input.ariaLabel = say(slider.label);
      label.title = slider.widget;
      input.value = String(value);
      input.disabled = linked;
      shown.textContent = linked ? "—" : String(Number(value.toFixed(2)));
    },
  };
}

/**
 * @param {any} node
 * @param {string} name of the widget that holds which layers
 * @param {() => void} touched @param {() => void} settled
 * @returns {Control}
 */
export function makeLayers(node, name, touched, settled) {
  const select = make("select", "select");
  select.dataset.widget = name;
  const { element, label } = row(select);
  select.addEventListener("change", () => {
    set(node, { [name]: select.value });
    touched();
    settled();
  });
  return {
    element,
    draw() {
      const value = String(find(node, name)?.value ?? "");
      label.textContent = select.ariaLabel = say("layers");
      label.title = name;
      const options = LAYERS.includes(value) ? LAYERS : [...LAYERS, value];
      fill(select, options, value);
      select.disabled = isLinked(node, name);
    },
  };
}

/**
 * Give a select its options, known layers in the page's language.
 * @param {any} select @param {string[]} options @param {string} value
 */
export function fill(select, options, value) {
  select.replaceChildren(...options.map((option) => new Option(layersText(option), option)));
  select.value = value;
}

/** @param {string} layers "coarse, middle" */
function layersText(layers) {
  const parts = layers.split(", ");
  return parts.every((part) => LAYERS.includes(part)) ? parts.map((part) => say(part)).join(say("and")) : layers;
}

/** @param {...HTMLElement} controls */
function row(...controls) {
  const element = make("label", "row");
  const label = make("span", "label");
  element.append(label, ...controls);
  return { element, label };
}
