// Adds a Copy button to every [data-copy] block: for its field, or its code. Without script both can be selected by hand.
"use strict";

(() => {
  const SHOWN_MS = 2500;
  const status = document.createElement("p");
  status.className = "unseen";
  status.setAttribute("role", "status");
  document.getElementById("main").append(status);

  function select(code) {
    if (code.select) return code.select();
    const range = document.createRange();
    range.selectNodeContents(code);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  }

  // The clipboard needs https or this machine itself; else the old command, else the person's own keys.
  async function copy(code) {
    try {
      await navigator.clipboard.writeText(code.value ?? code.textContent);
      return "Copied";
    } catch {
      select(code);
      return document.execCommand("copy") ? "Copied" : "Selected: copy it with your keyboard";
    }
  }

  function addButton(block) {
    const [button, word, what] = ["button", "span", "span"].map((name) => document.createElement(name));
    let timer;
    button.type = "button";
    button.className = "quiet";
    word.textContent = "Copy";
    what.className = "unseen";
    what.textContent = ` ${block.dataset.copy}`;
    button.append(word, what);
    button.addEventListener("click", async () => {
      clearTimeout(timer);
      status.textContent = "";
      word.textContent = await copy(block.querySelector("input") ?? block.querySelector("code"));
      status.textContent = word.textContent;
      timer = setTimeout(() => {
        word.textContent = "Copy";
        status.textContent = "";
      }, SHOWN_MS);
    });
    block.append(button);
  }

  document.querySelectorAll("[data-copy]").forEach(addButton);
})();
