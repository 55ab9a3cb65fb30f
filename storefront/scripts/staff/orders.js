import { html, nothing, render } from "/vendor/lit-html.js";
import { get } from "../api.js";
import { dateTime, money } from "../format.js";
import { t } from "../texts.js";
import { startStaff, table } from "./frame.js";

const texts = t.staff.orders;
const PER_PAGE = 20;
const asked = new URLSearchParams(location.search);

startStaff(texts.title, ["orders.refund"], async (place) => {
  const q = asked.get("q") ?? "";
  const status = asked.get("status") ?? "";
  const page = await get("/admin/orders", { q, status, limit: PER_PAGE, cursor: asked.get("cursor") });
  const next = new URLSearchParams({ q, status, cursor: page.next_cursor ?? "" });
  render(html`<h1>${texts.title}</h1>
    <form class="row"><label>${texts.find}<input name="q" type="search" value=${q}></label>
      <label>${texts.status}<select name="status"><option value="">${t.staff.all}</option>
        ${Object.entries(t.order.status).map(([value, label]) => html`<option value=${value} .selected=${value === status}>${label}</option>`)}
      </select></label><button class="main">${t.staff.search}</button></form>
    <section>${table(texts.title, [[texts.number], [t.staff.when], [texts.status], [texts.buyer], [texts.total, true]],
      page.items.map((order) => [
        html`<a href="/staff/order.html?id=${order.id}">${order.order_number}</a>`,
        dateTime(order.created_at), t.order.status[order.status], order.email ?? texts.erased, money(order.total),
      ]))}</section>
    ${page.next_cursor ? html`<nav class="pages"><a class="button" rel="next" href="?${next}">${t.list.next}</a></nav>` : nothing}`, place);
});
