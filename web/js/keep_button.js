// @ts-check
// "Keep this" on nodes that work long: what they have made so far becomes their result, at once while they run, else on the next run.

import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";
import { ready, text } from "./strings.js";

const ROUTE = "/style_atelier/keep";
const KEEPABLE = new Set([
  "StyleAtelierNeuralStyle",
  "StyleAtelierOptimize",
  "StyleAtelierProject",
  "StyleAtelierPropagateKeyframes",
  "StyleAtelierStylizeVideo",
]);

/** @typedef {{node: any, button: any}} Kept @type {Set<Kept>} */
const all = new Set();
let running = "";

/** Add the button to a node that can be kept. @param {any} node a node, just created */
export function addKeepButton(node) {
  if (!KEEPABLE.has(node.comfyClass)) return;
  const button = node.addWidget("button", "keep_this", null, () => press(node), { serialize: false });
  button.serialize = false;
  button.disabled = true;
  const kept = { node, button };
  all.add(kept);
  ready.then(() => {
    button.label = text("keepThis");
    button.tooltip = text("keepThisHint");
  });
  const removed = node.onRemoved;
  node.onRemoved = function (/** @type {any[]} */ ...args) {
    all.delete(kept);
    removed?.apply(this, args);
  };
}

/** @param {any} node */
async function press(node) {
  const body = JSON.stringify({ node: String(node.id) });
  const answer = await api.fetchApi(ROUTE, { method: "POST", headers: { "Content-Type": "application/json" }, body });
  if (answer.ok && running !== String(node.id)) await app.queuePrompt(0, 1);
}

/** The number of a node on the page: the last of those by which the server names it. @param {unknown} id */
function last(id) {
  return String(id ?? "").split(":").pop() ?? "";
}

/** @param {(each: Kept) => boolean | undefined} enabled undefined leaves a button as it is */
function each(enabled) {
  for (const one of all) {
    const on = enabled(one);
    if (on !== undefined) one.button.disabled = !on;
    one.node.setDirtyCanvas?.(true, true);
  }
}

api.addEventListener("executing", (/** @type {CustomEvent<unknown>} */ { detail }) => {
  running = last(/** @type {any} */ (detail)?.node ?? detail);
  if (running) each(({ node }) => (String(node.id) === running ? true : undefined));
});
api.addEventListener("executed", (/** @type {CustomEvent<any>} */ { detail }) => {
  each(({ node }) => (String(node.id) === last(detail?.node) ? false : undefined));
});
for (const event of ["execution_success", "execution_error"]) {
  api.addEventListener(event, () => {
    running = "";
    each(() => false);
  });
}
// A stopped node has something to keep; whatever ran to its end before it has not.
api.addEventListener("execution_interrupted", (/** @type {CustomEvent<any>} */ { detail }) => {
  running = "";
  each(({ node }) => String(node.id) === last(detail?.node_id));
});
