// Stories of mintmark.js on a clock that the story moves: hours pass at once. Prints what each of them saw, as JSON.
// `node moments.mjs <mintmark.js>`
import { readFileSync } from "node:fs";
import vm from "node:vm";

const script = new vm.Script(readFileSync(process.argv[2], "utf8") + ";globalThis.mintmark = mintmark");
const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
let made = 0;

function token(sub, life) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "HS256" })}.${part({ sub, iat: 1e9, jti: ++made, ...(life && { exp: 1e9 + life }) })}.x`;
}

const read = (text) => JSON.parse(Buffer.from(text.split(".")[1], "base64url"));
const given = (sub, life) => ({ status: 200, body: token(sub, life) });
const refused = (reason, status = 403) => ({ status, headers: { "Mintmark-Reason": reason, "Mintmark-Request": "5f0c" } });
const later = (status, seconds) => ({ status, headers: { "Retry-After": seconds } });

/** A page with a clock of its own and a site that answers as `world.answer` says. */
function world(answer, options = {}) {
  let now = 1e12, timers = [], last = 0;
  const start = now, wakes = {}, here = { answer, asked: [], heard: [] };
  const page = {
    URL, TextDecoder, Uint8Array, AbortController, Error, atob, queueMicrotask,
    Date: { now: () => now },
    performance: { now: () => now - start },
    setTimeout: (act, ms) => (timers.push({ id: ++last, at: now + Math.max(ms, 1), act }), last),
    clearTimeout: (id) => (timers = timers.filter((timer) => timer.id !== id)),
    document: { baseURI: "https://x.test/", addEventListener: (name, act) => (wakes[name] = act), removeEventListener() {} },
    addEventListener: (name, act) => (wakes[name] = act),
    removeEventListener() {},
    async fetch() {
      here.asked.push((now - start) / SECOND);
      const { status, headers = {}, body = "" } = here.answer;
      if (!status) throw new TypeError("Failed to fetch");
      return { ok: status === 200, status, headers: { get: (name) => headers[name] ?? null }, text: async () => body };
    },
  };
  vm.createContext(page);
  script.runInContext(page);
  const settle = () => new Promise((done) => setImmediate(done));
  const tokens = page.mintmark("/chat", {
    onSignedOut: () => here.heard.push("signed out"),
    onError: (error) => here.heard.push(`error ${error.reason ?? error.status}`),
    ...(options.listens && { onToken: (text) => here.heard.push(`token of ${read(text).sub}`) }),
  });
  return Object.assign(here, {
    tokens,
    /** Return whose token there is within so many ms, or why there is none. */
    async get(within = 1) {
      let got = "nothing yet";
      tokens.get().then((text) => (got = read(text).sub), (error) => (got = `refused ${error.reason ?? error.status}`));
      await here.pass(within);
      return got;
    },
    wake: (type) => wakes[type]({ type }),
    async pass(ms) {
      const end = now + ms;
      for (await settle(); ; await settle()) {
        const [first] = timers.sort((a, b) => a.at - b.at);
        if (!first || first.at > end) break;
        timers.shift();
        now = first.at;
        first.act();
      }
      now = end;
    },
    /** The machine sleeps: time passes, and no timer rings. */
    sleep(ms) { now += ms; },
    /** Ask each `every` ms for as long as `ms`; return how many requests that made. */
    async keepAsking(every, ms) {
      const before = here.asked.length;
      for (let left = ms; left > 0; left -= every) {
        tokens.get().catch(() => {});
        await this.pass(every);
      }
      return here.asked.length - before;
    },
  });
}

async function begun(answer, options) {
  const here = world(answer, options);
  return Object.assign(here, { first: await here.get(SECOND) });
}

const stories = {
  async what_is_refused_for_good_is_given_no_more() {
    const found = {};
    for (const answer of [refused("not-a-reader"), refused("origin"), refused(null, 404), refused(null, 400)]) {
      const here = await begun(given("ben", 3600));
      here.answer = answer;
      await here.pass(50 * MINUTE);
      found[answer.headers["Mintmark-Reason"] ?? answer.status] = [here.first, await here.get()];
    }
    return found;
  },
  async what_may_pass_takes_nothing_away() {
    const found = {};
    for (const answer of [{ status: 0 }, later(429, 60), later(503, 60), { status: 500 }]) {
      const here = await begun(given("ben", 3600));
      here.answer = answer;
      await here.pass(50 * MINUTE);
      const early = await here.get();
      await here.pass(15 * MINUTE);
      found[answer.status] = [here.first, early, await here.get(5 * SECOND)];
    }
    return found;
  },
  async a_token_without_an_end_or_of_a_year_is_asked_for_within_the_hour() {
    const found = {};
    for (const life of [undefined, 365 * 86_400]) {
      const here = await begun(given("ben", life), { listens: true });
      await here.pass(DAY);
      const gaps = here.asked.slice(1).map((at, index) => at - here.asked[index]);
      here.answer = refused("sign-in");
      await here.pass(HOUR);
      found[life ?? "endless"] = [gaps.length, Math.min(...gaps), Math.max(...gaps), here.heard.at(-1), await here.get()];
    }
    return found;
  },
  async a_page_that_slept_asks_when_somebody_comes_back_and_when_it_is_asked() {
    const woken = await begun(given("ben"));
    woken.answer = refused("sign-in");
    woken.sleep(30 * DAY);
    woken.wake("visibilitychange");
    await woken.pass(1);
    const asked = await begun(given("ben"));
    asked.answer = refused("sign-in");
    asked.sleep(2 * HOUR);
    const got = await asked.get();
    // Without the site it still has a token that is good, but is late by a retry.
    const alone = await begun(given("ben"));
    alone.answer = { status: 0 };
    alone.sleep(2 * HOUR);
    return [woken.heard, got, asked.heard, await alone.get(5 * SECOND), await alone.get()];
  },
  async a_token_of_somebody_else_is_given_to_nobody_who_did_not_ask_anew() {
    const here = await begun(given("ben", 600), { listens: true });
    here.answer = given("eve", 600);
    await here.pass(10 * MINUTE);
    const heard = [...here.heard], requests = here.asked.length;
    return [heard, requests, await here.get(), here.heard];
  },
  async whoever_waits_for_a_renewal_is_not_given_somebody_elses() {
    const here = await begun(given("ben", 600));
    here.answer = given("eve", 600);
    here.sleep(HOUR);
    return [await here.get(), await here.get(), here.heard];
  },
  async somebody_else_is_noticed_also_after_a_refusal_and_not_after_a_sign_out() {
    const lost = await begun(given("ben", 600), { listens: true });
    lost.answer = refused("not-a-reader");
    await lost.pass(10 * MINUTE);
    lost.answer = given("eve", 600);
    await lost.pass(10 * MINUTE);
    const left = await begun(given("ben", 600));
    left.answer = refused("sign-in");
    await left.pass(10 * MINUTE);
    left.answer = given("eve", 600);
    return [lost.heard.filter((what) => what !== "error not-a-reader"), await left.get(), left.heard];
  },
  async a_subject_that_is_no_text_is_one_person() {
    const here = await begun(given({ id: 1 }, 600));
    here.answer = given({ id: 1 }, 600);
    await here.pass(10 * MINUTE);
    return here.heard;
  },
  async nobody_asks_while_the_site_said_to_wait() {
    const limited = world(later(429, 600));
    const often = await limited.keepAsking(5 * SECOND, 9 * MINUTE);
    const busy = await begun(later(503, 120), { listens: true });
    await busy.pass(SECOND);
    const before = busy.asked.length;
    for (let times = 0; times < 20; times += 1) {
      busy.wake("online");
      await busy.pass(3 * SECOND);
    }
    const flapped = busy.asked.length - before;
    await busy.pass(2 * MINUTE);
    return [often, await limited.get(), before, flapped, busy.asked.length - before];
  },
  async one_fault_is_tried_again_and_not_told() {
    const found = {};
    for (const answer of [{ status: 0 }, later(429, 20), later(503, "soon"), { status: 500 }]) {
      const here = world(answer);
      const first = await here.get(500);
      here.answer = given("ben", 600);
      await here.pass(30 * SECOND);
      found[answer.status] = [first, await here.get(), here.heard, here.asked];
    }
    return found;
  },
  async what_is_refused_is_not_asked_for_all_the_time() {
    const found = {};
    for (const answer of [refused("not-a-reader"), refused("sign-in"), refused(null, 404), { status: 500 }]) {
      const here = world(answer);
      found[answer.headers?.["Mintmark-Reason"] ?? answer.status] = await here.keepAsking(100, MINUTE);
    }
    return found;
  },
  async whoever_signs_in_again_has_a_token_five_seconds_after_the_refusal() {
    const here = await begun(refused("sign-in"));
    here.answer = given("ben", 600);
    const early = await here.get();
    await here.pass(5 * SECOND);
    return [here.first, early, await here.get(), here.heard, here.asked.length];
  },
  async listeners_that_ask_again_at_once_make_no_circle() {
    const found = [];
    for (const answer of [refused("origin"), refused("sign-in"), { status: 0 }]) {
      const here = world(answer, { listens: true });
      const push = here.heard.push;
      here.heard.push = (...what) => (here.tokens.get().catch(() => {}), push.apply(here.heard, what));
      await here.pass(4 * SECOND);
      found.push([here.asked.length, here.heard.length]);
    }
    return found;
  },
  async online_tries_at_once_what_nobody_asked_to_wait_with() {
    const here = await begun({ status: 0 }, { listens: true });
    await here.pass(3 * MINUTE);
    const before = here.asked.length;
    here.answer = given("ben", 600);
    here.wake("online");
    await here.pass(1);
    const refusedOnes = await begun(refused("not-a-reader"), { listens: true });
    refusedOnes.wake("online");
    await refusedOnes.pass(1);
    return [here.asked.length - before, here.heard.at(-1), refusedOnes.asked.length];
  },
};

const found = {};
for (const [name, tell] of Object.entries(stories)) found[name] = await tell();
console.log(JSON.stringify(found));
