/**
 * The two ways to pay. With real keys Stripe's Payment Element takes the card, in a frame of Stripe's;
 * the sandbox has a plain form, and what is typed into it goes to the sandbox alone.
 */
import { html, render } from "/vendor/lit-html.js";
import { money } from "../format.js";
import { LOCALE, t } from "../texts.js";

const STRIPE_API = "https://api.stripe.com";
const STRIPE_SCRIPT = "https://js.stripe.com/v3/";

/** Stripe's published test numbers, as the names that its API takes for them. */
const TEST_CARDS = [
  ["4242 4242 4242 4242", "pm_card_visa"],
  ["4000 0000 0000 0002", "pm_card_visa_chargeDeclined"],
  ["4000 0000 0000 9995", "pm_card_visa_chargeDeclinedInsufficientFunds"],
  ["4000 0000 0000 0069", "pm_card_chargeDeclinedExpiredCard"],
  ["4000 0027 6000 3184", "pm_card_threeDSecure2Required"],
];

export const isSandbox = (payment) => payment.api_base !== STRIPE_API;

/**
 * Renders the form into `place`. `said(sentence)` is told what went wrong, in Stripe's words; `paid()`
 * that the bank agreed. The page learns the outcome from the shop, not from here.
 */
export async function showPayment(place, payment, total, { said, paid }) {
  if (isSandbox(payment)) showSandbox(place, payment, total, said, paid);
  else await showStripe(place, payment, total, said, paid);
}

const returnAddress = () => `${location.origin}${location.pathname}`;

function showSandbox(place, payment, total, said, paid) {
  const pay = async (event) => {
    event.preventDefault();
    const form = event.target;
    const number = new FormData(form).get("number").replace(/\D/g, "");
    const card = TEST_CARDS.find(([shown]) => shown.replaceAll(" ", "") === number);
    if (!card) return said(t.checkout.wrongCard);
    const button = form.querySelector("button.main");
    button.disabled = true;
    try {
      const answer = await fetch(`${payment.api_base}/v1/payment_intents/${payment.payment_intent}/confirm`, {
        method: "POST",
        body: new URLSearchParams({
          key: payment.publishable_key,
          client_secret: payment.client_secret,
          payment_method: card[1],
          return_url: returnAddress(),
        }),
      });
      const intent = await answer.json();
      if (intent.error) said(declined(intent.error.decline_code ?? intent.error.code));
      else if (intent.next_action?.redirect_to_url) location.assign(intent.next_action.redirect_to_url.url);
      else paid();
    } catch {
      said(t.problem.offline);
    } finally {
      button.disabled = false;
    }
  };
  const choose = (number) => {
    place.querySelector("#number").value = number;
  };
  render(html`<form @submit=${pay}>
    <div class="field"><label for="number">${t.checkout.card}</label>
      <input id="number" name="number" inputmode="numeric" autocomplete="off" required value=${TEST_CARDS[0][0]}></div>
    <p><button class="main">${t.checkout.payNow(money(total))}</button></p>
    <details><summary>${t.checkout.testCards}</summary><p class="soft">${t.checkout.testCardsHint}</p>
      <ul>${TEST_CARDS.map(([number, name]) => html`<li><button type="button" class="link"
        @click=${() => choose(number)}>${number}</button> <small>${name}</small></li>`)}</ul></details>
  </form>`, place);
}

async function showStripe(place, payment, total, said, paid) {
  await loaded(STRIPE_SCRIPT);
  const stripe = window.Stripe(payment.publishable_key, { locale: LOCALE });
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const elements = stripe.elements({
    clientSecret: payment.client_secret,
    appearance: { theme: isDark ? "night" : "stripe" },
  });
  const pay = async (event) => {
    event.preventDefault();
    const button = event.target.querySelector("button.main");
    button.disabled = true;
    try {
      const { error } = await stripe.confirmPayment({
        elements, confirmParams: { return_url: returnAddress() }, redirect: "if_required",
      });
      if (error) said(error.message ?? t.checkout.declinedOther);
      else paid();
    } finally {
      button.disabled = false;
    }
  };
  render(html`<form @submit=${pay}><div class="field" data-element></div>
    <p><button class="main">${t.checkout.payNow(money(total))}</button></p></form>`, place);
  const element = elements.create("payment");
  element.on("loaderror", ({ error }) => said(error.message ?? t.problem.later));
  element.mount(place.querySelector("[data-element]"));
}

function loaded(address) {
  return new Promise((resolve, reject) => {
    if (window.Stripe) return resolve();
    const script = document.createElement("script");
    script.src = address;
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => reject(new Error(`${address} could not be loaded.`)));
    document.head.append(script);
  });
}

export function declined(code) {
  return t.checkout.declined[code] ?? t.checkout.declinedOther;
}
