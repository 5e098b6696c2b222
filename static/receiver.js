// The page of a relying party: takes the token out of the address, has it verified, and shows what came of it.
"use strict";

(() => {
  const { by, name, verify, url } = document.getElementById("main").dataset;
  const at = (id) => document.getElementById(id);
  let fetched = 0;

  function say(id, words) {
    at(id).textContent = words;
    at(id).hidden = !words;
  }

  function show({ verdict, reasons, header, claims, key, ends }) {
    const isGood = verdict === "Verified";
    at("verdict-of-token").hidden = false;
    at("nothing").hidden = true;
    at("verdict-line").className = isGood ? "flash" : "problem";
    document.querySelectorAll("[data-shape]").forEach((shape) => (shape.hidden = shape.dataset.shape !== verdict));
    at("verdict").textContent = verdict;
    at("reasons").replaceChildren(...reasons.map((reason) => item(reason)));
    at("reasons").hidden = isGood;
    say("key", key ? `Signed with ${key}.` : "");
    say("ends", ends);
    at("seen").hidden = header === null;
    at("unbelieved").hidden = isGood;
    at("claims").textContent = claims === null ? "" : JSON.stringify(claims, null, 2);
    at("header").textContent = header === null ? "" : JSON.stringify(header, null, 2);
  }

  function item(...pieces) {
    const line = document.createElement("li");
    line.append(...pieces);
    return line;
  }

  function code(text) {
    const [apart, piece] = ["bdi", "code"].map((tag) => document.createElement(tag));
    piece.textContent = text.slice(0, 200);
    apart.append(piece);
    return apart;
  }

  async function judge(token) {
    let answer;
    try {
      answer = await fetch(verify, {
        method: "POST",
        credentials: "omit",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ token }),
      });
      if (!answer.ok) throw new Error(answer.status);
      show(await answer.json());
    } catch {
      show({ verdict: "Refused", reasons: ["It could not be verified: this site does not answer."], header: null, claims: null });
    }
  }

  // Whoever looks over a shoulder, or into the history, finds no token in the address.
  function clean() {
    history.replaceState(null, "", location.pathname);
  }

  function takeFragment() {
    const given = new URLSearchParams(location.hash.slice(1));
    const tokens = given.getAll(name);
    if (!tokens.length) return;
    clean();
    const beside = [...given].filter(([each]) => each !== name).slice(0, 8);
    at("beside").replaceChildren(...beside.map(([each, value]) => item(code(each), ": ", code(value))));
    at("along").hidden = !beside.length;
    if (tokens.length > 1) show({ verdict: "Refused", reasons: ["More than one token came."], header: null, claims: null });
    else judge(tokens[0]);
  }

  function embed() {
    if (typeof mintmark === "undefined") return say("fetched", "The script of Mintmark did not load.");
    mintmark(url, {
      onToken(token) {
        fetched += 1;
        say("fetched", fetched === 1 ? "This is the first token since the page was opened." : `This is token ${fetched} since the page was opened.`);
        judge(token);
      },
      onSignedOut() {
        say("fetched", "Nobody is signed in at Mintmark. Sign in there, and open this page again.");
      },
      onError(error) {
        say("fetched", `No token came: ${error.reason || error.message}`);
      },
    }).get().catch(() => {}); // Said by onError or onSignedOut.
  }

  if (by === "query" && location.search) clean();
  if (by === "fragment") {
    takeFragment();
    addEventListener("hashchange", takeFragment);
  }
  if (by === "page") embed();
})();
