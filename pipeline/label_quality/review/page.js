"use strict";
// Shows one suggestion at a time. The only state is the server's file of decisions.

const cases = JSON.parse(document.getElementById("cases").textContent);
let state = JSON.parse(document.getElementById("state").textContent);
const items = cases.flatMap((each) => each.suggestions.map((suggestion) => ({ each, suggestion })));
const SWAP = "swap normal incorrect_mask";
let now = 0;
let saving = false;

const at = (id) => document.getElementById(id);
const decided = (person, field) => state.decisions.find((one) => one.id === person && one.field === field);
const decision = ({ each, suggestion }) => decided(each.person, suggestion.field);
const percent = (share) => `${Math.round(100 * share)} %`;

function make(tag, text = "", className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  element.className = className;
  return element;
}

function open(from) {
  const order = items.map((_, number) => (from + number) % items.length);
  return order.find((number) => !decision(items[number])) ?? items.length;
}

function show(number) {
  now = Math.max(0, Math.min(number, items.length));
  at("editor").hidden = true;
  at("done").hidden = now < items.length;
  at("photos").hidden = now === items.length;
  showProgress();
  if (now === items.length) return;
  const { each } = items[now];
  showPhotos(each, items[now].suggestion.field);
  at("person").textContent = each.person;
  at("label").textContent = `labelled ${each.gender}, ${each.age}`;
  at("cards").replaceChildren(...each.suggestions.map((suggestion) => card(each, suggestion)), ...extras(each));
  const next = items.slice(now + 1).find((item) => item.each !== each);
  for (const photo of next?.each.photos ?? []) new Image().src = source(photo);
}

function showProgress() {
  const counts = { accept: 0, reject: 0, unsure: 0 };
  for (const item of items) if (decision(item)) counts[decision(item).verdict] += 1;
  const done = counts.accept + counts.reject + counts.unsure;
  const totals = `${counts.accept} accepted, ${counts.reject} rejected, ${counts.unsure} unsure`;
  at("progress").textContent = `${done} of ${items.length} decided: ${totals}`;
  at("totals").textContent = totals;
  at("apply").hidden = !counts.accept;
  at("strip").replaceChildren(
    ...items.map((item, number) => {
      const tick = make("i", "", decision(item)?.verdict ?? "");
      if (number === now) tick.classList.add("now");
      tick.title = `${item.each.person}: ${item.suggestion.field}`;
      return tick;
    }),
  );
}

const source = (photo) => `photo?path=${encodeURIComponent(photo.path)}`;

function showPhotos(each, field) {
  at("photos").replaceChildren(...each.photos.map((photo) => figure(each, photo, field)), at("panel"));
}

function figure(each, photo, field) {
  const frame = make("figure");
  const image = make("img");
  image.src = source(photo);
  image.alt = photo.stem;
  image.onerror = () => image.replaceWith(make("div", `${photo.path} cannot be read; is it still there?`, "gone"));
  if (field === "mask" && ["normal", "incorrect_mask"].includes(photo.stem)) frame.classList.add("doubted");
  const caption = make("figcaption");
  const [value, share] = Object.entries(photo.predicted[field]).reduce((best, one) => (one[1] > best[1] ? one : best));
  const label = field === "mask" ? maskOf(photo.stem) : each.labelled[field];
  caption.append(make("span", photo.stem), make("span", `predicted ${value} ${percent(share)}`, value === label ? "" : "against"));
  frame.append(image, caption);
  return frame;
}

const maskOf = (stem) => ({ normal: "normal", incorrect_mask: "incorrect" })[stem] ?? "worn";

function card(each, suggestion) {
  const previous = decided(each.person, suggestion.field);
  const element = make("div", "", `card ${previous?.verdict ?? ""}`);
  if (items[now].suggestion === suggestion) element.classList.add("now");
  element.onclick = () => show(items.findIndex((item) => item.suggestion === suggestion));
  const what = make("p", `${suggestion.field}: `, "what");
  if (suggestion.field === "mask") what.append(make("b", "normal and incorrect_mask swapped?"));
  else what.append(make("s", suggestion.was), " → ", make("b", suggestion.value), "?");
  element.append(what);
  for (const [value, share] of Object.entries(suggestion.probabilities)) element.append(bar(each, suggestion.field, value, share));
  const doubt = suggestion.score ? `doubt ${Number(suggestion.score).toFixed(2)}; ` : "";
  element.append(make("small", doubt + suggestion.evidence));
  if (previous) element.append(make("small", summary(previous)));
  return element;
}

function bar(each, field, value, share) {
  const line = make("div", "", "share");
  const length = make("i", "", value === each.labelled[field] ? "label" : "");
  length.style.width = `${Math.max(1, 100 * share)}%`;
  line.append(make("span", value), length, make("span", percent(share)));
  return line;
}

const summary = (one) =>
  `${one.verdict}${one.verdict === "accept" ? `: ${one.value}` : ""}, ${one.reviewer}, ${one.time.slice(0, 16).replace("T", " ")}`;

function extras(each) {
  const suggested = each.suggestions.map((suggestion) => suggestion.field);
  const others = state.decisions.filter((one) => one.id === each.person && !suggested.includes(one.field));
  return others.map((one) => {
    const element = make("div", "", `card ${one.verdict}`);
    element.append(make("p", `${one.field}: ${one.was} → ${one.value}`, "what"), make("small", summary(one)));
    return element;
  });
}

async function send(path, body) {
  if (saving) return null;
  saving = true;
  document.body.classList.add("saving");
  at("fault").hidden = true;
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ revision: state.revision, ...body }),
    });
    const reply = await answer.json();
    if (answer.ok) return reply;
    fail(`Not saved: ${typeof reply.detail === "string" ? reply.detail : JSON.stringify(reply.detail)}`);
  } catch {
    fail("Not saved: the server does not respond. Start `labels review` again and reload this page.");
  } finally {
    saving = false;
    document.body.classList.remove("saving");
  }
  return null;
}

function fail(message) {
  at("fault").textContent = message;
  at("fault").hidden = false;
}

async function decide(person, choices) {
  const reply = await send("decide", { person, choices });
  if (!reply) return;
  state = reply;
  show(open(now));
}

async function undo() {
  const reply = await send("undo", {});
  if (!reply) return;
  const left = new Set(reply.decisions.map((one) => one.time + one.id + one.field));
  const taken = state.decisions.find((one) => !left.has(one.time + one.id + one.field));
  state = reply;
  const number = items.findIndex(({ each }) => each.person === taken?.id);
  const exact = items.findIndex(({ each, suggestion }) => each.person === taken?.id && suggestion.field === taken.field);
  show(exact >= 0 ? exact : number >= 0 ? number : now);
}

function judge(verdict) {
  const { each, suggestion } = items[now];
  return decide(each.person, [{ field: suggestion.field, value: suggestion.value, verdict }]);
}

function edit() {
  const { each } = items[now];
  const form = at("editor");
  const value = (field, label) => {
    const previous = decided(each.person, field);
    const accepted = previous ? previous.verdict === "accept" && previous.value : suggested(each, field)?.value;
    return accepted || label;
  };
  form.gender.value = value("gender", each.gender);
  form.age.value = value("age", each.age);
  form.swap.checked = value("mask", "") === SWAP;
  form.hidden = false;
  const field = items[now].suggestion.field;
  const focus = { gender: form.querySelector(":checked"), age: form.age, mask: form.swap }[field];
  focus.focus();
  focus.select?.();
}

const suggested = (each, field) => each.suggestions.find((suggestion) => suggestion.field === field);

function save(event) {
  event.preventDefault();
  const { each } = items[now];
  const form = at("editor");
  const wanted = { gender: form.gender.value, age: String(Number(form.age.value)), mask: form.swap.checked ? SWAP : "" };
  const labels = { gender: each.gender, age: String(each.age), mask: "" };
  const choices = [];
  for (const [field, value] of Object.entries(wanted)) {
    const doubted = suggested(each, field) ?? decided(each.person, field);
    if (value !== labels[field]) choices.push({ field, value, verdict: "accept" });
    else if (doubted) choices.push({ field, value: doubted.value, verdict: "reject" });
  }
  document.activeElement.blur();
  return decide(each.person, choices);
}

const KEYS = {
  a: () => judge("accept"),
  r: () => judge("reject"),
  u: () => judge("unsure"),
  e: edit,
};
const ALWAYS = { z: undo, ArrowLeft: () => show(now - 1), ArrowRight: () => show(now + 1) };

function press(key) {
  const action = ALWAYS[key] ?? (now < items.length ? KEYS[key] : undefined);
  action?.();
  return Boolean(action);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.repeat && !event.key.startsWith("Arrow")) return; // a key that is held down decides once
  if (!at("editor").hidden) {
    if (event.key === "Escape") show(now);
    return;
  }
  if (press(event.key.length === 1 ? event.key.toLowerCase() : event.key)) event.preventDefault();
});
at("strip").onclick = ({ clientX }) => {
  const { left, width } = at("strip").getBoundingClientRect();
  show(Math.min(Math.floor(((clientX - left) / width) * items.length), items.length - 1));
};
for (const button of document.querySelectorAll("#keys button")) {
  button.onclick = () => {
    button.blur();
    press(button.dataset.key);
  };
}
at("editor").addEventListener("submit", save);
at("cancel").onclick = () => show(now);
show(open(0));
