// @ts-check
// The panel under a loader's combo: is the chosen file here, how big is it, what may be done with it, and a download button.

import { describe } from "./weights_state.js";
import { addStyleSheet, ready, text } from "./strings.js";
import { ask, current, watch } from "./weights_store.js";

const WIDTH = 290;
const HEIGHT = 76;
const HEIGHT_WITH_NOTE = 96;
const HEIGHT_WITH_HELP = 210;
const LONG_LINE = 80; // characters of a license and its note
const ONCE_COPIED = 1500; // ms that the button says so

/**
 * Add the panel to one of our loader nodes.
 * @param {any} node a loader node, just created
 * @param {string} input the name of its combo
 */
export function addWeightsPanel(node, input) {
  const combo = node.widgets?.find((/** @type {any} */ widget) => widget.name === input);
  if (!combo) return;
  addStyleSheet(new URL("./weights_panel.css", import.meta.url));
  const panel = new Panel(() => String(combo.value));
  const height = () => panel.height();
  const widget = node.addDOMWidget("weights", "STYLE_ATELIER_WEIGHTS", panel.element, {
    serialize: false,
    hideOnZoom: false,
    hideInPanel: true, // one element cannot be in the node and in the side panel
    margin: 6,
    getMinHeight: height,
    getMaxHeight: height,
    getValue: () => "",
  });
  widget.serialize = false;
  node.setSize([Math.max(node.size[0], WIDTH), node.size[1]]);

  const chosen = combo.callback;
  combo.callback = function (/** @type {any[]} */ ...args) {
    const result = chosen?.apply(this, args);
    panel.draw();
    return result;
  };
  const configured = node.onConfigure;
  node.onConfigure = function (/** @type {any[]} */ ...args) {
    configured?.apply(this, args);
    panel.draw();
  };
  const stopWatching = watch(() => {
    panel.draw();
    if (panel.height() > HEIGHT) node.setSize([node.size[0], Math.max(node.size[1], node.computeSize()[1])]);
    node.setDirtyCanvas(true, true);
  });
  const removed = node.onRemoved;
  node.onRemoved = function (/** @type {any[]} */ ...args) {
    stopWatching();
    removed?.apply(this, args);
  };
  ready.then(() => panel.draw());
}

class Panel {
  /** @param {() => string} choice the combo's value */
  constructor(choice) {
    this.choice = choice;
    this.element = make("div", "style-atelier-weights");
    this.state = make("span", "style-atelier-weights-state");
    this.state.setAttribute("role", "status");
    this.button = /** @type {HTMLButtonElement} */ (make("button", "style-atelier-weights-button"));
    this.button.type = "button";
    this.button.addEventListener("click", () => this.click());
    // The canvas would take a press on the button as the start of a drag.
    this.button.addEventListener("pointerdown", (event) => event.stopPropagation());
    this.license = make("div", "style-atelier-weights-license");
    this.progress = /** @type {HTMLProgressElement} */ (make("progress", "style-atelier-weights-progress"));
    this.error = make("div", "style-atelier-weights-error");
    this.error.setAttribute("role", "alert");
    this.help = make("div", "style-atelier-weights-help");
    this.link = /** @type {HTMLAnchorElement} */ (make("a", "style-atelier-weights-link"));
    this.link.target = "_blank";
    this.link.rel = "noopener noreferrer";
    this.copy = /** @type {HTMLButtonElement} */ (make("button", "style-atelier-weights-button"));
    this.copy.type = "button";
    this.copy.addEventListener("click", () => this.copied());
    const row = make("div", "style-atelier-weights-row");
    row.append(this.state, this.button);
    this.ways = make("div", "style-atelier-weights-row");
    this.ways.append(this.link, this.copy);
    this.element.append(row, this.progress, this.ways, this.error, this.help, this.license);
    for (const each of [this.link, this.copy]) each.addEventListener("pointerdown", (event) => event.stopPropagation());
    this.draw();
  }

  draw() {
    const view = describe(current(), this.choice());
    this.view = view;
    this.element.dataset.state = view.state;
    this.state.textContent = view.text;
    this.license.textContent = view.license;
    this.license.title = view.hint;
    this.error.textContent = view.error;
    this.error.title = view.error;
    this.help.textContent = view.help ?? "";
    this.help.hidden = !view.help;
    this.ways.hidden = !view.copy;
    this.link.textContent = text("page");
    this.link.href = view.link ?? "";
    this.copy.textContent = text("copy");
    this.button.hidden = !view.action;
    this.button.textContent = view.button;
    this.progress.hidden = view.fraction === undefined;
    if (view.fraction === null) this.progress.removeAttribute("value");
    else this.progress.value = view.fraction ?? 0;
  }

  /** What the panel needs, in px. */
  height() {
    if (this.view?.help || this.view?.error) return HEIGHT_WITH_HELP;
    return (this.view?.license ?? "").length > LONG_LINE ? HEIGHT_WITH_NOTE : HEIGHT;
  }

  async copied() {
    await navigator.clipboard?.writeText(this.view?.copy ?? "");
    this.copy.textContent = text("copied");
    setTimeout(() => this.draw(), ONCE_COPIED);
  }

  async click() {
    const { name, action } = this.view ?? {};
    if (!name || !action) return;
    this.button.disabled = true;
    try {
      await ask(name, action);
    } catch (error) {
      this.error.textContent = String(error);
    } finally {
      this.button.disabled = false;
    }
  }
}

/** @param {string} tag @param {string} className @returns {HTMLElement} */
function make(tag, className) {
  const element = document.createElement(tag);
  element.className = className;
  return element;
}
