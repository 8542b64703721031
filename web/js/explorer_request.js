// @ts-check
// One picture from the server: the part of the open graph that leads to a node, sent as it would be queued.

import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";
import { say } from "./explorer_words.js";

/**
 * @typedef {Record<string, {class_type: string, inputs: Record<string, any>}>} Prompt in the API's format
 * @typedef {{prompt: Prompt, node: string}} Wish
 */

const ROUTE = "/style_atelier/explore";
const RUN_ENDINGS = ["execution_success", "execution_error", "execution_interrupted", "status", "reconnected"];
const LONGEST_WAIT = 5000;

/** The server does something else; the wish is worth sending again after `runEnds`. */
export class Busy extends Error {}

/** A newer wish of the same panel has reached the server. */
export class Overtaken extends Error {}

/**
 * The node and all that leads to it. Throws an Error with a sentence for the person.
 * @param {any} node
 * @returns {Promise<Wish>}
 */
export async function wishFor(node) {
  const { output } = await app.graphToPrompt();
  const id = idIn(output, node);
  if (!id) throw new Error(say("switchedOff"));
  /** @type {Prompt} */
  const prompt = {};
  const waiting = [id];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (prompt[name] || !output[name]) continue;
    const { class_type, inputs } = output[name];
    prompt[name] = { class_type, inputs: { ...inputs } };
    for (const value of Object.values(inputs)) if (isLink(value)) waiting.push(String(value[0]));
  }
  return { prompt, node: id };
}

/**
 * A copy of the wish with other values in the node's own inputs; wired ones stay.
 * @param {Wish} wish @param {Record<string, any>} values
 */
export function withValues({ prompt, node }, values) {
  const inputs = { ...prompt[node].inputs };
  for (const [name, value] of Object.entries(values)) if (!isLink(inputs[name])) inputs[name] = value;
  return { node, prompt: { ...prompt, [node]: { ...prompt[node], inputs } } };
}

/**
 * Throws Busy, Overtaken, the signal's AbortError, or an Error with a sentence for the person.
 * @param {Wish} wish @param {string} panel @param {number} side @param {AbortSignal} signal
 * @returns {Promise<Blob>}
 */
export async function fetchPicture(wish, panel, side, signal) {
  let answer;
  try {
    answer = await api.fetchApi(ROUTE, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ...wish, panel, side }),
      signal,
    });
  } catch (error) {
    throw signal.aborted ? error : new Error(say("noServer"));
  }
  if (answer.ok) return answer.blob();
  if (answer.status === 423) throw new Busy();
  if (answer.status === 409) throw new Overtaken();
  const { error } = await answer.json().catch(() => ({}));
  throw new Error(error ?? say("failed", { status: answer.status }));
}

/** Until a run has ended, as far as the page hears of it, or some seconds have gone by. @param {AbortSignal} signal */
export function runEnds(signal) {
  return new Promise((/** @type {(_?: unknown) => void} */ done) => {
    const timer = setTimeout(over, LONGEST_WAIT);
    function over() {
      clearTimeout(timer);
      for (const kind of RUN_ENDINGS) api.removeEventListener(kind, over);
      signal.removeEventListener("abort", over);
      done();
    }
    for (const kind of RUN_ENDINGS) api.addEventListener(kind, over);
    signal.addEventListener("abort", over);
  });
}

/** @param {any} value @returns {value is [string | number, number]} */
function isLink(value) {
  return Array.isArray(value) && value.length === 2;
}

/**
 * The node's name in the prompt: in a subgraph it has those of the nodes around it before its own.
 * @param {Prompt} output @param {any} node
 */
function idIn(output, node) {
  const own = String(node.id);
  const inside = node.graph && node.graph !== (app.rootGraph ?? app.graph);
  return Object.keys(output).find(
    (name) => (inside ? name.endsWith(`:${own}`) : name === own) && output[name].class_type === node.comfyClass,
  );
}
