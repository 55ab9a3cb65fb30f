/** From an address to a paid order. */
import { html, nothing, render } from "/vendor/lit-html.js";
import { call, get, isRefused } from "../api.js";
import { country, date, money } from "../format.js";
import { focusOn, note, refusal, showCartCount, signInButton, start, title } from "../page.js";
import { addressFields, addressLines, field, readAddress, wrongFields } from "../parts/address-form.js";
import { begunCheckout, forgetCheckout, keepCheckout } from "../parts/begun.js";
import { declined, showPayment } from "../parts/payment.js";
import { orderLines, totalsView } from "../parts/totals.js";
import { session } from "../session.js";
import { LOCALE, t } from "../texts.js";

const WAIT = 20;
const PENDING = ["validating", "reserving", "awaiting_payment", "confirming"];

const MOST = 99;
const FIELDS = ["email", "name", "line1", "line2", "city", "region", "postcode", "country"];

const asked = new URLSearchParams(location.search);
/** What is bought at once, past the cart. */
let bought = asked.get("isbn") ? [{ isbn: asked.get("isbn"), quantity: copies(asked.get("quantity")) }] : null;
/** What Stripe says to a shopper who comes back from the bank; with it comes the payment's secret. */
const fromBank = asked.has("payment_intent") ? asked.get("redirect_status") : null;
/** By a link, and not by a reload or the back button, after which what was bought is to be there still. */
const isNewVisit = performance.getEntriesByType("navigation")[0].type === "navigate";

start(async (main, again) => {
  title(t.checkout.title);
  if (asked.has("payment_intent")) history.replaceState(null, "", location.pathname);
  if (isNewVisit && begunCheckout()?.ended) forgetCheckout();
  const begun = begunCheckout();
  if (begun && !bought) return follow(main, begun);
  await askForDelivery(main, again);
});

async function askForDelivery(main, again) {
  const who = session();
  const [lines, saved] = await Promise.all([whatIsBought(), who ? get("/addresses") : { items: [] }]);
  if (!lines.items.length) {
    render(html`<h1>${t.checkout.title}</h1><p class="lead">${t.checkout.empty}</p>
      <p><a class="button" href="/search.html">${t.browse}</a></p>`, main);
    return;
  }
  const state = {
    key: crypto.randomUUID(),
    addressId: saved.items.find((one) => one.is_default)?.id ?? saved.items[0]?.id ?? null,
    address: {},
    method: "standard",
    rates: null,
    wrong: {},
    said: null,
    busy: false,
  };

  const askForRates = async () => {
    const place = saved.items.find((one) => one.id === state.addressId) ?? state.address;
    const code = place.country ?? "GB";
    const query = { country: code, isbn: bought && `${bought[0].isbn}:${bought[0].quantity}` };
    // A postcode that is not finished yet is no reason to show no prices.
    state.rates = await get("/shipping/rates", { ...query, postcode: place.postcode })
      .catch((error) => (error.status === 422 || error.status === 400 ? get("/shipping/rates", query) : null))
      .catch(() => null);
    if (state.rates?.items.length && !state.rates.items.some((one) => one.method === state.method)) {
      state.method = state.rates.items[0].method;
    }
    draw();
  };
  const changed = (event) => {
    if (state.addressId === null) state.address = readAddress(event.currentTarget);
    if (event.target.name === "country" || event.target.name === "postcode") askForRates();
  };
  const choose = (id) => {
    state.addressId = id;
    draw();
    askForRates();
  };
  const place = async (event) => {
    event.preventDefault();
    if (state.busy) return;
    const form = event.target;
    const email = new FormData(form).get("email").trim();
    state.busy = true;
    draw();
    let placed;
    try {
      placed = await call("POST", "/checkouts", {
        key: state.key,
        body: {
          email,
          shipping_method: state.method,
          locale: LOCALE,
          ...(state.addressId ? { address_id: state.addressId } : { shipping_address: readAddress(form) }),
          ...(bought ? { items: bought } : {}),
        },
      });
    } catch (error) {
      state.busy = false;
      // What was refused may be sent again, changed, under a key of its own.
      if (isRefused(error)) state.key = crypto.randomUUID();
      state.wrong = wrongFields(error);
      const wrong = Object.keys(state.wrong);
      state.said = wrong.length && wrong.every((name) => FIELDS.includes(name)) ? note(t.problem.fields, "alert") : refusal(error);
      draw();
      main.querySelector("[aria-invalid=true]")?.focus();
      return;
    }
    keepCheckout({ id: placed.data.id, email, fromCart: !bought });
    bought = null;
    history.replaceState(null, "", location.pathname);
    await again();
  };

  const draw = () => render(html`
    <h1>${t.checkout.title}</h1>
    ${who ? nothing : html`<p class="soft">${signInButton("link")}
      ${t.checkout.signInFirst}</p>`}
    <form class="split" @submit=${place} @change=${changed}>
      <div>
        <fieldset><legend>${t.checkout.contact}</legend>
          ${field("email", t.checkout.email, { type: "email", autocomplete: "email", value: who?.email ?? "",
            wrong: state.wrong, hint: t.checkout.emailHint })}</fieldset>
        <fieldset><legend>${t.checkout.delivery}</legend>
          ${saved.items.map((one) => html`<label class="choice"><input type="radio" name="address_id"
            .checked=${state.addressId === one.id} @change=${() => choose(one.id)}>${addressLines(one)}</label>`)}
          ${saved.items.length ? html`<label class="choice"><input type="radio" name="address_id"
            .checked=${state.addressId === null} @change=${() => choose(null)}>${t.checkout.anotherAddress}</label>` : nothing}
          ${state.addressId === null ? addressFields(state.address, state.wrong) : nothing}</fieldset>
        <fieldset><legend>${t.checkout.method}</legend>${rates(state)}</fieldset>
        ${state.said}
        <button class="main" ?disabled=${state.busy}>${t.checkout.place}</button>
      </div>
      <aside class="panel"><h2>${t.checkout.summary}</h2>
        <ul>${lines.items.map((line) => html`<li>${line.quantity} × <bdi>${line.title ?? line.isbn}</bdi>
          <span class="price soft">${line.total ? money(line.total) : ""}</span></li>`)}</ul>
        <dl class="sum">${lines.subtotal ? html`<dt>${t.cartPage.subtotal}</dt><dd class="price">${money(lines.subtotal)}</dd>` : nothing}</dl>
      </aside>
    </form>`, main);

  const rates = (now) => {
    const found = now.rates;
    if (!found) return html`<p class="soft">${t.checkout.methodFirst}</p>`;
    if (!found.served) return html`<p class="bad" role="alert">${t.checkout.notServed(country(found.country))}</p>`;
    return html`${found.items.map((rate) => html`<label class="choice"><input type="radio" name="method"
        .checked=${now.method === rate.method} @change=${() => { now.method = rate.method; }}>
        <span>${rate.name}<br><small>${t.checkout.between(date(rate.earliest), date(rate.latest))}</small></span>
        <span class="price">${rate.price.amount ? money(rate.price) : t.checkout.free}</span></label>`)}
      ${found.free_over ? html`<small>${t.checkout.freeOver(money(found.free_over))}</small>` : nothing}`;
  };

  draw();
  await askForRates();
}

async function whatIsBought() {
  if (!bought) return get("/cart");
  const book = await get(`/books/${encodeURIComponent(bought[0].isbn)}`);
  const total = { ...book.price, amount: book.price.amount * bought[0].quantity };
  return { items: [{ ...bought[0], title: book.title, total }], subtotal: total };
}

/** Shows how the checkout stands until it has ended; each answer comes when something has changed. */
async function follow(main, begun) {
  let now;
  try {
    now = await get(`/checkouts/${begun.id}`);
  } catch (error) {
    if (error.status === 404) forgetCheckout();
    throw error;
  }
  let formFor = null;
  let said = null;
  let isPaid = fromBank === "succeeded";
  const isWaiting = () => now.status === "awaiting_payment";
  const draw = () => {
    render(html`<h1>${t.checkout.title}</h1>
      <div class="split"><div>
        ${isWaiting() && now.payment && !isPaid ? html`
          <h2>${t.checkout.pay}</h2>
          <p class="soft">${t.checkout.payUntil(timeOf(now.pay_until))}</p>
          ${said}
          <div data-payment></div>`
          : html`<p class="spinner" role="status">${isWaiting() && isPaid ? t.checkout.paid : t.checkout.working[now.status] ?? t.loading}</p>`}
        ${isPaid ? nothing : html`<hr><button type="button" class="link bad" @click=${giveUp}>${t.checkout.giveUp}</button>`}
      </div>
      <aside class="panel"><h2>${t.checkout.summary}</h2>
        ${orderLines(now.lines)}${now.totals ? totalsView(now.totals) : nothing}</aside></div>`, main);
    main.removeAttribute("aria-busy");
  };
  const tell = (text) => {
    said = note(text, "alert");
    draw();
  };
  const paid = () => {
    isPaid = true;
    draw();
    focusOn(main.querySelector(".spinner"));
  };
  const giveUp = async (event) => {
    const button = event.target;
    button.disabled = true;
    try {
      await call("POST", `/checkouts/${begun.id}/cancel`);
    } catch (error) {
      button.disabled = false;
      said = refusal(error);
      draw();
    }
  };

  while (PENDING.includes(now.status)) {
    if (now.payment?.declined && !said) said = note(declined(now.payment.declined), "alert");
    draw();
    if (isWaiting() && now.payment && !isPaid && formFor !== now.payment.payment_intent) {
      formFor = now.payment.payment_intent;
      focusOn(main.querySelector("h2"));
      await showPayment(main.querySelector("[data-payment]"), now.payment, now.totals.total, { said: tell, paid });
    }
    now = await changedSince(begun.id, now.version);
  }
  ended(main, now, begun.email);
  focusOn(main.querySelector("h1"));
  if (begun.ended) return;
  keepCheckout({ ...begun, ended: true });
  // What was bought leaves the cart in a moment, so that its number would be wrong soon.
  if (now.status === "confirmed" && begun.fromCart) showCartCount(0);
}

/** Of what an address says, as many as can be bought at once. */
function copies(text) {
  const count = Number(text ?? 1);
  return Number.isInteger(count) ? Math.min(MOST, Math.max(1, count)) : 1;
}

const QUIET_FOR = 2000;

/** Asks on where the connection broke; only a refusal ends it. */
async function changedSince(id, seen) {
  for (;;) {
    try {
      const next = await get(`/checkouts/${id}`, { wait: WAIT, seen });
      if (next.version !== seen) return next;
    } catch (error) {
      if (error.status > 0 && error.status < 500 && error.status !== 429) throw error;
      await new Promise((resolve) => { setTimeout(resolve, QUIET_FOR); });
    }
  }
}

function ended(main, now, email) {
  if (now.status === "confirmed") {
    title(t.checkout.number(now.order_number));
    render(html`<h1>${t.checkout.confirmed}</h1>
      <p class="lead">${t.checkout.number(now.order_number)}</p>
      <p>${t.checkout.mailed(email)}</p>
      <p>${session() ? html`<a class="button main" href="/order.html?id=${now.order_id}">${t.checkout.seeOrder}</a>`
        : t.checkout.guestOrder}</p>
      <section class="panel narrow">${orderLines(now.lines)}${totalsView(now.totals)}</section>`, main);
    return;
  }
  title(t.checkout[now.status]);
  render(html`<h1>${t.checkout[now.status]}</h1>
    <p>${t.checkout.ended}</p>
    ${now.differences.length ? html`<ul>${now.differences.map((one) => html`<li>${one.isbn
      ? html`<a href="/book.html?isbn=${one.isbn}">${one.isbn}</a>: ` : nothing}${reason(one)}</li>`)}</ul>` : nothing}
    <p><a class="button main" href="/cart.html">${t.checkout.backToCart}</a></p>`, main);
}

function reason(difference) {
  const said = t.checkout.reasons[difference.reason];
  if (difference.reason === "not_enough") return said(difference.available);
  if (difference.reason === "price_changed") return said(difference.price ? money(difference.price) : "");
  return said ?? difference.reason;
}

function timeOf(moment) {
  return new Intl.DateTimeFormat(LOCALE, { timeStyle: "short" }).format(new Date(moment));
}
