// Counts down to the end of a token under [data-expires-in] (seconds); without script the moment stands in words.
"use strict";

(() => {
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;

  function words(seconds) {
    const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    const shown = parts[0] ? parts : parts.slice(1);
    return shown.map((part, index) => (index ? String(part).padStart(2, "0") : part)).join(":");
  }

  // The shape beside what is switched off or over.
  function bar() {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", "M1.5 6.5h13v3h-13Z");
    return path;
  }

  // The server says how long; the clock of this machine may be wrong, but it runs as fast.
  function start(line) {
    const ends = Date.now() + Number(line.dataset.expiresIn) * 1000;
    const left = document.createElement("span");
    left.setAttribute("role", "timer");
    (line.querySelector(":scope > span") ?? line).append(" ", left);

    function show() {
      const seconds = Math.max(0, Math.ceil((ends - Date.now()) / 1000));
      if (seconds === 0) {
        left.setAttribute("role", "status");
        left.textContent = "· Expired";
        line.className = "state state-off";
        line.querySelector("svg").replaceChildren(bar());
        return;
      }
      left.textContent = isStill ? "" : `· ${words(seconds)} left`;
      setTimeout(show, 500);
    }
    show();
  }

  document.querySelectorAll("[data-expires-in]").forEach(start);
})();
