// @ts-check
// The latent explorer on a node: a pad over a live picture, sliders, and a mixing grid. What they set is in the node's own
// widgets; the panel itself holds nothing that is saved.

import { makeLayers, makeSlider } from "./explorer_controls.js";
import { Grid } from "./explorer_grid.js";
import { LAYOUTS } from "./explorer_layout.js";
import { keep, take } from "./explorer_memory.js";
import { Pad } from "./explorer_pad.js";
import { Preview } from "./explorer_preview.js";
import { addStyleSheet, ready } from "./strings.js";
import { after, find, isLinked, noteChange, set, watch } from "./explorer_widgets.js";
import { make, say } from "./explorer_words.js";

const WIDTH = 300;
const MARGIN = 6;
const PAD_AND_BAR = 266;
const ROW = 26;
const ERROR = 50;

/** Add the explorer to a node of a type that has one. @param {any} node just created */
export function addExplorer(node) {
  addStyleSheet(new URL("./explorer_panel.css", import.meta.url));
  const panel = new Panel(node);
  const height = () => panel.height;
  watch(node, () => panel.changed());
  const widget = node.addDOMWidget("explorer", "STYLE_ATELIER_EXPLORER", panel.element, {
    serialize: false,
    hideOnZoom: false,
    hideInPanel: true, // one element cannot be in the node and in the side panel
    margin: MARGIN,
    getMinHeight: height,
    getMaxHeight: height,
    getValue: () => "",
  });
  widget.serialize = false;
  node.setSize([Math.max(node.size[0], WIDTH), node.size[1]]);
  after(node, "onConfigure", () => panel.resume());
  after(node, "onRemoved", () => panel.end());
  ready.then(() => panel.draw());
}

class Panel {
  /** @param {any} node */
  constructor(node) {
    this.node = node;
    this.layout = LAYOUTS[/** @type {keyof LAYOUTS} */ (node.comfyClass)];
    const id = Math.random().toString(36).slice(2); // crypto.randomUUID is missing on pages without https
    const touched = () => this.preview.start();
    const settled = () => this.settled();
    this.element = make("div", "panel");
    this.pad = new Pad(node, this.layout, touched, settled);
    this.controls = this.layout.sliders.map((slider) => makeSlider(node, slider, touched, settled));
    if (this.layout.layers) this.controls.push(makeLayers(node, this.layout.layers, touched, settled));
    this.preview = new Preview(node, id, (news) => this.show(news), () => this.settings());
    this.grid = new Grid(node, `${id}-grid`, (values) => this.take(values), (error) => this.complain("grid", error));
    this.errors = { preview: "", grid: "" };
    this.lastHeight = 0;
    /** @type {Blob | null} */
    this.picture = null;
    this.build();
    this.draw();
  }

  build() {
    this.status = make("span", "status");
    this.status.setAttribute("role", "status");
    this.error = make("div", "error");
    this.error.setAttribute("role", "alert");
    this.button = button(() => this.preview.start());
    this.gridButton = button(() => this.toggleGrid());
    this.gridButton.hidden = !this.layout.grid;
    const bar = make("div", "row");
    bar.append(this.button, this.status, this.gridButton);
    this.element.append(this.pad.element, bar, this.error, ...this.controls.map(({ element }) => element), this.grid.element);
    // The canvas would take a press as the start of a drag, and letters as its own keys.
    this.element.addEventListener("pointerdown", (/** @type {Event} */ event) => event.stopPropagation());
    for (const input of this.element.querySelectorAll("input")) input.addEventListener("keydown", keepToInput);
  }

  get height() {
    const error = this.error.textContent ? ERROR : 0;
    return PAD_AND_BAR + this.controls.length * ROW + error + this.grid.height + 2 * MARGIN;
  }

  draw() {
    this.pad.draw();
    for (const control of this.controls) control.draw();
    this.button.textContent = say("preview");
    this.button.title = say("previewHint");
    this.gridButton.textContent = say("grid");
    this.gridButton.disabled = ["seeds", "mix_seed", "mix_layers"].some((name) => isLinked(this.node, name));
    this.gridButton.setAttribute("aria-expanded", String(!this.grid.element.hidden));
    if (this.layout.grid) this.grid.draw();
    this.fit();
  }

  /** The node is as high as the panel needs it. */
  fit() {
    const { height } = this;
    this.element.style.minHeight = `${height - 2 * MARGIN}px`;
    if (height === this.lastHeight) return;
    const spare = Math.max(this.lastHeight - height, 0);
    const isFirst = !this.lastHeight;
    this.lastHeight = height;
    if (isFirst) return; // the widget is not there yet
    const [width, now] = this.node.size;
    this.node.setSize([width, Math.max(this.node.computeSize()[1], now - spare)]);
    this.node.setDirtyCanvas(true, true);
  }

  /** A widget of the node changed, by the panel or by hand. */
  changed() {
    this.draw();
    this.preview.wish();
  }

  settled() {
    this.preview.settle();
    noteChange();
  }

  /** @param {Record<string, any>} values of a cell of the grid */
  take(values) {
    set(this.node, values);
    this.preview.start();
    this.settled();
  }

  toggleGrid() {
    this.grid.toggle(this.grid.element.hidden);
    this.complain("grid", this.grid.element.hidden ? "" : this.errors.grid);
    this.draw();
  }

  /** @param {import("./explorer_preview.js").News} news */
  show({ picture, error = "", working, waiting = "" }) {
    this.element.ariaBusy = String(Boolean(working));
    this.status.textContent = waiting;
    if (picture) this.showPicture(picture);
    if (!working) this.complain("preview", error);
  }

  /** @param {Blob} picture */
  showPicture(picture) {
    this.picture = picture;
    const { picture: image, element } = this.pad;
    const before = image.src;
    image.src = URL.createObjectURL(picture);
    if (before) URL.revokeObjectURL(before);
    element.dataset.painted = "true";
  }

  /** @param {"preview" | "grid"} part @param {string} error */
  complain(part, error) {
    this.errors[part] = error;
    this.error.textContent = this.error.title = this.errors.preview || this.errors.grid;
    this.fit();
  }

  /** All that the node's widgets say, to see whether two pictures would be the same. */
  settings() {
    return JSON.stringify(this.node.widgets.map((/** @type {any} */ widget) => widget.value));
  }

  /** After an undo the panel goes on where it was. */
  resume() {
    const shown = take(this.node);
    if (!shown) return;
    this.showPicture(shown.picture);
    this.preview.start();
    if (!shown.grid) return;
    this.grid.words = shown.grid;
    this.toggleGrid();
  }

  end() {
    if (this.picture) keep(this.node, { picture: this.picture, grid: this.grid.element.hidden ? null : this.grid.words });
    this.preview.end();
    this.grid.close();
    if (this.pad.picture.src) URL.revokeObjectURL(this.pad.picture.src);
  }
}

/** @param {() => void} click @returns {HTMLButtonElement} */
function button(click) {
  const element = make("button", "button");
  element.type = "button";
  element.addEventListener("click", click);
  return element;
}

/** @param {Event} event */
function keepToInput(event) {
  const { key, ctrlKey, metaKey } = /** @type {KeyboardEvent} */ (event);
  if (!ctrlKey && !metaKey && key !== "Escape") event.stopPropagation();
}
