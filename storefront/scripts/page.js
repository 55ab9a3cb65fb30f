/** What every page has in common: its frame, waiting, and saying what went wrong. */
import { html, nothing, render } from "/vendor/lit-html.js";
import { Problem, get } from "./api.js";
import { attachSearch } from "./parts/search-box.js";
import { hasRole, onOtherVisitor, session, shop, signIn, signOut } from "./session.js";
import { t } from "./texts.js";

const STAFF_ROLES = ["catalogue.write", "orders.refund", "operations"];

/**
 * Runs `show(main, again)`, which renders into the page's <main> and may be asynchronous. What it throws
 * is shown with a button that runs it again, as `again()` does.
 */
export async function start(show) {
  frame();
  const main = document.querySelector("main");
  const attempt = async () => {
    main.setAttribute("aria-busy", "true");
    try {
      await show(main, attempt);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof Problem)) console.error(error);
      render(problemView(error, attempt), main);
    } finally {
      main.removeAttribute("aria-busy");
    }
  };
  await attempt();
}

export function title(text) {
  document.title = `${text} · ${t.shop}`;
}

/** A sentence for a person; `again` is a function for the button, if trying again can help. */
export function problemView(error, again) {
  return html`<section class="problem" role="alert">
    <h1>${t.problem.title}</h1>
    <p>${sentence(error)}</p>
    ${error.status === 401 ? signInButton() : nothing}
    ${error.status >= 500 && error.correlationId
      ? html`<p class="soft">${t.problem.reference(error.correlationId)}</p>` : nothing}
    ${again && error.status !== 401 ? html`<button type="button" @click=${again}>${t.problem.again}</button>` : nothing}
  </section>`;
}

export function sentence(error) {
  if (error.status === 0) return t.problem.offline;
  if (error.status === 401) return t.problem.signIn;
  if (error.status === 429) return `${error.message || t.problem.tooMany} ${t.problem.wait(error.wait)}`;
  if (!error.status || error.status >= 500) return t.problem.later;
  const details = (error.errors || []).map((one) => one.detail);
  return [error.message || t.problem.notFound, ...details].join(" ");
}

/** For actions on a page that stays: `role="status"` or `role="alert"`, whatever fits. */
export function note(text, kind = "status") {
  return text ? html`<p class="note ${kind}" role=${kind}>${text}</p>` : nothing;
}

/** What went wrong with an action. Who must sign in again does so beside the page, where nothing typed
 * into it is lost. */
export function refusal(error) {
  return html`<p class="note alert" role="alert">${sentence(error)}
    ${error.status === 401 ? html`<a href="/account.html" target="_blank">${t.problem.signInBeside}</a>` : nothing}</p>`;
}

/** Comes back to this page, or to `returnTo`. That the issuer cannot be reached is said beside it. */
export function signInButton(kind = "main", returnTo = undefined) {
  const leave = async (event) => {
    const place = event.currentTarget.nextElementSibling;
    place.textContent = "";
    try {
      await signIn(returnTo);
    } catch (error) {
      console.error(error);
      place.textContent = t.problem.noSignIn;
    }
  };
  return html`<button type="button" class=${kind} @click=${leave}>${t.signIn}</button><span class="bad" role="alert"></span>`;
}

/** Where a keyboard and a screen reader go on from, once what they were at is gone. */
export function focusOn(element) {
  if (!element) return;
  element.tabIndex = -1;
  element.focus();
}

/** Puts the number of copies beside the cart's name; called after each change of it. */
export function showCartCount(count) {
  const link = document.querySelector("[data-cart]");
  if (!link) return;
  link.setAttribute("aria-label", t.cartCount(count));
  const badge = link.querySelector(".count");
  badge.textContent = count || "";
}

function frame() {
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = t[element.dataset.text];
  }
  const search = document.querySelector("form.search");
  if (search) attachSearch(search);
  showWho();
  onOtherVisitor(() => location.reload());
  countCart();
  // A page that comes back as it was knows nothing of what was put into the cart since.
  addEventListener("pageshow", (event) => { if (event.persisted) countCart(); });
}

function countCart() {
  if (!document.querySelector("[data-cart]")) return;
  // A cart that cannot be read is no reason to hide the page.
  get("/cart").then((cart) => showCartCount(cart.quantity), () => undefined);
}

async function showWho() {
  const place = document.querySelector("[data-who]");
  if (!place) return;
  const who = session();
  if (who) {
    render(html`
      ${hasRole(...STAFF_ROLES) ? html`<a href="/staff/">${t.backOffice}</a>` : nothing}
      <a href="/orders.html">${t.orders}</a>
      <a href="/account.html">${t.account}</a>
      <button type="button" class="link" @click=${() => signOut()}>${t.signOut}</button>`, place);
    return;
  }
  const draw = (way) => render(html`<a href="/find-order.html">${t.findOrder}</a>
    ${way ? signInButton("link") : nothing}`, place);
  draw(true);
  // Where that cannot be asked, the button says so once it is pressed.
  const { sign_in: way } = await shop().catch(() => ({ sign_in: true }));
  draw(way);
}
