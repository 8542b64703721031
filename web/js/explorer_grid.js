// @ts-check
// The mixing grid: row seeds, with some layers of column seeds, as small pictures; a click takes one.

import { fill } from "./explorer_controls.js";
import { MIXED } from "./explorer_layout.js";
import { Busy, fetchPicture, runEnds, wishFor, withValues } from "./explorer_request.js";
import { MOST, parseSeeds } from "./explorer_seeds.js";
import { find } from "./explorer_widgets.js";
import { make, say } from "./explorer_words.js";

const ROW = 26;
const HEAD = 18;
const SIDE = 96;
const LARGEST_CELL = 72;

/** @typedef {{row: number, column: number, layers: string, image: HTMLImageElement}} Cell */

export class Grid {
  /**
   * @param {any} node
   * @param {string} panel unique on the server
   * @param {(values: Record<string, any>) => void} choose
   * @param {(error: string) => void} complain
   */
  constructor(node, panel, choose, complain) {
    this.node = node;
    this.panel = panel;
    this.choose = choose;
    this.complain = complain;
    this.size = [0, 0];
    this.work = new AbortController();
    this.rows = this.seeds("1-4");
    this.columns = this.seeds("5-8");
    this.layers = make("select", "select");
    this.again = make("button", "button");
    this.again.type = "button";
    this.again.textContent = "↻";
    this.table = make("table", "grid");
    this.labels = [make("span", "label"), make("span", "label"), make("span", "label")];
    this.element = make("div", "mixing");
    const [rows, columns, layers] = this.labels;
    for (const parts of [[rows, this.rows], [columns, this.columns], [layers, this.layers, this.again]]) {
      const line = make("div", "row");
      line.append(...parts);
      this.element.append(line);
    }
    this.element.append(this.table);
    this.element.hidden = true;
    this.filled = "";
    for (const input of [this.rows, this.columns, this.layers]) input.addEventListener("change", () => this.fillAnew());
    this.again.addEventListener("click", () => this.fill());
  }

  /** @param {string} value @returns {HTMLInputElement} */
  seeds(value) {
    const input = make("input", "text");
    input.type = "text";
    input.value = value;
    input.spellcheck = false;
    return input;
  }

  /** What the person wrote and chose. */
  get words() {
    return { rows: this.rows.value, columns: this.columns.value, layers: this.layers.value };
  }

  set words({ rows, columns, layers }) {
    this.rows.value = rows;
    this.columns.value = columns;
    this.layers.value = layers;
  }

  get height() {
    return this.element.hidden ? 0 : 3 * ROW + 4 + (this.size[0] ? HEAD + this.size[0] * (this.cell + 2) + 2 : 0);
  }

  /** The side of a cell: all columns fit into the node. */
  get cell() {
    return Math.min(LARGEST_CELL, Math.floor((this.node.size[0] - 70) / Math.max(this.size[1], 1)) - 2);
  }

  draw() {
    ["rowSeeds", "columnSeeds", "columnLayers"].forEach((key, i) => (this.labels[i].textContent = say(key)));
    [this.rows, this.columns, this.layers].forEach((input, i) => (input.ariaLabel = this.labels[i].textContent));
    this.again.ariaLabel = this.again.title = say("paintAgain");
    const now = this.layers.value || String(find(this.node, "mix_layers")?.value);
    fill(this.layers, MIXED, MIXED.includes(now) ? now : MIXED[0]);
    this.table.ariaLabel = say("grid");
    for (const button of this.table.querySelectorAll("button")) button.ariaLabel = cellText(button.dataset);
  }

  /** @param {boolean} open */
  toggle(open) {
    this.element.hidden = !open;
    if (open) this.fill();
    else this.close();
  }

  close() {
    this.work.abort();
    for (const image of this.table.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    this.table.replaceChildren();
    this.size = [0, 0];
  }

  /** A press on a cell ends the writing in a text too: then the cell must not be replaced under the pointer. */
  fillAnew() {
    if (this.filled !== JSON.stringify(this.words)) this.fill();
  }

  /** A new table; what is still painted for the old one is given up. */
  async fill() {
    this.close();
    const work = (this.work = new AbortController());
    this.filled = JSON.stringify(this.words);
    const [rows, columns] = [parseSeeds(this.rows.value), parseSeeds(this.columns.value)];
    const cells = rows && columns ? this.build(rows, columns) : [];
    this.complain(cells.length ? "" : say("noSeeds", { most: MOST }));
    if (!cells.length) return;
    this.table.ariaBusy = "true";
    try {
      const wish = await wishFor(this.node);
      for (const cell of cells) await this.paint(cell, wish, work.signal);
    } catch (error) {
      if (!work.signal.aborted) this.complain(error instanceof Error ? error.message : String(error));
    }
    if (work === this.work) this.table.ariaBusy = "false";
  }

  /** @param {number[]} rows @param {number[]} columns @returns {Cell[]} */
  build(rows, columns) {
    this.size = [rows.length, columns.length];
    this.table.style.setProperty("--cell", `${this.cell}px`);
    const head = this.table.insertRow();
    head.append(make("td"), ...columns.map((seed) => header(seed, "col")));
    return rows.flatMap((row) => {
      const line = this.table.insertRow();
      line.append(header(row, "row"));
      return columns.map((column) => this.add(line, row, column));
    });
  }

  /** @param {HTMLTableRowElement} line @param {number} row @param {number} column @returns {Cell} */
  add(line, row, column) {
    const button = make("button", "cell");
    const image = make("img");
    const layers = this.layers.value;
    button.type = "button";
    Object.assign(button.dataset, { row, column });
    button.ariaLabel = button.title = cellText(button.dataset);
    image.alt = "";
    image.hidden = true;
    button.append(image);
    button.addEventListener("click", () => this.choose(values(row, column, layers)));
    line.insertCell().append(button);
    return { row, column, layers, image };
  }

  /**
   * Cells come one after the other, so all share the panel's id, and the next grid overtakes this one.
   * @param {Cell} cell @param {import("./explorer_request.js").Wish} wish @param {AbortSignal} signal
   */
  async paint({ row, column, layers, image }, wish, signal) {
    while (!signal.aborted) {
      try {
        const picture = await fetchPicture(withValues(wish, values(row, column, layers)), this.panel, SIDE, signal);
        if (signal.aborted) return;
        image.src = URL.createObjectURL(picture);
        image.hidden = false;
        return;
      } catch (error) {
        if (!(error instanceof Busy)) throw error;
        await runEnds(signal);
      }
    }
  }
}

/** What a cell sets. @param {number} row @param {number} column @param {string} layers */
function values(row, column, layers) {
  return { seeds: String(row), mix_seed: column, mix_layers: layers, x: 0, y: 0 };
}

/** @param {any} seeds */
function cellText({ row, column }) {
  return say("cell", { row, column });
}

/** @param {number} seed @param {"row" | "col"} scope */
function header(seed, scope) {
  const element = make("th");
  element.scope = scope;
  element.textContent = element.title = String(seed);
  return element;
}
