// @ts-check
// The node's own widgets, which hold all that the explorer sets: reading, setting, and telling the host.

import { app } from "../../../scripts/app.js";

/** @param {any} node @param {string} name */
export function find(node, name) {
  return node.widgets?.find((/** @type {any} */ widget) => widget.name === name);
}

/** @param {any} node @param {string} name @returns {number} */
export function number(node, name) {
  const value = Number(find(node, name)?.value);
  return Number.isFinite(value) ? value : 0;
}

/** Whether a wire gives this value, so that the widget does not. @param {any} node @param {string} name @returns {boolean} */
export function isLinked(node, name) {
  return Boolean(node.inputs?.some((/** @type {any} */ input) => input.widget?.name === name && input.link != null));
}

/**
 * Set widgets as if they were turned by hand; those that are wired are left alone.
 * @param {any} node
 * @param {Record<string, any>} values
 * @returns {boolean} whether anything changed
 */
export function set(node, values) {
  let changed = false;
  for (const [name, value] of Object.entries(values)) {
    const widget = find(node, name);
    if (!widget || isLinked(node, name) || widget.value === value) continue;
    const before = widget.value;
    widget.value = value;
    widget.callback?.(value, app.canvas, node);
    node.onWidgetChanged?.(name, value, before, widget);
    changed = true;
  }
  if (changed) {
    node.graph?.incrementVersion?.();
    node.setDirtyCanvas(true, true);
  }
  return changed;
}

/**
 * Call `listener` whenever one of the node's widgets changes, is wired, or comes with a workflow.
 * @param {any} node
 * @param {() => void} listener
 */
export function watch(node, listener) {
  for (const widget of node.widgets ?? []) after(widget, "callback", listener);
  after(node, "onConfigure", listener);
  after(node, "onConnectionsChange", listener);
}

/**
 * Call `listener` after the method that the object has, if it has one.
 * @param {any} object @param {string} method @param {() => void} listener
 */
export function after(object, method, listener) {
  const original = object[method];
  object[method] = function (/** @type {any[]} */ ...args) {
    const result = original?.apply(this, args);
    listener();
    return result;
  };
}

/** Have the host note what was done as one step that can be undone. */
export function noteChange() {
  const tracker = app.extensionManager?.workflow?.activeWorkflow?.changeTracker;
  if (tracker?.captureCanvasState) tracker.captureCanvasState();
  else tracker?.checkState?.(); // its name in older pages
}
