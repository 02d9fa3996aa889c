// How many have voted so far, asked again each minute while somebody looks. The page says it all without this file.
const EVERY = 60_000; // ms
const SAID_EVERY = 5 * 60_000; // ms; a screen reader is not interrupted more often

const section = document.querySelector("[data-turnout]");
const shown = section.querySelector("[data-count]");
const said = section.querySelector("[role=status]");
const button = section.querySelector("button");
let tag = null;
let paused = false;
let lastSaid = performance.now();
let timer = 0;

async function ask() {
  const headers = tag ? { "if-none-match": tag } : {};
  const answer = await fetch(section.dataset.turnout, { headers, cache: "no-store" });
  if (answer.status === 404 || answer.status === 410) stop(); // the poll has closed
  if (!answer.ok) return; // not changed, or not now: what is shown stays
  tag = answer.headers.get("etag");
  const text = await answer.text();
  if (text === shown.textContent) return;
  shown.textContent = text;
  if (performance.now() - lastSaid < SAID_EVERY) return;
  lastSaid = performance.now();
  said.textContent = text;
}

function stop() {
  clearInterval(timer);
  timer = 0;
}

function follow() {
  stop();
  if (!paused && !document.hidden) timer = setInterval(() => ask().catch(() => {}), EVERY); // offline: next time
}

button.addEventListener("click", () => {
  paused = !paused;
  button.textContent = paused ? button.dataset.resume : button.dataset.pause;
  follow();
});
document.addEventListener("visibilitychange", follow);
button.hidden = false;
follow();
