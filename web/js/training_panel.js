// @ts-check
// The panel on Train Stylizer: curves, samples through time, how far it is, and stop. It asks the server by the node's name
// widget, so that it shows the run again after the page is loaded anew.

import { api } from "../../../scripts/api.js";
import { addStyleSheet, ready, size, text } from "./strings.js";
import { colorOf, drawChart, namesOf } from "./training_chart.js";
import { after, find } from "./explorer_widgets.js";

const WIDTH = 360;
const HEIGHT = 396;
const GAP = 1000; // ms between two questions while it runs
const ENDS = ["execution_success", "execution_error", "execution_interrupted"];

/** @typedef {{state: string, step?: number, planned?: number, seconds?: number, left?: number, rate?: number, memory?: number,
 *   curves?: import("./training_chart.js").Curves, samples?: number[], best?: number, notes?: string[]}} Status */

/** @param {string} key @param {Record<string, string | number>} [values] */
function say(key, values) {
  return text(key, values, "styleAtelierTraining");
}

/** @param {string} tag @param {string} [name] of the class, after the panel's prefix @returns {any} */
function make(tag, name) {
  const element = document.createElement(tag);
  if (name) element.className = `style-atelier-training-${name}`;
  return element;
}

/** Seconds in the unit that suits. @param {number} seconds */
export function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** Add the panel to a node that trains. @param {any} node just created */
export function addTraining(node) {
  addStyleSheet(new URL("./training_panel.css", import.meta.url));
  const panel = new Panel(() => String(find(node, "name")?.value ?? ""));
  const height = () => HEIGHT;
  const widget = node.addDOMWidget("training", "STYLE_ATELIER_TRAINING", panel.element, {
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
  const name = find(node, "name");
  if (name) after(name, "callback", () => panel.ask());
  after(node, "onConfigure", () => panel.ask());
  after(node, "onRemoved", () => panel.end());
  ready.then(() => panel.ask());
}

class Panel {
  /** @param {() => string} name of the run */
  constructor(name) {
    this.name = name;
    this.element = make("div", "panel");
    /** @type {Status} */
    this.status = { state: "none" };
    /** @type {Set<string>} */
    this.hidden = new Set();
    this.following = true; // the slider stands at the newest sample
    this.asked = 0;
    this.build();
    this.busy = false; // a workflow runs, which may come to this node
    this.begins = () => {
      this.busy = true;
    };
    this.ends = () => {
      this.busy = false;
      this.ask();
    };
    api.addEventListener("execution_start", this.begins);
    for (const event of ENDS) api.addEventListener(event, this.ends);
    this.timer = setInterval(() => {
      if ((this.busy || this.status.state === "running") && !document.hidden) this.ask();
    }, GAP);
  }

  build() {
    this.line = make("div", "line");
    this.line.setAttribute("role", "status");
    this.stop = make("button", "stop");
    this.stop.type = "button";
    this.stop.addEventListener("click", () => this.interrupt());
    this.chart = make("canvas", "chart");
    this.legend = make("div", "legend");
    this.picture = make("img", "picture");
    this.slider = make("input", "slider");
    this.slider.type = "range";
    this.slider.min = "0";
    this.slider.addEventListener("input", () => {
      this.following = Number(this.slider.value) === Number(this.slider.max);
      this.drawSample();
    });
    this.when = make("span", "when");
    this.notes = make("div", "notes");
    const head = make("div", "row");
    head.append(this.line, this.stop);
    const time = make("div", "row");
    time.append(this.slider, this.when);
    this.element.append(head, this.chart, this.legend, this.picture, time, this.notes);
    // the canvas of the page would take a press as the start of a drag
    this.element.addEventListener("pointerdown", (/** @type {Event} */ event) => event.stopPropagation());
    this.draw();
  }

  /** Ask the server how the run goes. */
  async ask() {
    const name = this.name();
    const asked = ++this.asked;
    if (!name.trim()) return this.show({ state: "none" });
    try {
      const answer = await api.fetchApi(`/style_atelier/training/${encodeURIComponent(name)}/status`, { cache: "no-store" });
      const found = answer.ok ? await answer.json() : { state: "none" };
      if (asked === this.asked) this.show(found);
    } catch (error) {
      console.warn("Style Atelier: the server does not say how the training goes:", error);
    }
  }

  /** @param {Status} status */
  show(status) {
    this.status = status;
    this.draw();
  }

  draw() {
    const { state, step = 0, planned = 0, seconds = 0, left = 0, rate = 0, memory = 0, curves = {}, samples = [], notes = [] } = this.status;
    const running = state === "running";
    const parts = [say(state)];
    if (state !== "none") {
      parts.push(say("steps", { step, planned }), say("pace", { seconds: step ? (seconds / step).toPrecision(2) : "-" }));
      if (running) parts.push(say("left", { time: duration(left) }), say("rate", { rate: rate.toPrecision(2) }));
      else parts.push(duration(seconds));
      if (memory) parts.push(size(memory));
    }
    this.line.textContent = parts.join(" · ");
    this.stop.textContent = say("stop");
    this.stop.title = say("stopHint");
    this.stop.hidden = !running;
    this.element.dataset.state = state;
    this.notes.textContent = notes.join(" · ");
    this.drawCurves(curves);
    this.drawLegend(curves);
    this.slider.max = String(Math.max(samples.length - 1, 0));
    this.slider.disabled = samples.length < 2;
    this.slider.setAttribute("aria-label", say("samples"));
    if (this.following) this.slider.value = this.slider.max;
    this.drawSample();
  }

  /** @param {import("./training_chart.js").Curves} curves */
  drawCurves(curves) {
    drawChart(this.chart, curves, this.hidden, getComputedStyle(this.element).color || "#ccc");
  }

  /** @param {import("./training_chart.js").Curves} curves */
  drawLegend(curves) {
    const names = namesOf(curves);
    if (this.legend.childElementCount !== names.length) {
      this.legend.replaceChildren(...names.map((name, index) => this.switchFor(name, index)));
    }
    names.forEach((name, index) => {
      const button = this.legend.children[index];
      const value = curves[name].at(-1)?.[1] ?? 0;
      button.textContent = `${name} ${Number(value.toPrecision(3))}`;
      button.setAttribute("aria-pressed", String(!this.hidden.has(name)));
    });
  }

  /** A button that hides a loss and shows it again. @param {string} name @param {number} index */
  switchFor(name, index) {
    const button = make("button", "switch");
    button.type = "button";
    button.style.setProperty("--color", colorOf(index));
    button.title = say("switch", { name });
    button.addEventListener("click", () => {
      if (!this.hidden.delete(name)) this.hidden.add(name);
      this.draw();
    });
    return button;
  }

  drawSample() {
    const { samples = [], best = -1 } = this.status;
    const step = samples[Number(this.slider.value)];
    this.picture.hidden = step === undefined;
    this.when.textContent = step === undefined ? "" : say(step === best ? "bestStep" : "step", { step });
    if (step === undefined) return;
    const address = api.apiURL(`/style_atelier/training/${encodeURIComponent(this.name())}/sample/${step}`);
    if (this.picture.getAttribute("src") !== address) this.picture.src = address;
    this.picture.alt = say("step", { step });
  }

  /** Stop the run that is under way, as the page's own button does: what there is so far goes on along the wires. */
  async interrupt() {
    this.stop.disabled = true;
    try {
      await api.interrupt(null);
    } finally {
      this.stop.disabled = false;
    }
  }

  end() {
    clearInterval(this.timer);
    api.removeEventListener("execution_start", this.begins);
    for (const event of ENDS) api.removeEventListener(event, this.ends);
  }
}
