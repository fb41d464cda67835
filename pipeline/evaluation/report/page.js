"use strict";
// A click on a cell of a confusion matrix opens its photos, as far as they are in this file.

const thumbnails = JSON.parse(document.getElementById("thumbnails").textContent);
const dialog = document.getElementById("photos");
const PART = {
  class: (code) => code,
  mask: (code) => Math.floor(code / 6),
  gender: (code) => Math.floor(code / 3) % 2,
  age: (code) => code % 3,
};

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
  const [wanted, answered] = [Number(button.dataset.true), Number(button.dataset.predicted)];
  const found = thumbnails.filter(([, t, p]) => PART[of](t) === wanted && PART[of](p) === answered);
  found.sort((one, other) => other[3] - one[3]);
  dialog.querySelector("h2").textContent = button.ariaLabel;
  const left = Number(count) - found.length;
  dialog.querySelector("p").textContent =
    `The number is the confidence of the whole answer.${left ? ` ${left} more are not in this file.` : ""}`;
  dialog.querySelector(".photos").replaceChildren(...found.map(figure));
  dialog.showModal();
}

for (const button of document.querySelectorAll(".matrix button")) button.onclick = () => open(button);
dialog.onclick = (event) => {
  if (event.target === dialog) dialog.close();
};
