/**
 * Who is signed in: OpenID Connect by authorization code with PKCE (RFC 7636), at any issuer.
 *
 * The access token lies in localStorage, so that a book opened in another tab is still in the same
 * shop. It lives as long as the issuer says, an hour or so; there is no refresh token to steal.
 */

const KEPT = "shop.session";
const LEFT = "shop.left";
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

const began = token();

/** Whether who was signed in when the page began no longer is. Then it must not go on as a guest. */
export function hasEnded() {
  return began !== null && token() === null;
}

/** Calls `changed` where this page shows what is no longer to be shown: somebody signed out in another
 * tab, or the browser brought the page back as it was before. */
export function onOtherVisitor(changed) {
  addEventListener("storage", (event) => { if (event.key === LEFT && hasEnded()) changed(); });
  addEventListener("pageshow", (event) => { if (event.persisted && token() !== began) changed(); });
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
  asked ??= fetched("/api/v1/shop");
  try {
    return await asked;
  } catch (error) {
    asked = null;
    throw error;
  }
}
let asked = null;

function discovered(issuer) {
  return fetched(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
}

async function fetched(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address} answered ${answer.status}.`);
  return answer.json();
}

/** An issuer's page may have a query of its own, as Azure AD B2C's have. */
function withQuery(page, parameters) {
  const address = new URL(page);
  for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
  return address.href;
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
  location.assign(withQuery(page, {
    response_type: "code",
    client_id: way.client_id,
    redirect_uri: location.origin + CALLBACK,
    scope: way.scope,
    state,
    nonce,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
  }));
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

/** Leaves the issuer's session too, if it can be reached. */
export async function signOut() {
  signedOut();
  // With the id of a checkout that the next at this browser is not to go on with.
  sessionStorage.clear();
  localStorage.setItem(LEFT, String(Date.now()));
  const home = `${location.origin}/`;
  let end = home;
  try {
    const { sign_in: way } = await shop();
    const { end_session_endpoint: page } = await discovered(way.issuer);
    if (page) end = withQuery(page, { client_id: way.client_id, post_logout_redirect_uri: home });
  } catch (error) {
    console.error(error);
  }
  location.assign(end);
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
