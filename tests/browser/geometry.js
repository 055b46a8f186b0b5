// What is wrong with the layout as it is now, as sentences. Looks at the dialog in front, or else at the page.

const front = [...document.querySelectorAll("dialog:modal")].at(-1) ?? document.body;
const faults = [];
const leaves = [];

function nameOf(element) {
  const text = element.textContent.trim().replace(/\s+/g, " ").slice(0, 40);
  return `<${element.localName}${element.id ? ` #${element.id}` : ""}> "${text}"`;
}

/** What scrolls by itself is looked at as a whole. */
function isInScroller(element) {
  return element.parentElement?.closest(".log") !== null;
}

for (const element of front.querySelectorAll("*")) {
  if (!element.checkVisibility() || isInScroller(element)) continue;
  const style = getComputedStyle(element);
  if (style.opacity === "0" || element.closest("svg") !== (element.localName === "svg" ? element : null)) continue;
  const around = element.parentElement.getBoundingClientRect();
  const box = element.getBoundingClientRect();
  if (element !== front && style.position === "static" && (box.left < around.left - 1 || box.right > around.right + 1))
    faults.push(`${nameOf(element)} sticks out of ${nameOf(element.parentElement)}`);
  const own = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  for (const node of own) {
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) leaves.push({ element, box });
  }
  if (["svg", "progress"].includes(element.localName) || element.matches(".log"))
    leaves.push({ element, box: element.getBoundingClientRect() });
  if (style.overflowX !== "visible" && !element.matches(".log, dialog") && element.scrollWidth > element.clientWidth + 1)
    faults.push(`${nameOf(element)} is cut`);
}

const room = front === document.body ? { left: 0, right: document.documentElement.clientWidth } : front.getBoundingClientRect();
for (const { element, box } of leaves) {
  if (box.left < room.left - 0.5 || box.right > room.right + 0.5) faults.push(`${nameOf(element)} sticks out`);
  const button = element.closest("button, .secondary, .primary, .status");
  const frame = button?.getBoundingClientRect();
  if (frame && (box.left < frame.left - 0.5 || box.right > frame.right + 0.5 || box.top < frame.top - 0.5 || box.bottom > frame.bottom + 0.5))
    faults.push(`${nameOf(element)} does not fit into its button`);
}
for (let i = 0; i < leaves.length; i++)
  for (let j = i + 1; j < leaves.length; j++) {
    const [a, b] = [leaves[i], leaves[j]];
    if (a.element.contains(b.element) || b.element.contains(a.element)) continue;
    const width = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
    const height = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
    // Lines of text may touch by the room above their letters.
    if (width > 1 && height > 4) faults.push(`${nameOf(a.element)} and ${nameOf(b.element)} overlap`);
  }

const page = document.documentElement;
if (page.scrollWidth > page.clientWidth) faults.push(`the page scrolls sideways: ${page.scrollWidth} of ${page.clientWidth}`);
if (front !== document.body) {
  const box = front.getBoundingClientRect();
  if (box.left < 0 || box.right > innerWidth || box.top < 0 || box.bottom > innerHeight) faults.push("the dialog leaves the window");
  if (front.scrollWidth > front.clientWidth) faults.push("the dialog scrolls sideways");
}
return faults;
