// @ts-check
// Sockets that grow (style 1, style 2, ...) by their names in the page's language: the host labels them style0, style1, ...

import { ready, words } from "./strings.js";

const GROWN = /^(\w+)\.(\w+?\d+)$/;

/** Name the grown sockets of a node, now and as they appear. @param {any} node a node, just created */
export function nameSockets(node) {
  if (!node.comfyClass?.startsWith("StyleAtelier")) return;
  const rename = () => {
    for (const input of node.inputs ?? []) input.label = labelOf(node.comfyClass, input);
    node.setDirtyCanvas?.(true, true);
  };
  const addInput = node.addInput;
  node.addInput = function (/** @type {any} */ name, /** @type {any} */ type, /** @type {any} */ extra) {
    return addInput.call(this, name, type, { ...extra, label: extra?.label ?? labelOf(node.comfyClass, { name }) });
  };
  const configured = node.onConfigure;
  node.onConfigure = function (/** @type {any[]} */ ...args) {
    configured?.apply(this, args);
    rename();
  };
  ready.then(rename);
}

/**
 * What a socket is called; a name that the person gave it stays.
 * @param {string} type the node's
 * @param {{name: string, label?: string}} input
 * @returns {string | undefined}
 */
function labelOf(type, { name, label }) {
  const [, group, socket] = name.match(GROWN) ?? [];
  if (!socket) return label;
  const known = words(type, "inputs", `${group}_${socket}`);
  return known.length && (!label || label === socket || known.includes(label)) ? known[0] : label;
}
