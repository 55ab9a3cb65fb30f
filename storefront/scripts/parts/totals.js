import { html, nothing } from "/vendor/lit-html.js";
import { money } from "../format.js";
import { t } from "../texts.js";

/** `totals` as orders and checkouts have them; `refunded` only where something was. */
export function totalsView(totals, refunded) {
  const row = (name, value, kind = "") => html`<dt class=${kind}>${name}</dt><dd class="price ${kind}">${money(value)}</dd>`;
  return html`<dl class="sum">
    ${row(t.checkout.items, totals.items)}
    ${row(t.checkout.shipping, totals.shipping)}
    ${row(t.checkout.total, totals.total, "total")}
    ${totals.tax.amount ? row(t.checkout.tax, totals.tax, "soft") : nothing}
    ${refunded?.amount ? row(t.order.refunded, refunded) : nothing}
  </dl>`;
}

/** Lines of an order or a checkout. */
export function orderLines(lines) {
  return html`<ul class="lines plain">${lines.map((line) => html`<li>
    <span>${line.quantity} ×</span>
    <div><a class="title" dir="auto" href="/book.html?isbn=${line.isbn}">${line.title}</a>
      <p class="soft">${t.formats[line.format] ?? line.format}, <span class="price">${money(line.unit_price)}</span></p>
      ${line.refunded_quantity ? html`<p class="soft">${t.order.refundedCopies(line.refunded_quantity)}</p>` : nothing}</div>
    <span class="price">${money(line.total)}</span></li>`)}</ul>`;
}
