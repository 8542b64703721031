// @ts-check
// The pack's own words in the page's language, of locales/<language>/main.json, and what else its panels share.

import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";

/** @type {Record<string, any>} */
let languages = {};

/** Ask the host for the words of all languages; resolves even when they don't come, then keys are shown. */
export const ready = api
  .fetchApi("/i18n")
  .then((/** @type {Response} */ answer) => answer.json())
  .then((/** @type {Record<string, any>} */ all) => {
    languages = all;
  })
  .catch((/** @type {unknown} */ error) => console.warn("Style Atelier: no translations:", error));

/** @param {string} language @param {string} section @param {string} key @returns {string | undefined} */
function lookUp(language, section, key) {
  return languages[language]?.[section]?.[key];
}

/**
 * The text of `key` in the page's language, else in English; `{word}` is replaced by `values.word`.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @param {string} [section] of main.json
 * @returns {string}
 */
export function text(key, values = {}, section = "styleAtelier") {
  const language = String(app.extensionManager?.setting?.get("Comfy.Locale") ?? "en");
  const found = [language, language.split("-")[0], "en"].map((each) => lookUp(each, section, key));
  const words = found.find((each) => each !== undefined) ?? key;
  return words.replace(/\{(\w+)\}/g, (whole, word) => String(values[word] ?? whole));
}

/**
 * The names of a part of a node, of locales/<language>/nodeDefs.json: first the one of the page's language, then all others.
 * @param {string} type the node's
 * @param {"inputs" | "outputs"} part
 * @param {string} key
 * @returns {string[]}
 */
export function words(type, part, key) {
  const language = String(app.extensionManager?.setting?.get("Comfy.Locale") ?? "en");
  const order = [language, language.split("-")[0], "en", ...Object.keys(languages)];
  return order.map((each) => languages[each]?.nodeDefs?.[type]?.[part]?.[key]?.name).filter(Boolean);
}

/**
 * A size for people: "820 kB", "9.8 MB", "1.2 GB".
 * @param {number} bytes
 * @returns {string}
 */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  let power = 0;
  while (bytes >= 1000 && power < units.length - 1) {
    bytes /= 1000;
    power += 1;
  }
  return `${power && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${units[power]}`;
}

/** Have the page use one of the pack's style sheets. @param {URL} address */
export function addStyleSheet({ href }) {
  if (document.querySelector(`link[href="${href}"]`)) return;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = href;
  document.head.append(link);
}
