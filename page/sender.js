// Sends a restore's file: asks the device which ranges it wants and sends just those, until the job has ended.

import { getWanted, offerAgain, putBytes, Refusal } from "./api.js";
import { pause } from "./dom.js";

/** @typedef {import("./types").Range} Range */

const WAIT_SECONDS = 15;
const RETRY_MS = 1500;
// The link stays busy while one answer is on its way; and two more connections stay free for the page.
const PARALLEL = 3;

/** The file on the computer cannot be read any more: moved, changed, or its disk was removed. */
class Unreadable extends Error {}

/** The device has seen that this is not the file that the restore began with. */
class OtherFile extends Error {}

/**
 * @typedef {object} SenderListener
 * @property {(reason: string) => void} onStopped this file will not be sent on; why, as a sentence
 */

/**
 * @param {string} id the job's
 * @param {File} file
 * @param {SenderListener} listener
 * @returns {() => void} ends the sending
 */
export function sendFile(id, file, listener) {
  let over = false;
  /** @type {Set<Promise<void>>} */
  const onTheirWay = new Set();
  /** @type {unknown} */
  let failure = null;

  /** @param {Range} range */
  async function send(range) {
    let bytes;
    try {
      bytes = await file.slice(range.offset, range.offset + range.length).arrayBuffer();
    } catch {
      throw new Unreadable();
    }
    if (bytes.byteLength !== range.length) throw new Unreadable();
    await putBytes(id, range.offset, bytes);
  }

  /** @param {Range} range */
  function begin(range) {
    /** @type {Promise<void>} */
    const sending = send(range)
      .catch((problem) => {
        failure ??= problem;
      })
      .finally(() => onTheirWay.delete(sending));
    onTheirWay.add(sending);
  }

  async function ask() {
    try {
      return await getWanted(id, WAIT_SECONDS);
    } catch (problem) {
      if (problem instanceof Refusal && problem.problem.status === 409) throw new OtherFile(problem.message);
      throw problem;
    }
  }

  /** Until the job has ended, or something fails. */
  async function serve() {
    while (!over) {
      const { state, ranges } = await ask();
      if (state !== "running") {
        over = true;
        return;
      }
      for (const range of ranges) {
        while (onTheirWay.size >= PARALLEL) await Promise.race(onTheirWay);
        if (failure) throw failure;
        begin(range);
      }
      if (failure) throw failure;
    }
  }

  /** After a lost connection the device must be told that we are back. */
  async function reconnect() {
    await Promise.allSettled(onTheirWay);
    failure = null;
    await pause(RETRY_MS);
    if (!over) await offerAgain(id, file);
  }

  /** @param {string} reason */
  function stopWith(reason) {
    over = true;
    listener.onStopped(reason);
  }

  async function run() {
    let lost = false;
    while (!over) {
      try {
        if (lost) await reconnect();
        lost = false;
        await serve();
      } catch (problem) {
        if (over) return;
        if (problem instanceof Unreadable)
          stopWith(`The file ${file.name} can no longer be read on this computer.`);
        else if (problem instanceof OtherFile) stopWith(problem.message);
        else if (problem instanceof Refusal && problem.problem.status === 404) over = true; // watch.js tells
        else if (problem instanceof Refusal && lost) stopWith(problem.message);
        else lost = true;
      }
    }
  }

  void run();
  return () => {
    over = true;
  };
}
