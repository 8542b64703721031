// @ts-check
// The square on which a dot is moved: two of the node's numbers at once, over the preview's picture.

import { fromPart, moved, toPart } from "./explorer_layout.js";
import { isLinked, number, set } from "./explorer_widgets.js";
import { make, say } from "./explorer_words.js";

/** @typedef {import("./explorer_layout.js").Axis} Axis */

const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };
const FAST = 5;

export class Pad {
  /**
   * @param {any} node
   * @param {{x: Axis, y: Axis}} axes
   * @param {() => void} touched after every change by the person
   * @param {() => void} settled when a change is over
   */
  constructor(node, { x, y }, touched, settled) {
    this.node = node;
    this.x = x;
    this.y = y;
    this.touched = touched;
    this.settled = settled;
    this.element = make("div", "pad");
    this.element.tabIndex = 0;
    this.element.setAttribute("role", "slider");
    this.picture = make("img", "picture");
    this.picture.alt = "";
    this.picture.draggable = false;
    this.dot = make("div", "dot");
    this.labels = { x: make("span", "axis-x"), y: make("span", "axis-y") };
    this.element.append(this.picture, this.labels.x, this.labels.y, this.dot);
    this.listen();
  }

  listen() {
    const on = (/** @type {string} */ kind, /** @type {(event: any) => void} */ listener) => {
      this.element.addEventListener(kind, (/** @type {Event} */ event) => {
        event.stopPropagation(); // the canvas would drag the node, or open its search at a double click
        listener(event);
      });
    };
    on("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.element.setPointerCapture(event.pointerId);
      this.element.focus({ preventScroll: true });
      this.moveTo(event);
    });
    on("pointermove", (event) => {
      if (this.element.hasPointerCapture(event.pointerId)) this.moveTo(event);
    });
    on("lostpointercapture", () => this.settled());
    on("dblclick", () => {
      this.apply(this.x.neutral, this.y.neutral);
      this.settled();
    });
    this.element.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.press(event));
    this.element.addEventListener("keyup", (/** @type {KeyboardEvent} */ event) => {
      if (event.key in KEYS || event.key === "Home") this.settled();
    });
  }

  /** @param {PointerEvent} event */
  moveTo(event) {
    const { left, top, width, height } = this.element.getBoundingClientRect();
    const [right, up] = [(event.clientX - left) / width, 1 - (event.clientY - top) / height];
    this.apply(fromPart(this.x, right), fromPart(this.y, up));
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const way = KEYS[/** @type {keyof KEYS} */ (event.key)];
    if (!way && event.key !== "Home") return;
    event.preventDefault();
    event.stopPropagation();
    const steps = event.shiftKey ? FAST : 1;
    if (way) this.apply(moved(this.x, this.at(this.x), way[0] * steps), moved(this.y, this.at(this.y), way[1] * steps));
    else this.apply(this.x.neutral, this.y.neutral);
  }

  /** @param {number} x @param {number} y */
  apply(x, y) {
    set(this.node, { [this.x.widget]: x, [this.y.widget]: y });
    this.touched();
  }

  /** @param {Axis} axis */
  at(axis) {
    return number(this.node, axis.widget);
  }

  draw() {
    const [x, y] = [this.x, this.y].map((axis) => (isLinked(this.node, axis.widget) ? 0.5 : toPart(axis, this.at(axis))));
    this.dot.style.left = `${x * 100}%`;
    this.dot.style.top = `${(1 - y) * 100}%`;
    this.labels.x.textContent = `${this.label(this.x)} →`;
    this.labels.y.textContent = `↑ ${this.label(this.y)}`;
    const { element } = this;
    element.dataset.fixed = [this.x, this.y].map((axis, i) => (isLinked(this.node, axis.widget) ? "xy"[i] : "")).join("");
    element.setAttribute("aria-label", say("pad"));
    element.setAttribute("aria-roledescription", say("padRole"));
    element.setAttribute("aria-valuemin", String(this.x.min));
    element.setAttribute("aria-valuemax", String(this.x.max));
    element.setAttribute("aria-valuenow", String(this.at(this.x)));
    element.setAttribute("aria-valuetext", `${this.spoken(this.x)}; ${this.spoken(this.y)}`);
    element.title = say("padHint");
  }

  /** @param {Axis} axis */
  label(axis) {
    if (isLinked(this.node, axis.widget)) return say("fixed", { name: axis.widget });
    return this.name(axis);
  }

  /** @param {Axis} axis */
  name(axis) {
    const from = axis.seed ?? axis.number;
    if (from && isLinked(this.node, from)) return say("wired", { name: from });
    return say(axis.label, { number: from ? number(this.node, from) : "" });
  }

  /** @param {Axis} axis */
  spoken(axis) {
    return isLinked(this.node, axis.widget) ? this.label(axis) : `${this.name(axis)}: ${this.at(axis)}`;
  }
}
