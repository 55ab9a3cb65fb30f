/** One order. A guest's link has the token behind `#`, where no server and no log sees it. */
import { html, nothing, render } from "/vendor/lit-html.js";
import { call, get } from "../api.js";
import { date, dateTime, money } from "../format.js";
import { focusOn, note, refusal, signInButton, start, title } from "../page.js";
import { addressLines } from "../parts/address-form.js";
import { ask, sure } from "../parts/sure.js";
import { orderLines, totalsView } from "../parts/totals.js";
import { t } from "../texts.js";

const CANCELLABLE = ["placed"];

start(async (main) => {
  const id = new URLSearchParams(location.search).get("id") ?? "";
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  const path = `/orders/${encodeURIComponent(id)}`;
  let order;
  let parcels;
  try {
    [order, parcels] = await Promise.all([get(path, { token }), get(`${path}/shipments`, { token })]);
  } catch (error) {
    if (error.status !== 401 && error.status !== 404) throw error;
    title(t.orders);
    render(html`<h1>${t.order.gone}</h1><p>${t.order.signInFirst}</p>
      <p class="row">${signInButton()}
      <a class="button" href="/find-order.html">${t.findOrder}</a></p>`, main);
    return;
  }
  title(t.order.title(order.order_number));
  let said = null;

  const draw = () => render(html`
    <h1>${t.order.title(order.order_number)}</h1>
    <p class="lead">${t.order.status[order.status]}${order.placed_at ? ` · ${t.order.placed(date(order.placed_at))}` : ""}</p>
    ${said}
    <div class="split"><div>
      <section><h2>${t.order.parcels}</h2>
        ${parcels.items.length ? parcels.items.map(parcel) : html`<p class="soft">${t.order.noParcels}</p>`}</section>
      <section><h2>${t.order.lines}</h2>${orderLines(order.lines)}</section>
      <section><h2>${t.order.timeline}</h2><ol class="timeline">${order.timeline.map(happened)}</ol></section>
    </div>
    <aside class="panel">
      ${totalsView(order.totals, order.refunded)}
      ${order.shipping_address ? html`<hr><h3>${t.order.to}</h3>${addressLines(order.shipping_address)}` : nothing}
      ${CANCELLABLE.includes(order.status) ? html`<hr>
        <button type="button" class="link bad" @click=${() => ask(main)}>${t.order.cancel}</button>` : nothing}
    </aside></div>
    ${sure(t.order.cancel, t.order.cancelSure, cancel, { yes: t.order.cancelYes, no: t.order.cancelNo })}`, main);

  const cancel = async () => {
    try {
      order = (await call("POST", `${path}/cancel`, { query: { token } })).data;
      said = note(t.order.status[order.status]);
    } catch (error) {
      said = error.status === 409 ? note(t.order.cannotCancel, "alert") : refusal(error);
    }
    draw();
    focusOn(main.querySelector(".note"));
  };
  const parcel = (one) => html`<div class="panel"><h3>${t.order.parcel(one.number)}:
      ${one.cancelled ? t.order.parcelCancelled : t.order.parcelState[one.state] ?? one.state}</h3>
    ${one.expected && !one.delivered_at && !one.cancelled ? html`<p>${t.order.expected(date(one.expected))}</p>` : nothing}
    ${one.tracking_number ? html`<p>${one.carrier} ${one.tracking_number}
      ${one.tracking_url ? html`<a href=${one.tracking_url} rel="noreferrer">${t.order.track}</a>` : nothing}</p>` : nothing}
    <ol class="timeline">${one.scans.map((scan) => html`<li>${scan.message || scan.status}
      <small>${[scan.place, dateTime(scan.at)].filter(Boolean).join(" · ")}</small></li>`)}</ol></div>`;
  const happened = (one) => html`<li>${t.order.events[one.kind] ?? one.kind.replaceAll("_", " ")}
    ${one.detail.amount && typeof one.detail.amount === "number"
      ? money({ amount: one.detail.amount, currency: order.total.currency }) : nothing}
    <small>${dateTime(one.at)}</small></li>`;

  draw();
});
