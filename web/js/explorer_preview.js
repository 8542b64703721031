// @ts-check
// The live preview: of many wishes only the newest is sent, one at a time, and what was wished last is shown in the end.

import { Busy, Overtaken, fetchPicture, runEnds, wishFor } from "./explorer_request.js";
import { say } from "./explorer_words.js";

const GAP = 100; // ms between two requests
const SIDE = 256;

/** @typedef {{picture?: Blob, error?: string, working?: boolean, waiting?: string}} News what there is to show: one of these */

export class Preview {
  /**
   * @param {any} node
   * @param {string} panel unique on the server
   * @param {(news: News) => void} show
   * @param {() => string} settings of the node, to see whether a request under way is still what is wished
   */
  constructor(node, panel, show, settings) {
    this.node = node;
    this.panel = panel;
    this.show = show;
    this.settings = settings;
    this.live = false;
    this.wanted = false;
    this.running = false;
    this.sentAt = 0;
    this.sent = "";
    this.stop = new AbortController();
  }

  /** The person touched the panel: from now on all changes are followed. */
  start() {
    this.live = true;
    this.wish();
  }

  /** Something changed. While it goes on changing, a request under way is let end, so that there is something to see. */
  wish() {
    if (!this.live) return;
    this.wanted = true;
    if (!this.running) this.run();
  }

  /** The change is over: a request under way for anything else is not waited for. */
  settle() {
    if (this.running && this.wanted && this.sent !== this.settings()) this.stop.abort();
  }

  end() {
    this.live = this.wanted = false;
    this.stop.abort();
  }

  async run() {
    this.running = true;
    while (this.wanted) {
      await pause(this.sentAt + GAP - performance.now());
      this.wanted = false;
      this.stop = new AbortController();
      this.sent = this.settings();
      this.sentAt = performance.now();
      this.show({ working: true });
      try {
        this.show({ picture: await fetchPicture(await wishFor(this.node), this.panel, SIDE, this.stop.signal) });
      } catch (error) {
        await this.failed(error);
      }
    }
    this.running = false;
  }

  /** @param {unknown} error */
  async failed(error) {
    if (this.stop.signal.aborted) return;
    if (error instanceof Overtaken) {
      this.show({});
    } else if (error instanceof Busy) {
      this.show({ waiting: say("busy") });
      await runEnds(this.stop.signal);
      this.wanted = this.live;
    } else {
      this.show({ error: error instanceof Error ? error.message : String(error) });
    }
  }
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((done) => setTimeout(done, Math.max(ms, 0)));
}
