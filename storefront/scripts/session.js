/**
 * Who is signed in: OpenID Connect by authorization code with PKCE (RFC 7636), at any issuer.
 *
 * The access token lies in localStorage, so that a book opened in another tab is still in the same
 * shop. It lives as long as the issuer says, an hour or so; there is no refresh token to steal.
 */

const KEPT = "shop.session";
const UNDER_WAY = "shop.sign-in";
const CALLBACK = "/signed-in.html";
const EARLY = 30_000;

/** `{token, name, email, roles, ends}`, or null. */
export function session() {
  let kept = null;
  try {
    kept = JSON.parse(localStorage.getItem(KEPT));
  } catch {
    localStorage.removeItem(KEPT);
  }
  return kept && kept.ends > Date.now() + EARLY ? kept : null;
}

export function token() {
  return session()?.token ?? null;
}

export function hasRole(...roles) {
  return roles.some((role) => session()?.roles.includes(role));
}

/** Forgets the token; the issuer's own session stays. */
export function signedOut() {
  localStorage.removeItem(KEPT);
}

/** What the shop says of itself: `{currency, sign_in: {issuer, client_id, scope} | null}`. */
export async function shop() {
  asked ??= fetch("/api/v1/shop").then((answer) => {
    if (!answer.ok) throw new Error(`The shop answered ${answer.status}.`);
    return answer.json();
  });
  return asked;
}
let asked;

async function discovered(issuer) {
  const answer = await fetch(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
  if (!answer.ok) throw new Error(`The issuer answered ${answer.status}.`);
  return answer.json();
}

/** Leaves for the issuer's page; the browser comes back to `returnTo`, a path of this shop. */
export async function signIn(returnTo = location.pathname + location.search + location.hash) {
  const { sign_in: way } = await shop();
  const { authorization_endpoint: page } = await discovered(way.issuer);
  const verifier = randomText();
  const state = randomText();
  const nonce = randomText();
  sessionStorage.setItem(UNDER_WAY, JSON.stringify({ verifier, state, nonce, returnTo }));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const query = new URLSearchParams({
    response_type: "code",
    client_id: way.client_id,
    redirect_uri: location.origin + CALLBACK,
    scope: way.scope,
    state,
    nonce,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
  });
  location.assign(`${page}?${query}`);
}

/** On the callback page: exchanges the code and gives the path to go on with. Throws where the
 * answer is not that of a sign-in that this tab began. */
export async function finishSignIn(query) {
  const begun = JSON.parse(sessionStorage.getItem(UNDER_WAY) || "null");
  sessionStorage.removeItem(UNDER_WAY);
  if (!begun || query.get("state") !== begun.state) throw new Error("state");
  if (query.get("error")) return begun.returnTo;
  const { sign_in: way } = await shop();
  const { token_endpoint: endpoint } = await discovered(way.issuer);
  const answer = await fetch(endpoint, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      client_id: way.client_id,
      redirect_uri: location.origin + CALLBACK,
      code: query.get("code") || "",
      code_verifier: begun.verifier,
    }),
  });
  if (!answer.ok) throw new Error(`The issuer answered ${answer.status}.`);
  const tokens = await answer.json();
  const identity = claims(tokens.id_token || tokens.access_token);
  if (tokens.id_token && identity.nonce !== begun.nonce) throw new Error("nonce");
  const access = claims(tokens.access_token);
  localStorage.setItem(KEPT, JSON.stringify({
    token: tokens.access_token,
    name: identity.name || identity.preferred_username || identity.sub || "",
    email: identity.email || access.email || "",
    roles: access.roles || [],
    ends: Date.now() + (tokens.expires_in || 3600) * 1000,
  }));
  return begun.returnTo;
}

export async function signOut() {
  signedOut();
  const { sign_in: way } = await shop();
  const { end_session_endpoint: page } = await discovered(way.issuer);
  const home = `${location.origin}/`;
  location.assign(page
    ? `${page}?${new URLSearchParams({ client_id: way.client_id, post_logout_redirect_uri: home })}`
    : home);
}

/** Not checked here: the API checks each token; a page only shows what it says. */
function claims(jwt) {
  try {
    const text = atob(jwt.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (sign) => sign.charCodeAt(0))));
  } catch {
    return {};
  }
}

function randomText() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
