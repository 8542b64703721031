// @ts-check
// The page's side of Style Atelier: a weights panel on the pack's own loader nodes, the explorer on nodes that pick points of W,
// the training panel on nodes that train.

import { app } from "../../../scripts/app.js";
import { LAYOUTS } from "./explorer_layout.js";
import { addExplorer } from "./explorer_panel.js";
import { addKeepButton } from "./keep_button.js";
import { nameSockets } from "./socket_names.js";
import "./templates_order.js";
import { addTraining } from "./training_panel.js";
import { addWeightsPanel } from "./weights_panel.js";

/** The combo that each loader node chooses its weights with. */
const LOADERS = {
  StyleAtelierLoadEncoder: "encoder",
  StyleAtelierLoadDecoder: "decoder",
  StyleAtelierLoadStylizer: "stylizer",
  StyleAtelierLoadTranslator: "translator",
  StyleAtelierLoadGenerator: "generator",
  StyleAtelierLoadControlNeXt: "controlnext",
  StyleAtelierControlNeXtWeights: "weights",
  StyleAtelierLoadDEADiff: "deadiff",
};

app.registerExtension({
  name: "StyleAtelier.Weights",
  /** @param {any} node */
  nodeCreated(node) {
    const input = LOADERS[/** @type {keyof LOADERS} */ (node.comfyClass)];
    if (input) addWeightsPanel(node, input);
  },
});

app.registerExtension({
  name: "StyleAtelier.Explorer",
  /** @param {any} node */
  nodeCreated(node) {
    if (node.comfyClass in LAYOUTS) addExplorer(node);
  },
});

app.registerExtension({
  name: "StyleAtelier.Training",
  /** @param {any} node */
  nodeCreated(node) {
    if (["StyleAtelierTrainStylizer", "StyleAtelierTrainStyleLora"].includes(node.comfyClass)) addTraining(node);
  },
});

app.registerExtension({
  name: "StyleAtelier.Keep",
  nodeCreated: addKeepButton,
});

app.registerExtension({
  name: "StyleAtelier.Sockets",
  nodeCreated: nameSockets,
});
