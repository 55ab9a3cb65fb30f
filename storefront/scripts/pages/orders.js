import { html, nothing, render } from "/vendor/lit-html.js";
import { get } from "../api.js";
import { date, money } from "../format.js";
import { signInButton, start, title } from "../page.js";
import { session } from "../session.js";
import { t } from "../texts.js";

start(async (main) => {
  title(t.ordersPage.title);
  if (!session()) {
    render(html`<h1>${t.ordersPage.title}</h1><p>${t.ordersPage.signIn}</p>
      <p class="row">${signInButton()}
      <a class="button" href="/find-order.html">${t.findOrder}</a></p>`, main);
    return;
  }
  const cursor = new URLSearchParams(location.search).get("cursor");
  const page = await get("/orders", { cursor });
  render(html`<h1>${t.ordersPage.title}</h1>
    ${page.items.length ? html`<ul class="cards">${page.items.map((order) => html`<li class="panel">
      <h3><a href="/order.html?id=${order.id}">${t.order.title(order.order_number)}</a></h3>
      <p>${t.order.status[order.status]}${order.placed_at ? html` <span class="soft">${date(order.placed_at)}</span>` : nothing}</p>
      <p class="soft">${order.lines.map((line, at) => html`${at ? ", " : ""}<bdi>${line.title}</bdi>`)}</p>
      <p class="price">${money(order.total)}</p></li>`)}</ul>`
      : html`<p class="lead">${t.ordersPage.none}</p>`}
    ${page.next_cursor ? html`<nav class="pages"><a class="button" rel="next"
      href="?cursor=${encodeURIComponent(page.next_cursor)}">${t.ordersPage.more}</a></nav>` : nothing}`, main);
});
