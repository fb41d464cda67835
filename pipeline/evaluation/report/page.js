"use strict";
// A click on a cell of a confusion matrix opens its photos, as far as they are in this file.

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const thumbnails = read("thumbnails");
const places = read("places");
const dialog = document.getElementById("photos");

// The file beside this page says when it was written, if it is there and about this page.
const place = document.getElementById("written");
if (typeof written === "object" && written.digest === place.dataset.digest) {
  place.textContent = written.text;
  place.hidden = false;
}

function part(name, code) {
  const [divisor, modulus] = places[name];
  return Math.floor(code / divisor) % modulus;
}

function figure([path, , , confidence, text]) {
  const element = document.createElement("figure");
  const image = document.createElement("img");
  image.src = `data:image/jpeg;base64,${text}`;
  image.alt = path;
  const caption = document.createElement("figcaption");
  caption.textContent = `${confidence.toFixed(2)} ${path.replace("/", " / ")}`;
  element.append(image, caption);
  return element;
}

function open(button) {
  const { of, count } = button.dataset;
  const [target, prediction] = [Number(button.dataset.true), Number(button.dataset.predicted)];
  const found = thumbnails.filter(([, t, p]) => part(of, t) === target && part(of, p) === prediction);
  found.sort((one, other) => other[3] - one[3]);
  dialog.querySelector("h2").textContent = button.ariaLabel;
  const left = Number(count) - found.length;
  dialog.querySelector("p").textContent =
    `The number is the confidence of the whole class.${left ? ` ${left} more are not in this file.` : ""}`;
  dialog.querySelector(".photos").replaceChildren(...found.map(figure));
  dialog.showModal();
}

for (const button of document.querySelectorAll(".matrix button")) button.onclick = () => open(button);
dialog.onclick = (event) => {
  if (event.target === dialog) dialog.close();
};
