// @ts-check
// What the server says of the catalogue's weights, shared by all panels of the page.

import { api } from "../../../scripts/api.js";

/**
 * @typedef {{name: string, state: "downloading" | "done" | "failed" | "canceled", done: number, total: number | null, revision: number,
 *   error: string}} Job
 * @typedef {{id: string, commercial: boolean, url: string}} License
 * @typedef {{path: string, size: number | null, present: boolean, part_bytes: number, url: string}} File
 * @typedef {{name: string, title: string, state: "present" | "partial" | "missing", bytes: number | null, files: File[],
 *   license: License, source: string, note: string, manual: string, job: Job | null}} Entry
 * @typedef {{entries: Entry[], own_files: Record<string, number>, own_words?: Record<string, string>, refusal: string | null}} Status
 */

const EVENT = "style_atelier.weights";
const ROUTE = "/style_atelier/weights";

/** @type {Status | null} */
let status = null;
/** @type {Promise<void> | null} */
let asking = null;
/** @type {Set<() => void>} */
const listeners = new Set();

/** @returns {Status | null} null until the server has answered. */
export function current() {
  return status;
}

/**
 * Call `listener` at every change until the returned function is called.
 * @param {() => void} listener
 * @returns {() => void}
 */
export function watch(listener) {
  listeners.add(listener);
  if (!status) refresh();
  return () => listeners.delete(listener);
}

/** Ask the server again; calls during an answer under way share it. */
export function refresh() {
  asking ??= read().finally(() => {
    asking = null;
    tellAll();
  });
  return asking;
}

async function read() {
  try {
    const answer = await api.fetchApi(ROUTE);
    if (!answer.ok) return;
    const known = status;
    status = /** @type {Status} */ (await answer.json());
    for (const entry of status.entries) entry.job = newer(entry.job, known?.entries.find((each) => each.name === entry.name)?.job);
  } catch (error) {
    console.warn("Style Atelier: the weights' status could not be read:", error);
  }
}

/**
 * Start or stop the download of an entry.
 * @param {string} name
 * @param {"download" | "cancel"} action
 */
export async function ask(name, action) {
  const answer = await api.fetchApi(`${ROUTE}/${name.split("/").map(encodeURIComponent).join("/")}/${action}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: "{}",
  });
  const { job, error } = await answer.json();
  if (job) take(job);
  else if (error) take({ name, state: "failed", done: 0, total: null, revision: find(name)?.job?.revision ?? 0, error });
}

/** @param {string} name */
function find(name) {
  return status?.entries.find((each) => each.name === name);
}

/**
 * Of two things heard of one download, the later: an answer may arrive after the message of what came of it.
 * @param {Job | null} heard
 * @param {Job | null | undefined} known
 */
function newer(heard, known) {
  return known && known.revision > (heard?.revision ?? 0) ? known : heard;
}

/** @param {Job} job */
function take(job) {
  const entry = find(job.name);
  if (!entry || newer(job, entry.job) !== job) return;
  entry.job = job;
  if (job.state === "downloading") tellAll();
  else refreshKeeping(job);
}

/** A refused request is no job of the server's, so its message would be lost by the refresh. @param {Job} job */
async function refreshKeeping(job) {
  await refresh();
  const entry = find(job.name);
  if (entry && !entry.job) entry.job = job;
  tellAll();
}

function tellAll() {
  for (const listener of listeners) listener();
}

/** A run may have fetched weights by itself. */
function refreshIfWatched() {
  if (listeners.size) refresh();
}

api.addEventListener(EVENT, (/** @type {CustomEvent<Job>} */ event) => take(event.detail));
for (const event of ["execution_success", "execution_error", "reconnected"]) api.addEventListener(event, refreshIfWatched);
