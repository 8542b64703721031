// @ts-check
// From the server's status to what a panel shows; no DOM in here.

import { size, text } from "./strings.js";

const FOLDER = "models/style_atelier/";
const ABOUT = /^About ([\d.]+ [MG]B)( each)?\. ?/; // how a note begins where nobody has published the exact size

/** @typedef {import("./weights_store.js").Status} Status @typedef {import("./weights_store.js").Entry} Entry */

/**
 * `fraction`: undefined without a bar, null for a bar of unknown length, else 0..1.
 * `help`: how to do it by hand, `copy`: what its copy button takes, `link`: where it leads.
 * @typedef {{state: string, text: string, license: string, hint: string, error: string, name?: string,
 *   help?: string, copy?: string, link?: string,
 *   action?: "download" | "cancel" | "trust", button: string, fraction?: number | null}} View
 */

const BUILT_IN = "(built-in)";

/**
 * @param {Status | null} status
 * @param {string} choice the combo's value: a built-in's title, an entry's name, or a file of the person's
 * @returns {View}
 */
export function describe(status, choice) {
  if (choice.endsWith(BUILT_IN)) return plain("builtIn");
  if (!status) return plain("asking");
  const entry = status.entries.find((each) => each.name === choice || each.title === choice);
  if (entry) return ofEntry(entry, status.refusal);
  const bytes = status.own_files[choice.replaceAll("\\", "/")];
  if (bytes === undefined) return plain("unknown");
  const view = plain("ownFile", { size: size(bytes) });
  const words = status.own_words?.[choice.replaceAll("\\", "/")];
  return words ? { ...view, license: words, hint: words } : view;
}

/** @param {string} state @param {Record<string, string>} [values] @returns {View} */
function plain(state, values) {
  return { state, text: text(state, values), license: text(`${state}Note`), hint: "", error: "", button: "" };
}

/** @param {Entry} entry @param {string | null} refusal @returns {View} */
function ofEntry(entry, refusal) {
  const { license, job } = entry;
  const view = {
    name: entry.name,
    license: [license.id, text(license.commercial ? "commercial" : "notCommercial"), entry.note.replace(ABOUT, "")].filter(Boolean).join(" · "),
    hint: [entry.note, entry.source].filter(Boolean).join("\n"),
  };
  if (entry.changed && !refusal && job?.state !== "downloading") {
    const error = job?.state === "failed" ? job.error : text("changed");
    return { ...view, ...shown(entry.state, entry), error, action: "trust", button: text("trust") };
  }
  if (entry.state === "present") return { ...view, ...shown("present", entry), error: "", button: "" };
  if (entry.manual) {
    return { ...view, ...byHand(entry, entry.manual), state: "manual", text: text("manual"), hint: entry.manual, error: "", button: "" };
  }
  if (job?.state === "downloading") return { ...view, ...downloading(job), error: "" };
  if (refusal) return { ...view, ...shown(entry.state, entry), ...byHand(entry, ""), error: refusal, button: "" };
  if (job?.state === "failed") {
    const help = entry.files.some((file) => file.url && job.error.includes(file.url)) ? { help: "" } : {};
    const failed = { ...help, text: text("failed"), error: job.error, action: /** @type {const} */ ("download"), button: text("again") };
    return { ...view, ...byHand(entry, ""), ...shown(entry.state, entry), ...failed };
  }
  const button = text(entry.state === "partial" ? "resume" : "download");
  return { ...view, ...shown(entry.state, entry), error: "", action: "download", button };
}

/**
 * How to fetch by hand what is missing: from where, and under which name in which folder.
 * @param {Entry} entry
 * @param {string} words of the catalogue, where it has some
 */
function byHand(entry, words) {
  const missing = entry.files.filter((file) => !file.present);
  const steps = missing.map((file) => text("byHand", { address: file.url || entry.source, file: FOLDER + file.path }));
  const copy = missing.map((file) => `${file.url || entry.source} -> ${FOLDER}${file.path}`).join("\n");
  return { help: words || steps.join("\n"), copy, link: missing.find((file) => file.url)?.url || entry.source };
}

/** @param {"present" | "partial" | "missing"} state @param {Entry} entry */
function shown(state, entry) {
  const here = entry.files.reduce((sum, file) => sum + (file.present ? (file.size ?? 0) : file.part_bytes), 0);
  const [, about] = entry.note?.match(ABOUT) ?? [];
  const roughly = about ? text("about", { size: about }) : text("sizeUnknown");
  const whole = entry.bytes === null ? roughly : size(entry.bytes);
  return { state, text: text(state, { size: whole, here: size(here) }) };
}

/** @param {import("./weights_store.js").Job} job */
function downloading(job) {
  const known = job.total ? text("downloadingOf", { here: size(job.done), size: size(job.total) }) : text("downloading", { here: size(job.done) });
  return {
    state: "downloading",
    text: known,
    fraction: job.total ? Math.min(1, job.done / job.total) : null,
    action: /** @type {const} */ ("cancel"),
    button: text("cancel"),
  };
}
