import { html, nothing, render } from "/vendor/lit-html.js";
import { call, get, isRefused } from "../api.js";
import { date, dateTime, money } from "../format.js";
import { focusOn, note, refusal } from "../page.js";
import { addressLines } from "../parts/address-form.js";
import { ask, sure } from "../parts/sure.js";
import { orderLines, totalsView } from "../parts/totals.js";
import { t } from "../texts.js";
import { startStaff, table } from "./frame.js";

const texts = t.staff.order;
const PENNIES = 100;
const REFUNDABLE = ["placed", "partly_dispatched", "dispatched", "delivered", "refunded"];

startStaff(t.staff.orders.title, ["orders.refund"], async (place) => {
  const id = new URLSearchParams(location.search).get("id") ?? "";
  const path = `/admin/orders/${encodeURIComponent(id)}`;
  let [order, parcels, payment] = await Promise.all([get(path), ...around(id)]);
  let said = null;
  // One key for one refund until its answer is known: a second click gives nothing back twice.
  let key = crypto.randomUUID();

  const again = async () => {
    [order, parcels, payment] = await Promise.all([get(path), ...around(id)]);
    draw();
    focusOn(place.querySelector(".note"));
  };
  const refund = async (event) => {
    event.preventDefault();
    const button = event.submitter;
    button.disabled = true;
    const given = new FormData(event.target);
    const lines = order.lines.map((line) => ({ line: line.line, quantity: Number(given.get(`line-${line.line}`) || 0) }))
      .filter((line) => line.quantity > 0);
    const amount = given.get("amount") ? Math.round(Number(given.get("amount")) * PENNIES) : null;
    const body = { reason: given.get("reason").trim(), ...(lines.length ? { lines } : {}), ...(amount ? { amount } : {}) };
    try {
      await call("POST", `${path}/refunds`, { key, body });
      event.target.reset();
      key = crypto.randomUUID();
      said = note(texts.asked);
    } catch (error) {
      if (isRefused(error)) key = crypto.randomUUID();
      said = refusal(error);
    } finally {
      button.disabled = false;
    }
    await again();
  };
  const cancel = async () => {
    try {
      await call("POST", `${path}/cancel`, { key: crypto.randomUUID() });
      said = note(texts.asked);
    } catch (error) {
      said = refusal(error);
    }
    await again();
  };

  const draw = () => render(html`
    <h1>${t.order.title(order.order_number)}</h1>
    <p class="lead">${t.order.status[order.status]} · ${order.email ?? t.staff.orders.erased}</p>${said}
    <div class="split"><div>
      <section class="panel">${orderLines(order.lines)}${totalsView(order.totals, order.refunded)}</section>
      ${parcels?.items.length ? html`<section class="panel"><h2>${t.order.parcels}</h2>${parcels.items.map((one) => html`
        <p><strong>${t.order.parcel(one.number)}</strong>: ${one.cancelled ? t.order.parcelCancelled : t.order.parcelState[one.state]}
        ${one.tracking_url ? html`<a href=${one.tracking_url} rel="noreferrer">${one.tracking_number}</a>` : one.tracking_number ?? nothing}</p>`)}</section>` : nothing}
      <section class="panel"><h2>${texts.payment}</h2>${payment ? paymentView() : texts.noPayment}</section>
      <section class="panel"><h2>${t.order.timeline}</h2><ol class="timeline">${order.timeline.map((one) => html`<li>
        ${t.order.events[one.kind] ?? one.kind.replaceAll("_", " ")}
        <small>${dateTime(one.at)}<br>${details(one.detail, order.total.currency)}</small></li>`)}</ol></section>
    </div><aside>
      ${order.shipping_address ? html`<section class="panel"><h2>${t.order.to}</h2>${addressLines(order.shipping_address)}</section>` : nothing}
      ${REFUNDABLE.includes(order.status) ? html`<section class="panel"><h2>${texts.refund}</h2><p class="soft">${texts.refundLead}</p>
        <form @submit=${refund}>
          ${order.lines.map((line) => html`<div class="field"><label for="line-${line.line}">${texts.copies} <bdi>${line.title}</bdi></label>
            <input id="line-${line.line}" name="line-${line.line}" type="number" min="0" max=${line.quantity - line.refunded_quantity} placeholder="0"></div>`)}
          <div class="field"><label for="amount">${texts.amount}</label><input id="amount" name="amount" type="number" min="0.01" step="0.01"></div>
          <div class="field"><label for="reason">${texts.reason}</label><input id="reason" name="reason" required maxlength="200"></div>
          <button>${texts.give}</button></form></section>` : nothing}
      ${order.refunds.length ? html`<section class="panel"><h2>${texts.refunds}</h2>${table(texts.refunds, [[t.staff.when], [texts.reason], [texts.amount, true]],
        order.refunds.map((one) => [html`${dateTime(one.created_at)}<br><small>${texts.state[one.state]}</small>`, one.reason,
          money({ amount: one.amount, currency: order.total.currency })]))}</section>` : nothing}
      ${order.status === "placed" ? html`<section class="panel"><button type="button" class="bad"
        @click=${() => ask(place)}>${texts.cancel}</button></section>` : nothing}
    </aside></div>
    ${sure(texts.cancel, texts.cancelSure, cancel, { yes: t.order.cancelYes, no: t.order.cancelNo })}`, place);
  const paymentView = () => {
    const pounds = (amount) => money({ amount, currency: order.total.currency });
    return html`${payment.mismatch ? note(payment.mismatch, "alert") : nothing}
      <dl class="facts"><dt>${texts.received}</dt><dd>${pounds(payment.received)}</dd>
        <dt>${texts.refunded}</dt><dd>${pounds(payment.refunded)}</dd>
        <dt>${texts.intent}</dt><dd>${payment.payment_intent ?? "–"}</dd></dl>
      <details><summary>${texts.ledger}</summary>${table(texts.ledger, [[t.staff.when], [texts.posting], [texts.account], [texts.amount, true]],
        payment.ledger.map((one) => [dateTime(one.at), one.posting, one.account, pounds(one.amount)]))}</details>
      <details><summary>${texts.calls}</summary>${table(texts.calls, [[t.staff.when], [t.staff.kind], [t.staff.orders.status]],
        payment.calls.map((one) => [dateTime(one.sent_at), one.key, one.error ?? one.state]))}</details>`;
  };
  draw();
});

/** When it happened stands beside it, and parcels have their links above. */
function details(detail, currency) {
  const said = (name, value) => {
    if (name === "amount" && typeof value === "number") return money({ amount: value, currency });
    return /^\d{4}-\d\d-\d\d$/.test(value) ? date(value) : value;
  };
  return Object.entries(detail).filter(([name]) => name !== "happened_at" && name !== "tracking_url")
    .map(([name, value]) => `${name.replaceAll("_", " ")}: ${said(name, value)}`).join(" · ");
}

/** What other services know of it; each may know nothing yet. */
function around(id) {
  return [get(`/orders/${encodeURIComponent(id)}/shipments`), get(`/admin/payments/${encodeURIComponent(id)}`)]
    .map((asked) => asked.catch(() => null));
}
