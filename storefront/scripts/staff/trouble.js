import { html, render } from "/vendor/lit-html.js";
import { call, get } from "../api.js";
import { dateTime } from "../format.js";
import { focusOn, note, refusal } from "../page.js";
import { hasRole } from "../session.js";
import { t } from "../texts.js";
import { startStaff, table } from "./frame.js";

const texts = t.staff.trouble;

startStaff(texts.title, ["operations", "orders.refund"], async (place) => {
  const look = () => Promise.all([
    hasRole("operations") ? get("/admin/dead-letters") : { items: [] },
    hasRole("orders.refund") ? get("/admin/reports/waiting-orders") : { items: [] },
    fetch("/api/health/ready").then((answer) => answer.json()),
  ]);
  let [letters, waiting, health] = await look();
  let said = null;

  const replay = async (letter) => {
    const { entity, sequence_number } = letter;
    try {
      await call("POST", "/admin/dead-letters/replay", { key: crypto.randomUUID(), body: { entity, sequence_number } });
      said = note(texts.replayed);
    } catch (error) {
      said = refusal(error);
    }
    [letters, waiting, health] = await look();
    draw();
    focusOn(place.querySelector(".note"));
  };
  const draw = () => render(html`<h1>${texts.title}</h1>${said}
    <section><h2>${texts.letters}</h2>${letters.items.length ? table(texts.letters,
      [[texts.where], [texts.what], [texts.about], [texts.why], [texts.tries, true], [t.staff.when], [texts.action]],
      letters.items.map((one) => [one.entity, one.kind ?? "–", one.about ?? "–",
        html`${one.reason ?? "–"}<br><small>${one.description ?? ""}</small>`, one.deliveries,
        one.enqueued_at ? dateTime(one.enqueued_at) : "–",
        html`<button type="button" @click=${() => replay(one)}>${texts.replay}</button>`]))
      : html`<p class="good">${texts.lettersNone}</p>`}</section>
    <section><h2>${texts.waiting}</h2>${waiting.items.length ? table(texts.waiting,
      [[t.staff.orders.number], [t.staff.orders.status], [t.staff.when]],
      waiting.items.map((one) => [html`<a href="/staff/order.html?id=${one.id}">${one.order_number}</a>`,
        t.order.status[one.status], dateTime(one.since)]))
      : html`<p class="good">${t.staff.morning.waitingNone}</p>`}</section>
    <section><h2>${texts.health}</h2>${table(texts.health, [[texts.what], [t.staff.orders.status]],
      health.checks.map((one) => [one.name, one.status === "ok" ? html`<span class="good">${texts.fine}</span>`
        : html`<span class="bad">${one.detail ?? one.status}</span>`]))}</section>`, place);
  draw();
});
