// The plain page: types into the web API and shows what comes back. Everything is set as text,
// never as HTML. A card is shown as soon as its own line arrives, before the rest of the turn.
"use strict";

const words = document.getElementById("words").dataset;
const turns = document.getElementById("turns");
const announce = document.getElementById("announce");
const form = document.getElementById("ask");
const field = document.getElementById("text");
let conversation = JSON.parse(sessionStorage.getItem("conversation") || "null");

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

// Paragraphs and "- " lists, the only two forms that a reviewed text has.
function prose(text) {
  const box = document.createDocumentFragment();
  let list = null;
  for (const line of text.split("\n")) {
    if (line.startsWith("- ")) {
      if (!list) box.append((list = element("ul")));
      list.append(element("li", "", line.slice(2)));
    } else {
      list = null;
      if (line.trim()) box.append(element("p", "", line));
    }
  }
  return box;
}

function sourcesOf(part) {
  const box = element("details");
  box.append(element("summary", "", words.sources));
  const list = element("ul");
  for (const s of part.sources) {
    list.append(element("li", "", `${s.title}. ${s.publisher}, ${s.date}. “${s.section}”`));
  }
  box.append(list);
  if (part.review === "pending") box.append(element("p", "", words.notReviewed));
  return box;
}

function partOf(part) {
  const box = element("section", `part ${part.kind}`);
  if (part.kind === "card") { box.setAttribute("role", "alert"); box.tabIndex = -1; }
  if (part.title) box.append(element("h2", "", part.title));
  const calls = element("div", "actions");
  for (const link of part.links) {
    const a = element("a", "", link.label);
    a.href = link.href;
    calls.append(a);
  }
  const actions = element("div", "actions");
  // On a card the numbers come first: what to do before why.
  if (part.kind === "card" && part.links.length) box.append(calls);
  box.append(prose(part.text));
  if (part.kind !== "card" && part.links.length) box.append(calls);
  for (const button of part.buttons) {
    const b = element("button", "", button.label);
    b.type = "button";
    b.addEventListener("click", () => say({ button: button.id }, button.label));
    actions.append(b);
  }
  if (actions.children.length) box.append(actions);
  if (part.sources.length) box.append(sourcesOf(part));
  return box;
}

function turnOf(who, className) {
  const item = element("li", className);
  item.append(element("p", "who", who));
  turns.append(item);
  item.scrollIntoView({ block: "start" });
  return item;
}

function showSaid(text) { turnOf(words.you).append(element("div", "said", text)); }

function showPart(item, part) {
  const box = partOf(part);
  const first = !item.querySelector(".part");
  item.append(box);
  if (part.kind === "card") box.focus({ preventScroll: true });
  if (part.kind === "card") box.scrollIntoView({ block: "start" });
  else if (first) item.scrollIntoView({ block: "start" });
  else announce.textContent = `${words.helper}: ${part.title} ${part.text}`;
}

async function begin() {
  const response = await fetch("/v1/conversations", { method: "POST" });
  if (!response.ok) throw new Error((await response.json()).detail);
  conversation = await response.json();
  sessionStorage.setItem("conversation", JSON.stringify(conversation));
}

function call(path, options) {
  return fetch(`/v1/conversations/${conversation.conversation}${path}`, {
    ...options,
    headers: {
      authorization: `Bearer ${conversation.token}`,
      "content-type": "application/json",
      accept: "application/x-ndjson",
    },
  });
}

async function* linesOf(response) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    rest += decoder.decode(value || new Uint8Array(), { stream: !done });
    const lines = rest.split("\n");
    rest = lines.pop();
    for (const line of lines) if (line) yield JSON.parse(line);
    if (done) return;
  }
}

async function send(body, item) {
  if (!conversation) await begin();
  const response = await call("/messages", { method: "POST", body: JSON.stringify(body) });
  if ((response.status === 404 || response.status === 401) && !body.again) {
    await begin();
    return send({ ...body, again: undefined }, item);
  }
  if (!(response.headers.get("content-type") || "").includes("ndjson")) {
    const content = await response.json();
    if (!response.ok) throw new Error(content.detail);
    content.reply.forEach((part) => showPart(item, part));
    return;
  }
  let shown = 0;
  for await (const line of linesOf(response)) {
    if (line.problem) throw new Error(line.problem.detail);
    if (line.part) { showPart(item, line.part); shown = 1; }
    if (line.turn) line.turn.reply.slice(shown).forEach((part) => showPart(item, part));
  }
}

async function say(body, label) {
  showSaid(label);
  const item = turnOf(words.helper);
  const waiting = setTimeout(() => item.append(element("p", "working", words.working)), 1000);
  body.idempotency_key = crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2);
  try {
    await send(body, item);
  } catch (error) {
    const box = element("section", "part failed");
    box.append(element("p", "", error instanceof TypeError ? words.notSent : error.message));
    const again = element("button", "", words.retry);
    again.type = "button";
    again.addEventListener("click", () => { item.remove(); say(body, label); });
    box.append(again);
    item.append(box);
  } finally {
    clearTimeout(waiting);
    item.querySelectorAll(".working").forEach((node) => node.remove());
  }
}

function startOver() {
  sessionStorage.removeItem("conversation");
  location.reload();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = field.value;
  if (!text.trim()) return;
  field.value = "";
  say({ text }, text);
});
field.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); form.requestSubmit(); }
});
document.getElementById("over").addEventListener("click", startOver);
document.getElementById("delete").addEventListener("click", async () => {
  if (!conversation || !confirm(words.confirm)) return;
  await call("", { method: "DELETE" });
  startOver();
});

(async () => {
  if (!conversation) {
    await begin().catch(() => null);
    if (conversation) turnOf(words.helper).append(element("p", "said", conversation.disclosure));
    return;
  }
  turnOf(words.helper).append(element("p", "said", conversation.disclosure));
  const response = await call("/messages", { method: "GET" });
  if (!response.ok) return;
  for (const turn of (await response.json()).turns) {
    showSaid(turn.text);
    const item = turnOf(words.helper);
    turn.reply.forEach((part) => item.append(partOf(part)));
  }
})();
