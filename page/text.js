// How figures are written for people; the same words as the device's own (src/base/text.c).

const UNITS = ["kB", "MB", "GB", "TB", "PB"];

/**
 * 999 B, 1.23 kB, 34.5 MB: decimal, as the computer's file manager shows it.
 * @param {number} bytes
 */
export function bytesText(bytes) {
  if (bytes < 1000) return `${bytes}\u00a0B`;
  let value = bytes / 1000;
  let unit = 0;
  for (; value >= 999.95 && unit + 1 < UNITS.length; unit++) value /= 1000;
  return `${value.toFixed(value < 9.995 ? 2 : 1)}\u00a0${UNITS[unit]}`;
}

/**
 * 6.1 MB, 200 MB, 12.3 GB: for what is only estimated.
 * @param {number} bytes
 */
export function roughText(bytes) {
  const [number, unit] = bytesText(bytes).split("\u00a0");
  const value = Number(number);
  return `${Number(value.toFixed(value < 100 ? 1 : 0))}\u00a0${unit}`;
}

/**
 * For the time that is left: rough where it is long, because a guess that counts seconds only pretends.
 * @param {number} seconds
 */
export function durationText(seconds) {
  if (seconds < 10) return "a few seconds";
  if (seconds < 55) return `about ${Math.ceil(seconds / 10) * 10} seconds`;
  const minutes = Math.ceil(seconds / 60);
  if (minutes === 1) return "about 1 minute";
  if (minutes < 60) return `about ${minutes} minutes`;
  const hours = Math.floor(minutes / 60);
  return `about ${hours} h ${minutes % 60} min`;
}

/**
 * For what is over: 12 s, 3 min 20 s, 1 h 5 min.
 * @param {number} seconds
 */
export function exactText(seconds) {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor(whole / 60) % 60} min`;
}

/**
 * For what has not begun: a minute is as exact as such a promise can be.
 * @param {number} seconds
 */
export function estimateText(seconds) {
  return seconds < 50 ? "less than a minute" : durationText(seconds);
}

/**
 * 9 January 2026, 13:43, in the time zone of the computer.
 * @param {string | number} when
 */
export function dateText(when) {
  return new Date(when).toLocaleString("en-GB", { dateStyle: "long", timeStyle: "short" });
}

/**
 * 13:43:44
 * @param {number} milliseconds
 */
export function clockText(milliseconds) {
  return new Date(milliseconds).toLocaleTimeString("en-GB");
}
