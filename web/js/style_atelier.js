// @ts-check
// The page's side of Style Atelier: a weights panel on the pack's own loader nodes.

import { app } from "../../../scripts/app.js";
import { addWeightsPanel } from "./weights_panel.js";

/** The combo that each loader node chooses its weights with. */
const LOADERS = {
  StyleAtelierLoadEncoder: "encoder",
  StyleAtelierLoadDecoder: "decoder",
  StyleAtelierLoadStylizer: "stylizer",
  StyleAtelierLoadTranslator: "translator",
  StyleAtelierLoadGenerator: "generator",
};

app.registerExtension({
  name: "StyleAtelier.Weights",
  /** @param {any} node */
  nodeCreated(node) {
    const input = LOADERS[/** @type {keyof LOADERS} */ (node.comfyClass)];
    if (input) addWeightsPanel(node, input);
  },
});
