// The device's HTTP interface, /api/v1 (docs/openapi.yaml), as functions.

/** @typedef {import("./types").Device} Device */
/** @typedef {import("./types").Job} Job */
/** @typedef {import("./types").ProblemDetails} ProblemDetails */

const BASE = "/api/v1";
// A pulled cable breaks no connection: without an end of our own, a question would wait for minutes.
const ANSWER_MS = 8000;
const SENDING_MS = 120000;

/** What the device refused, in its own words (RFC 9457). */
export class Refusal extends Error {
  /** @param {ProblemDetails} problem */
  constructor(problem) {
    super(problem.detail ?? problem.title);
    this.problem = problem;
  }
}

/** The device could not be reached, or something else than gmid answered. */
export class Unreachable extends Error {}

/** @param {number} milliseconds after which a request is given up */
function limit(milliseconds) {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), milliseconds);
  return controller.signal;
}

/**
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<Response>}
 */
async function request(path, options) {
  let response;
  try {
    response = await fetch(BASE + path, { cache: "no-store", ...options });
  } catch {
    throw new Unreachable("The device does not answer.");
  }
  if (response.ok) return response;
  if (response.headers.get("Content-Type")?.startsWith("application/problem+json"))
    throw new Refusal(await response.json());
  throw new Unreachable(`The device answered with status ${response.status}.`);
}

/**
 * @param {string} path
 * @param {object} body
 * @param {AbortSignal} [signal]
 */
async function post(path, body, signal) {
  const response = await request(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
  return response.json();
}

/** @returns {Promise<Device>} */
export async function getDevice() {
  return (await request("/device", { signal: limit(ANSWER_MS) })).json();
}

/**
 * @param {string} id
 * @returns {Promise<Job>}
 */
export async function getJob(id) {
  return (await request(`/jobs/${id}`, { signal: limit(ANSWER_MS) })).json();
}

/**
 * Takes as long as the device needs to come to rest.
 * @returns {Promise<Job>}
 */
export function startBackup() {
  return post("/backups", {});
}

/**
 * @param {File} file
 * @returns {Promise<Job>}
 */
export function startRestore(file) {
  return post("/restores", { fileName: file.name, fileLength: file.size });
}

/**
 * Offers the file of a restore that has lost its client.
 * @param {string} id
 * @param {File} file
 * @returns {Promise<Job>}
 */
export function offerAgain(id, file) {
  return post(`/jobs/${id}/source`, { fileName: file.name, fileLength: file.size }, limit(ANSWER_MS));
}

/**
 * Which ranges of the file the device wants next; waits for them at most that long.
 * @param {string} id
 * @param {number} seconds
 * @returns {Promise<import("./types").Wanted>}
 */
export async function getWanted(id, seconds) {
  const signal = limit(1000 * seconds + ANSWER_MS);
  return (await request(`/jobs/${id}/wanted?wait=${seconds}`, { signal })).json();
}

/**
 * @param {string} id
 * @param {number} offset
 * @param {ArrayBuffer} bytes
 */
export async function putBytes(id, offset, bytes) {
  await request(`/jobs/${id}/bytes?offset=${offset}`, {
    method: "PUT",
    headers: { "Content-Type": "application/octet-stream" },
    body: bytes,
    signal: limit(SENDING_MS),
  });
}

export async function restartDevice() {
  await post("/restart", {});
}

/**
 * @param {string} id
 * @returns {string}
 */
export function eventsUrl(id) {
  return `${BASE}/jobs/${id}/events`;
}
