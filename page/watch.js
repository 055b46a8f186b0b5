// Follows one job from wherever it is to its end, over lost connections and restarts of the service.

import { eventsUrl, getJob, Refusal } from "./api.js";

/** @typedef {import("./types").Job} Job */
/** @typedef {import("./types").LogLine} LogLine */

// The device says something every second while a job runs.
const SILENCE_MS = 6000;
const RETRY_MS = 2000;

/**
 * @typedef {object} Watcher
 * @property {(line: LogLine) => void} onLine each line of the log once, from the first one on
 * @property {(job: Job) => void} onProgress
 * @property {(job: Job) => void} onEnd
 * @property {(there: boolean) => void} onContact whether the device is heard; called when that changes
 * @property {() => void} onGone the device answers but knows the job no more: its service was restarted
 */

/**
 * @param {string} id
 * @param {Watcher} watcher
 * @returns {() => void} ends the watching
 */
export function watchJob(id, watcher) {
  /** @type {EventSource | null} */
  let events = null;
  let shown = 0;
  let heard = Date.now();
  let there = true;
  let broken = false;
  let over = false;
  let asking = false;

  /** @param {boolean} now */
  function contact(now) {
    if (now) heard = Date.now();
    if (now !== there) watcher.onContact((there = now));
  }

  function stop() {
    over = true;
    events?.close();
    clearInterval(timer);
    document.removeEventListener("visibilitychange", followVisibility);
  }

  function open() {
    events?.close();
    events = new EventSource(eventsUrl(id));
    events.addEventListener("log", (event) => {
      contact(true);
      /** @type {LogLine} */
      const line = JSON.parse(event.data);
      if (line.n <= shown) return; // a new connection begins at the first line
      shown = line.n;
      watcher.onLine(line);
    });
    events.addEventListener("progress", (event) => {
      contact(true);
      watcher.onProgress(JSON.parse(event.data));
    });
    events.addEventListener("end", (event) => {
      stop();
      contact(true);
      watcher.onEnd(JSON.parse(event.data));
    });
    events.addEventListener("error", () => {
      broken = true;
      void look();
    });
  }

  /**
   * Silence may be a pulled cable, which no connection notices; a broken connection may be a service that was
   * restarted, or nothing at all.
   */
  async function look() {
    const silent = Date.now() - heard > SILENCE_MS;
    if (over || asking || document.hidden || !(silent || broken)) return;
    asking = true;
    if (silent) contact(false);
    try {
      await getJob(id);
      broken = false;
      if (!over) open();
    } catch (problem) {
      if (!over && problem instanceof Refusal && problem.problem.status === 404) {
        stop();
        watcher.onGone();
      } else if (!over) {
        contact(false);
      }
    }
    asking = false;
  }

  /** A browser has few connections to one host; windows that nobody sees need none. */
  function followVisibility() {
    if (document.hidden) {
      events?.close();
    } else {
      heard = Date.now();
      open();
    }
  }

  const timer = setInterval(look, RETRY_MS);
  document.addEventListener("visibilitychange", followVisibility);
  if (!document.hidden) open();
  return stop;
}
