// @ts-check
// The explorer's words: the `styleAtelierExplorer` section of locales/<language>/main.json.

import { text } from "./strings.js";

/** @param {string} key @param {Record<string, string | number>} [values] */
export function say(key, values) {
  return text(key, values, "styleAtelierExplorer");
}

/** @param {string} tag @param {string} [name] of the class, after the explorer's prefix @returns {any} */
export function make(tag, name) {
  const element = document.createElement(tag);
  if (name) element.className = `style-atelier-explorer-${name}`;
  return element;
}
