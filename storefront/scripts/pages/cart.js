import { html, nothing, render } from "/vendor/lit-html.js";
import { call, get } from "../api.js";
import { date, money } from "../format.js";
import { focusOn, note, refusal, showCartCount, start, title } from "../page.js";
import { forgetCheckout } from "../parts/begun.js";
import { missing, pictureAt } from "../parts/book-card.js";
import { t } from "../texts.js";

const MOST = 99;

// Brought back as it was, it would not be what is in the cart now.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

start(async (main) => {
  title(t.cartPage.title);
  let cart = await get("/cart");
  let said = null;

  const change = async (method, path, body) => {
    try {
      const { data } = await call(method, path, { body });
      said = method === "DELETE" ? note(t.cartPage.removed) : null;
      forgetCheckout();
      cart = data && data.items ? data : await get("/cart");
    } catch (error) {
      said = refusal(error);
    }
    showCartCount(cart.quantity);
    draw();
    if (method === "DELETE") focusOn(main.querySelector("h1"));
  };

  const draw = () => render(html`
    <h1>${t.cartPage.title}</h1>
    ${said}
    ${cart.items.length ? html`
      ${cart.verified ? nothing : note(t.cartPage.unverified)}
      ${cart.changes.length ? html`<section class="panel" role="status"><h2>${t.cartPage.changes}</h2>
        <ul>${cart.changes.map((one) => html`<li><bdi>${titleOf(one.isbn)}</bdi>: ${one.detail}</li>`)}</ul></section>` : nothing}
      <div class="split">
        <ul class="lines">${cart.items.map(line)}</ul>
        <aside class="panel">
          <dl class="sum"><dt>${t.cartPage.subtotal}</dt><dd class="price">${cart.subtotal ? money(cart.subtotal) : "–"}</dd></dl>
          <p class="soft">${t.cartPage.shippingLater}</p>
          <p><a class="button main" href="/checkout.html">${t.cartPage.checkout}</a></p>
          ${cart.expires_at ? html`<p class="soft">${t.cartPage.keeps(date(cart.expires_at))}</p>` : nothing}
          <button type="button" class="link" @click=${() => change("DELETE", "/cart")}>${t.cartPage.clear}</button>
        </aside>
      </div>` : html`<p class="lead">${t.cartPage.empty}</p>
      <p><a class="button" href="/search.html">${t.browse}</a></p>`}`, main);

  const titleOf = (isbn) => cart.items.find((one) => one.isbn === isbn)?.title ?? isbn;

  const line = (item) => {
    const name = item.title ?? item.isbn;
    const isDearer = item.price && item.price_when_added && item.price.amount !== item.price_when_added.amount;
    return html`<li>
      <img class="cover" src=${pictureAt(item.thumbnail)} alt="" width="160" height="240" @error=${missing}>
      <div>
        <a class="title" dir="auto" href="/book.html?isbn=${item.isbn}">${name}</a>
        <p class="soft">${t.formats[item.format] ?? ""} ${item.price ? html`<span class="price">${money(item.price)}</span>` : nothing}
          ${isDearer ? html`<span>(${t.cartPage.wasPrice(money(item.price_when_added))})</span>` : nothing}</p>
        ${item.availability.status === "in_stock" ? nothing
          : html`<p class="bad">${t.availability[item.availability.status] ?? t.availability.unknown}</p>`}
        <div class="row">
          <label><span class="visually-hidden">${t.cartPage.quantity(name)}</span>
            <input type="number" min="1" max=${MOST} .value=${String(item.quantity)}
              @change=${(event) => event.target.reportValidity()
                && change("PUT", `/cart/items/${item.isbn}`, { quantity: Number(event.target.value) })}></label>
          <button type="button" class="link" aria-label=${t.cartPage.removeTitle(name)}
            @click=${() => change("DELETE", `/cart/items/${item.isbn}`)}>${t.cartPage.remove}</button>
        </div>
      </div>
      <span class="price">${item.total ? money(item.total) : "–"}</span>
    </li>`;
  };

  draw();
});
