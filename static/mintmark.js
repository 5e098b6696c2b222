// A token of whoever is signed in at a Mintmark site, for a page: fetched when it is needed, and renewed in time.
//
//   const tokens = mintmark("https://www.example.org/tokens/integrations/chat", {onSignedOut: askToSignIn});
//   chat.connect({getToken: () => tokens.get()});
//
// Options: params {name: text}; method ("GET"; with "POST" the params go as JSON); field (the name of the token,
// where the answer is JSON); backdate (seconds, where the asset dates its tokens back); credentials ("include");
// onToken(token); onSignedOut(); onError(error): an Error with status (0: no answer), reason and request, the id by
// which an administrator finds it in the log. The token is kept in memory and nowhere else.
//
// A token is renewed at 60 to 80 % of its life, and asked for again after an hour at most, for only so is it seen that
// the person has signed out. Where somebody else has signed in, onSignedOut is told, and get() begins anew with them.
"use strict";

function mintmark(url, options = {}) {
  const { params = {}, method = "GET", field, backdate = 0, credentials = "include" } = options;
  const ANSWER_MS = 15_000, RETRY_MS = 1_000, WAIT_MS = 30_000, BACKOFF_MS = 5_000, LONGEST_MS = 300_000, HOUR_MS = 3_600_000;
  let held; // {token, asked, life, whose, answer}
  let whose; // whom the last token was for, also when it is held no more
  let next; // {from, after}: when to ask without being told to
  let refused; // {error, from, wait}: until when nobody asks
  let asking; // the one request under way, for all callers
  let failures = 0, isSignedOut = false, isStopped = false, timer, abort;

  // This machine's clocks may be wrong: one is never set but may stand still while the machine sleeps, the other
  // goes on but may be set. What has passed is what the faster one says, so that no token seems too young.
  const moment = () => ({ steady: performance.now(), wall: Date.now() });
  const since = (at) => Math.max(performance.now() - at.steady, Date.now() - at.wall);
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  // What a function of the page throws is the page's error, and keeps nothing of ours from going on.
  const tell = (listener, ...what) => listener && queueMicrotask(() => listener(...what));
  const stopped = () => new Error("These tokens were stopped.");

  // Whose a token is, and how long it lives from when it was asked for. Its moments are those of the site's clock, so
  // only their distance counts. A second goes for iat, which is whole seconds; and no asset gives less than ten.
  function read(token) {
    const claims = atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"));
    const { sub, exp, iat } = JSON.parse(new TextDecoder().decode(Uint8Array.from(claims, (each) => each.charCodeAt(0))));
    const seconds = exp === undefined ? Infinity : iat === undefined ? exp - Date.now() / 1000 : exp - iat - backdate;
    return { whose: `${JSON.stringify(sub)}`, life: (Math.max(seconds, 10) - 1) * 1000 };
  }

  function failure(words, answer, cause) {
    const header = (name) => answer?.headers.get(name) ?? null;
    const status = answer?.status ?? 0, reason = header("Mintmark-Reason"), request = header("Mintmark-Request");
    const mayPass = status === 0 || status === 429 || status >= 500;
    const wait = Math.min(1000 * header("Retry-After") || 0, HOUR_MS);
    return Object.assign(new Error(words, { cause }), { status, reason, request, mayPass, wait });
  }

  async function ask() {
    const address = new URL(url, document.baseURI), asked = moment();
    const request = { method, credentials, cache: "no-store", redirect: "error" };
    if (method === "POST") Object.assign(request, { headers: { "Content-Type": "application/json" }, body: JSON.stringify(params) });
    else for (const name in params) address.searchParams.set(name, params[name]);
    abort = new AbortController();
    const giveUp = setTimeout(() => abort.abort(), ANSWER_MS);
    let answer, text;
    try {
      answer = await fetch(address, { ...request, signal: abort.signal });
      text = await answer.text();
    } catch (cause) {
      throw failure("No token: no answer came, or this page may not read it.", undefined, cause);
    } finally {
      clearTimeout(giveUp);
    }
    if (!answer.ok) throw failure(`No token: the site answered ${answer.status}.`, answer);
    try {
      const token = field === undefined ? text : JSON.parse(text)[field];
      return { token, asked, answer, ...read(token) };
    } catch (cause) {
      throw failure("What was answered is no token.", answer, cause);
    }
  }

  async function askTwice() {
    try {
      return await ask();
    } catch (error) {
      if (!error.mayPass || error.wait > WAIT_MS) throw error;
      await pause(Math.max(error.wait, RETRY_MS * (1 + Math.random())));
      if (isStopped) throw error;
      return ask();
    }
  }

  // However often the page asks: it waits where the site said so, or did not answer, or refused just now.
  function renew() {
    if (!asking && refused && since(refused.from) < refused.wait) return Promise.reject(refused.error);
    asking ??= askTwice().then(keep, giveWay).finally(() => {
      asking = undefined;
      look();
    });
    return asking;
  }

  function keep(fresh) {
    if (isStopped) throw stopped();
    [refused, failures] = [undefined, 0];
    if (whose !== undefined && whose !== fresh.whose) {
      signOut(); // What the page shows is the former person's: it must not go on as another one unawares.
      throw Object.assign(failure("Somebody else is signed in now.", fresh.answer), { reason: "somebody-else" });
    }
    [held, whose, isSignedOut] = [fresh, fresh.whose, false];
    // With jitter: windows that were opened at one moment do not all ask at one moment.
    next = { from: fresh.asked, after: Math.min(0.8 * fresh.life, HOUR_MS) * (0.75 + 0.25 * Math.random()) };
    tell(options.onToken, fresh.token);
    return fresh.token;
  }

  function signOut() {
    held = whose = next = undefined; // Only the page knows when to ask again.
    if (!isSignedOut) tell(options.onSignedOut);
    isSignedOut = true;
  }

  function giveWay(error) {
    if (isStopped) throw stopped();
    const isOut = error.reason === "sign-in", from = moment();
    const backoff = error.mayPass ? Math.min(BACKOFF_MS * 2 ** failures++ * (0.5 + Math.random() / 2), LONGEST_MS) : LONGEST_MS;
    refused = { error, from, wait: Math.max(isOut ? BACKOFF_MS : Math.min(backoff, WAIT_MS), error.wait) };
    next = { from, after: Math.max(backoff, error.wait) };
    if (!error.mayPass) held = undefined; // It was good for somebody who may have none now.
    if (isOut) signOut();
    else tell(options.onError, error);
    throw error;
  }

  // A timer may be late by hours, and takes 24 days at most: so it looks again and again, by the clocks.
  function look() {
    clearTimeout(timer);
    if (isStopped || asking || !next) return;
    const left = next.after - since(next.from);
    if (left > 0) timer = setTimeout(look, Math.min(left, LONGEST_MS));
    else renew().catch(() => {}); // The page was told.
  }

  function wake(event) {
    if (event.type === "online" && refused?.error.mayPass) next.after = refused.wait = refused.error.wait;
    look();
  }

  const isGood = () => held && since(held.asked) < held.life - Math.min(30_000, held.life / 10);

  document.addEventListener("visibilitychange", wake);
  addEventListener("online", wake);
  // Each token is a row in the site's log: where nobody waits for it, the first one is not fetched before it is asked for.
  if (options.onToken) renew().catch(() => {});

  return {
    async get() {
      if (isStopped) throw stopped();
      if (isGood() && since(refused?.from ?? held.asked) < HOUR_MS) return held.token;
      return renew().catch((error) => {
        if (isGood()) return held.token; // The site does not answer, and took nothing back.
        throw error;
      });
    },
    stop() {
      [isStopped, held] = [true, undefined];
      clearTimeout(timer);
      abort?.abort();
      document.removeEventListener("visibilitychange", wake);
      removeEventListener("online", wake);
    },
  };
}
