// @ts-check
// From the server's status to what a panel shows; no DOM in here.

import { size, text } from "./strings.js";

/** @typedef {import("./weights_store.js").Status} Status @typedef {import("./weights_store.js").Entry} Entry */

/**
 * `fraction`: undefined without a bar, null for a bar of unknown length, else 0..1.
 * @typedef {{state: string, text: string, license: string, hint: string, error: string, name?: string,
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
    license: `${license.id} · ${text(license.commercial ? "commercial" : "notCommercial")}`,
    hint: [entry.note, entry.source].filter(Boolean).join("\n"),
  };
  if (entry.changed && !refusal && job?.state !== "downloading") {
    const error = job?.state === "failed" ? job.error : text("changed");
    return { ...view, ...shown(entry.state, entry), error, action: "trust", button: text("trust") };
  }
  if (entry.state === "present") return { ...view, ...shown("present", entry), error: "", button: "" };
  if (entry.manual) return { ...view, state: "manual", text: text("manual"), hint: entry.manual, error: entry.manual, button: "" };
  if (job?.state === "downloading") return { ...view, ...downloading(job), error: "" };
  const error = job?.state === "failed" ? job.error : (refusal ?? "");
  if (refusal) return { ...view, ...shown(entry.state, entry), error, button: "" };
  const button = job?.state === "failed" ? "again" : entry.state === "partial" ? "resume" : "download";
  return { ...view, ...shown(entry.state, entry), error, action: "download", button: text(button) };
}

/** @param {"present" | "partial" | "missing"} state @param {Entry} entry */
function shown(state, entry) {
  const here = entry.files.reduce((sum, file) => sum + (file.present ? (file.size ?? 0) : file.part_bytes), 0);
  const whole = entry.bytes === null ? text("sizeUnknown") : size(entry.bytes);
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
