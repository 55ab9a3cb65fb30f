/** Asks before what cannot be undone. */
import { html } from "/vendor/lit-html.js";
import { t } from "../texts.js";

/** A dialog that runs `act` when it is agreed to. Opened by `ask` in the same `place`. */
export function sure(name, words, act, { yes = name, no = t.sureNo } = {}) {
  return html`<dialog aria-labelledby="sure"><h2 id="sure">${name}</h2><p>${words}</p>
    <form method="dialog" class="row"><button value="no">${no}</button>
    <button class="bad" value="yes" @click=${act}>${yes}</button></form></dialog>`;
}

export function ask(place) {
  place.querySelector("dialog").showModal();
}
