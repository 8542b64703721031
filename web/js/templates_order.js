// @ts-check
// The page lists a pack's templates in the order in which the server's disk happens to name them: ours go by their numbers.

import { api } from "../../../scripts/api.js";

/** The pack's folder, by which the server calls it: /extensions/<folder>/js/... */
const parts = new URL(import.meta.url).pathname.split("/");
const ours = decodeURIComponent(parts[parts.indexOf("extensions") + 1]);

const ask = api.getWorkflowTemplates;
if (ask) {
  api.getWorkflowTemplates = async function (/** @type {any[]} */ ...args) {
    const found = await ask.apply(this, args);
    found?.[ours]?.sort?.();
    return found;
  };
}
