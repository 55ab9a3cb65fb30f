/** The checkout of this tab: `{id, email, fromCart, ended}`. It lies in sessionStorage and in no address:
 * who knows its id may pay and cancel. */
const KEPT = "shop.checkout";

export function begunCheckout() {
  return JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
}

export function keepCheckout(value) {
  sessionStorage.setItem(KEPT, JSON.stringify(value));
}

/** For when the cart is another than the one that is being paid for. */
export function forgetCheckout() {
  sessionStorage.removeItem(KEPT);
}
