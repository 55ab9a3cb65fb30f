import { html, nothing, render } from "/vendor/lit-html.js";
import { get } from "../api.js";
import { date, dateTime, money, number } from "../format.js";
import { hasRole } from "../session.js";
import { t } from "../texts.js";
import { chart, startStaff, table } from "./frame.js";

const DAYS = 30;
const A_DAY = 86_400_000;

const texts = t.staff.morning;

startStaff(texts.title, ["catalogue.write", "orders.refund", "operations"], async (place) => {
  const seesOrders = hasRole("orders.refund");
  const seesStock = hasRole("catalogue.write");
  // Business time may be ahead of this machine's, where somebody moved it.
  const { now } = await businessDay();
  const last = iso(now);
  const first = iso(now - (DAYS - 1) * A_DAY);
  const [sales, waiting, payments, low] = await Promise.all([
    seesOrders ? get("/admin/reports/sales", { from: first, to: last }) : null,
    seesOrders ? get("/admin/reports/waiting-orders") : null,
    seesOrders ? get("/admin/reports/payments") : null,
    seesStock ? get("/admin/reports/low-stock") : null,
  ]);
  render(html`<h1>${texts.title}</h1><div class="tiles">
    ${sales ? figures(sales, now) : nothing}
    ${sales ? html`<section class="panel"><h2>${texts.sells}</h2>${table(texts.sells,
      [[t.staff.catalogue.title_], [texts.copies, true], [texts.revenue, true]],
      sales.bestsellers.map((one) => [bookLink(one), number(one.copies), pounds(sales, one.revenue)]))}</section>` : nothing}
    ${low ? html`<section class="panel"><h2>${texts.low}</h2>${low.items.length ? table(texts.low,
      [[t.staff.catalogue.title_], [texts.left, true], [texts.sold, true]],
      low.items.map((one) => [bookLink(one), number(one.available), number(one.sold)]))
      : html`<p class="good">${texts.lowNone}</p>`}</section>` : nothing}
    ${payments ? html`<section class="panel"><h2>${texts.payments}</h2>${payments.items.length ? table(texts.payments,
      [[t.staff.orders.number], [t.staff.trouble.why]],
      payments.items.map((one) => [orderLink(one.order_id, one.order_number), one.mismatch]))
      : html`<p class="good">${texts.paymentsNone}</p>`}</section>` : nothing}
    ${waiting ? html`<section class="panel"><h2>${texts.waiting}</h2>${waiting.items.length ? table(texts.waiting,
      [[t.staff.orders.number], [t.staff.orders.status], [t.staff.when]],
      waiting.items.map((one) => [orderLink(one.id, one.order_number), t.order.status[one.status], dateTime(one.since)]))
      : html`<p class="good">${texts.waitingNone}</p>`}</section>` : nothing}
  </div>`, place);
});

async function businessDay() {
  // The API dates its answers by the machine; the newest order tells how far a moved clock is ahead.
  const now = Date.now();
  if (!hasRole("orders.refund")) return { now };
  const newest = await get("/admin/orders", { limit: 1 });
  return { now: Math.max(now, ...newest.items.map((one) => Date.parse(one.created_at))) };
}

function figures(sales, now) {
  const byDate = new Map(sales.days.map((day) => [day.date, day]));
  const days = Array.from({ length: DAYS }, (_, at) => {
    const day = iso(now - (DAYS - 1 - at) * A_DAY);
    return byDate.get(day) ?? { date: day, orders: 0, revenue: 0, refunded: 0 };
  });
  const sum = (name) => days.reduce((total, day) => total + day[name], 0);
  const figure = (name, value) => html`<div><div class="soft">${name}</div><div class="figure">${value}</div></div>`;
  const bars = (name, said) => days.map((day) => ({
    label: date(day.date), value: day[name], said: `${date(day.date)}: ${said(day[name])}`,
  }));
  const inPounds = (amount) => pounds(sales, amount);
  return html`<section class="panel wide"><h2>${texts.days(DAYS)}</h2>
    <div class="figures">
      ${figure(texts.orders, number(sum("orders")))}
      ${figure(texts.revenue, inPounds(sum("revenue")))}
      ${figure(texts.refunded, inPounds(sum("refunded")))}
      ${figure(texts.average, sum("orders") ? inPounds(Math.round(sum("revenue") / sum("orders"))) : "–")}
    </div>
    <div class="tiles">
      <div><h3>${texts.revenue}</h3>${chart(texts.revenueByDay(inPounds(sum("revenue"))), bars("revenue", inPounds))}</div>
      <div><h3>${texts.orders}</h3>${chart(texts.ordersByDay(number(sum("orders"))), bars("orders", number))}</div>
    </div>
    <details><summary>${texts.table}</summary>${table(texts.byDay,
      [[t.staff.when], [texts.orders, true], [texts.revenue, true], [texts.refunded, true]],
      sales.days.map((day) => [date(day.date), number(day.orders), inPounds(day.revenue), inPounds(day.refunded)]))}</details>
  </section>`;
}

const iso = (moment) => new Date(moment).toISOString().slice(0, 10);
const pounds = (sales, amount) => money({ amount, currency: sales.currency });
const bookLink = (one) => html`<a href="/staff/book.html?isbn=${one.isbn}"><bdi>${one.title}</bdi></a>`;
const orderLink = (id, name) => html`<a href="/staff/order.html?id=${id}">${name ?? id}</a>`;
