// @ts-check
// Undo makes every node anew. What a panel showed is handed to the one that follows it; opening a workflow hands on nothing.

import { app } from "../../../scripts/app.js";

/** @typedef {{picture: Blob, grid: {rows: string, columns: string, layers: string} | null}} Shown */

/** @type {Map<string, Shown>} */
const kept = new Map();

/** Whether the host is going a step back or forth just now; unknown to it under another name, nothing is handed on. */
function isUndoing() {
  return Boolean(app.extensionManager?.workflow?.activeWorkflow?.changeTracker?._restoringState);
}

/** @param {any} node */
function nameOf(node) {
  return `${node.id} ${node.comfyClass}`;
}

/** @param {any} node just removed @param {Shown} shown */
export function keep(node, shown) {
  if (!isUndoing()) kept.clear();
  else kept.set(nameOf(node), shown);
}

/** @param {any} node just configured @returns {Shown | undefined} */
export function take(node) {
  const name = nameOf(node);
  const shown = isUndoing() ? kept.get(name) : undefined;
  kept.delete(name);
  return shown;
}
