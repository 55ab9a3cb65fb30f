import { html, render } from "/vendor/lit-html.js";
import { call } from "../api.js";
import { note, refusal, start, title } from "../page.js";
import { field, wrongFields } from "../parts/address-form.js";
import { t } from "../texts.js";

start((main) => {
  title(t.findPage.title);
  let said = null;
  let wrong = {};
  const send = async (event) => {
    event.preventDefault();
    const given = new FormData(event.target);
    try {
      await call("POST", "/orders/lookup", {
        body: { order_number: given.get("order_number").trim(), email: given.get("email").trim() },
      });
      wrong = {};
      said = note(t.findPage.sent);
    } catch (error) {
      wrong = wrongFields(error);
      said = refusal(error);
    }
    draw();
  };
  const draw = () => render(html`<h1>${t.findPage.title}</h1><p class="lead">${t.findPage.lead}</p>
    <form class="panel" @submit=${send}>
      ${field("order_number", t.findPage.number, { wrong, hint: t.findPage.numberHint })}
      ${field("email", t.findPage.email, { type: "email", autocomplete: "email", wrong })}
      ${said}
      <button class="main">${t.findPage.send}</button>
    </form>`, main);
  draw();
});
